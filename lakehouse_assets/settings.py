"""The only reader of the environment.

Values come, in this order, from `LAKEHOUSE_*` environment variables, from `services.json` in the state folder (written
when the embedded services get their ports and credentials), and from the defaults below.
"""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    JsonConfigSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from lakehouse_assets.errors import SettingsError

PROJECT = Path(__file__).resolve().parent.parent
SERVICES_FILE = "services.json"


def state_folder() -> Path:
    """The private state folder: `LAKEHOUSE_HOME`, or `.lakehouse` beside the package."""
    return Path(os.environ.get("LAKEHOUSE_HOME", PROJECT / ".lakehouse")).resolve()


class Settings(BaseSettings):
    """Typed settings; each field is read from `LAKEHOUSE_<FIELD>`.

    Raises:
        SettingsError: from `load()`, naming the variable and the expected format.
    """

    model_config = SettingsConfigDict(env_prefix="LAKEHOUSE_", extra="ignore", frozen=True)

    home: Path = Field(default_factory=state_folder)
    """State folder: credentials, logs, service data, Dagster's home."""

    kafka_bootstrap: str = ""
    """Kafka bootstrap servers, `host:port[,host:port]`."""
    s3_endpoint: str = ""
    """S3 endpoint as a URL, `http://host:port`."""
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    bucket: str = "lakehouse"
    spark_remote: str = ""
    """Spark Connect address, `sc://host:port`."""
    dagster_url: str = ""
    """Where the embedded Dagster webserver answers, `http://host:port`."""
    dagster_host: str = "127.0.0.1"
    """Where the embedded Dagster webserver binds; anything else only inside a container."""
    dagster_port: int = Field(default=0, ge=0, le=65535)
    """A fixed port for the embedded Dagster webserver; 0 chooses a free one and keeps it."""

    calendar_start: date = date(2015, 1, 1)
    """First day a record may be dated; older ones go to bronze's quarantine."""
    calendar_days_ahead: int = Field(default=1, ge=0)
    """How many days after today a record may be dated."""
    first_start: Literal["earliest", "latest"] | datetime = "earliest"
    """Where a table without a position starts: `earliest`, `latest` or an ISO timestamp."""
    max_records_per_batch: int = Field(default=250_000, ge=1)
    """Most records one increment reads."""
    max_bytes_per_batch: int = Field(default=16 * 2**20, ge=1)
    """Most bytes of dropped files one increment reads; a single file may be larger."""
    max_bytes_per_file: int = Field(default=32 * 2**20, ge=1)
    """A dropped file larger than this is set aside unread."""
    drop_settle_seconds: float = Field(default=2.0, ge=1)
    """A dropped file younger than this is left to settle; S3 states times in seconds, so never less than one."""
    sensor_interval_seconds: int = Field(default=1, ge=1)
    """Least time between two looks at a source."""
    retry_base_seconds: float = Field(default=5.0, gt=0)
    """Wait after the first failed run; doubles with each further one."""
    retry_cap_seconds: float = Field(default=300.0, gt=0)
    """Longest wait between two tries."""
    spark_heap: str = "2g"
    """Heap of the embedded Spark Connect server, as Java's -Xmx takes it."""
    spark_cores: int = Field(default_factory=lambda: os.cpu_count() or 2, ge=1)

    @field_validator("spark_remote")
    @classmethod
    def only_the_embedded_spark(cls, remote: str) -> str:
        """Refuses a Spark elsewhere: with Delta's log store for S3, two drivers on one table lose commits."""
        if remote and not remote.startswith(("sc://127.0.0.1:", "sc://localhost:")):
            raise ValueError("only the embedded server, sc://127.0.0.1:PORT, may write: a second driver loses commits")
        return remote

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before `services.json`."""
        services = JsonConfigSettingsSource(settings_cls, json_file=state_folder() / SERVICES_FILE)
        return init_settings, env_settings, services


def child_environment(**extra: str) -> dict[str, str]:
    """This process's environment for a service, with `extra` on top and no proxy for loopback."""
    loopback = ["127.0.0.1", "localhost"]
    kept = [part for part in os.environ.get("no_proxy", os.environ.get("NO_PROXY", "")).split(",") if part]
    bypass = ",".join([*kept, *(host for host in loopback if host not in kept)])
    return {**os.environ, "no_proxy": bypass, "NO_PROXY": bypass, **extra}


def bypass_proxy_on_loopback() -> None:
    """Let this process's own HTTP clients reach the embedded services without a proxy."""
    os.environ.update({name: child_environment()[name] for name in ("no_proxy", "NO_PROXY")})


def ca_bundle() -> Path | None:
    """The company's own CA bundle, when `SSL_CERT_FILE` or `REQUESTS_CA_BUNDLE` names one."""
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
    return Path(named) if named else None


def proxy(scheme: Literal["http", "https"]) -> str | None:
    """The proxy's URL for a scheme, when `HTTP_PROXY` or `HTTPS_PROXY` names one."""
    return os.environ.get(f"{scheme}_proxy") or os.environ.get(f"{scheme.upper()}_PROXY") or None


def load(**overrides: object) -> Settings:
    """The settings as they are now.

    Raises:
        SettingsError: a value is unreadable; names the variable and the expected format.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "LAKEHOUSE_" + "_".join(str(part) for part in first["loc"][:1]).upper()
        raise SettingsError(
            f"cannot read {name}={first['input']!r}: {first['msg']}",
            where="settings",
            do=f"Set {name} to a valid value or unset it",
        ) from error

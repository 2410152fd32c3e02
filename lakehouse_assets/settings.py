"""The only reader of the environment.

Values come, in this order, from `LAKEHOUSE_*` environment variables, from the variables that everybody knows
(`SPARK_REMOTE`, `AWS_ENDPOINT_URL`, `AWS_REGION`), from `services.json` in the state folder (written when the embedded
services get their ports and credentials), and from the defaults below. An address given by the environment brings its
own credentials: those that `services.json` keeps for the embedded service are not mixed with it.
"""

from __future__ import annotations

import os
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from lakehouse_assets import project
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.redaction import remember
from lakehouse_assets.settings_sources import SPARK_TOKEN, KnownVariables, ServicesFile, token_apart

SERVICES_FILE = "services.json"
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]


PREFIX = "LAKEHOUSE_"
NO_SETTINGS = frozenset({"LAKEHOUSE_STATE", "LAKEHOUSE_KAFKA_JAAS", "LAKEHOUSE_TESTS_HOME", project.VARIABLE})
"""What the services, a Java client, the tests and the finder of projects read for themselves."""


def state_folder() -> Path:
    """The private state folder: `LAKEHOUSE_HOME`, or `.lakehouse` in the project."""
    named = os.environ.get("LAKEHOUSE_HOME")
    return Path(named).resolve() if named else project.current().state


class Settings(BaseSettings):
    """Typed settings; each field is read from `LAKEHOUSE_<FIELD>`.

    Raises:
        SettingsError: from `load()`, naming the variable and the expected format.
    """

    model_config = SettingsConfigDict(env_prefix="LAKEHOUSE_", extra="ignore", frozen=True, hide_input_in_errors=True)

    home: Path = Field(default_factory=state_folder)
    """State folder: credentials, logs, service data, Dagster's home."""

    kafka_bootstrap: str = ""
    """Kafka bootstrap servers, `host:port[,host:port]`."""
    kafka_security_protocol: SecurityProtocol = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    kafka_sasl_username: str = ""
    kafka_sasl_password: SecretStr = SecretStr("")
    kafka_ssl_ca: Path | None = None
    """PEM file with the authority that signed the brokers' certificates; without it, those that the system trusts."""
    embedded_kafka_security: Literal["PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How clients sign in at the embedded broker; its certificate, user and password are made for it."""
    s3_endpoint: str = ""
    """S3 endpoint as a URL, `http://host:port`; empty means Amazon's own, by https."""
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    """Empty means AWS's usual chain: `AWS_*` variables, a profile, the machine's role."""
    s3_secret_key: SecretStr = SecretStr("")
    embedded_s3: bool = True
    """False takes Amazon's S3 instead of an embedded server where no endpoint is given."""
    bucket: str = "lakehouse"
    spark_remote: str = ""
    """Spark Connect address, `sc://host:port`; `SPARK_REMOTE` is read too, and a token in either is taken out of it."""
    spark_token: SecretStr = SecretStr("")
    """What the Spark Connect server asks for; sent without TLS to this machine only."""
    dagster_postgres_url: SecretStr = SecretStr("")
    """PostgreSQL database of Dagster's instance, `postgresql://user:password@host:port/database`; SQLite without it."""
    embedded_postgres: bool = False
    """Start a PostgreSQL server for Dagster's instance."""
    dagster_url: str = ""
    """Where the embedded Dagster webserver answers, `http://host:port`."""
    dagster_host: str = "127.0.0.1"
    """Where the embedded Dagster webserver binds; beyond this machine only with `dagster_open`."""
    dagster_open: bool = False
    """Consent that whoever reaches the webserver beyond this machine operates everything: it has no login."""
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
    few_records: int = Field(default=10_000, ge=0)
    """So many records a run reads itself and hands to Spark by value; 0 leaves all reading to Spark."""
    near_rows: int = Field(default=250_000, ge=0)
    """So many rows a run writes itself, where they are not too large; 0 leaves all writing to Spark."""
    most_failing_records: int = Field(default=10, ge=0)
    """Most records of one batch that are set aside because code fails on them; more are a fault of the code."""
    max_rows_per_piece: int = Field(default=250_000, ge=1)
    """Most rows of its source that a rebuild reads for one commit, unless a single day holds more."""
    max_bytes_per_batch: int = Field(default=16 * 2**20, ge=1)
    """Most bytes of dropped files one increment reads; a single file may be larger."""
    max_files_per_batch: int = Field(default=1_000, ge=1)
    """Most dropped files one increment reads."""
    max_bytes_per_file: int = Field(default=32 * 2**20, ge=1)
    """A dropped file that is larger than this, also once it is unpacked, is set aside."""
    drop_settle_seconds: float = Field(default=2.0, ge=1)
    """A dropped file younger than this is left to settle; S3 states times in seconds, so never less than one."""
    run_budget_seconds: float = Field(default=200.0, gt=0)
    """A run that takes in what comes ends after this long, and the next one goes on."""
    outage_seconds: float = Field(default=20.0, ge=0)
    """So long a run waits for a broker or a store that does not answer, before it leaves it to the next one."""
    commit_interval_seconds: float = Field(default=0.0, ge=0)
    """Least time between two batches of a source: fewer and larger commits, for tables that need not be so fresh."""
    news_interval_seconds: float = Field(default=5.0, ge=0)
    """Least time between two reports of a run to Dagster, of all that it has committed meanwhile."""
    sensor_interval_seconds: int = Field(default=1, ge=1)
    """Least time between two ticks of the sensor of all sources; within a tick it looks three times a second."""
    run_workers: int = Field(default=1, ge=0)
    """Processes that are kept warm for runs; further ones start while runs wait. 0 starts a process for each run."""
    runs_per_worker: int = Field(default=200, ge=1)
    """A warm process is replaced after this many runs."""
    run_worker_mb: float = Field(default=1500, gt=0)
    """And after a run that leaves it with more memory than this, in MB."""
    retry_base_seconds: float = Field(default=5.0, gt=0)
    """Wait after the first failed run; doubles with each further one."""
    retry_cap_seconds: float = Field(default=300.0, gt=0)
    """Longest wait between two tries."""
    compact_min_files: int = Field(default=8, ge=2)
    """A day with at least this many small files is compacted."""
    compact_small_mb: float = Field(default=16.0, gt=0)
    """Files below this size, in MB, count as small."""
    vacuum_retention_days: float = Field(default=14.0, ge=0)
    """Files that no newer version needs are deleted after this many days."""
    vacuum_floor_days: float = Field(default=7.0, ge=0)
    """The shortest retention that a vacuum accepts."""
    quarantine_max_rows: int = Field(default=10_000, ge=0)
    """More rows than this in a quarantine fail its check, and are told."""
    quarantine_max_days: float = Field(default=30.0, gt=0)
    """A row set aside for longer fails its quarantine's check, and is told."""
    log_retention_days: int = Field(default=30, ge=1)
    """How long a new table's history is kept, in days; its position is restated before the log that holds it goes."""
    maintenance_cron: str = "17 3 * * *"
    """When tables are compacted and vacuumed and old runs are deleted, as cron takes it, in UTC."""
    run_retention_days: int = Field(default=30, ge=1)
    """Finished runs older than this are deleted from Dagster, save those that hold the newest news of a day."""
    alerts_file: Path | None = None
    """Who is told what; without it `alerts.toml` in the state folder, and nobody where there is none."""
    alerts_interval_seconds: int = Field(default=15, ge=1)
    """Least time between two rounds of the alerts."""
    alerts_settle_seconds: float = Field(default=30.0, ge=0)
    """Days that begin to break a rule are one message once no further day has followed for this long."""
    alerts_warn_hold_seconds: float = Field(default=600.0, ge=0)
    """A check of severity WARN is all right again once it has passed for this long."""
    alerts_sensor_silence_seconds: float = Field(default=120.0, gt=0)
    """A sensor without a tick for this long, and for ten of its intervals, is stuck."""
    alerts_lag_offsets: int = Field(default=1_000_000, ge=0)
    """A table of a topic that is more offsets behind is told."""
    alerts_lag_files: int = Field(default=1_000, ge=0)
    """A table of dropped files that is more files behind is told."""
    alerts_lag_minutes: float = Field(default=30.0, gt=0)
    """So is one that is behind and takes in nothing for this long."""
    alerts_unmeasured_minutes: float = Field(default=5.0, gt=0)
    """A source, or the store, that does not answer for this long is told."""
    alerts_quarantine_rows_a_day: int = Field(default=1_000, ge=0)
    """So is one that grew by more rows within a day."""
    spark_event_log_mb: int = Field(default=256, ge=32)
    """Most disk that the event log of the embedded Spark may take, in MB."""
    spark_heap: str = "2g"
    """Heap of the embedded Spark Connect server, as Java's -Xmx takes it."""
    spark_workers: int = Field(default=0, ge=0)
    """Workers of an embedded Spark cluster; 0 runs everything in the Spark Connect server itself."""
    spark_worker_heap: str = "1g"
    """Heap of each worker's executor, as Java's -Xmx takes it."""
    spark_cores: int = Field(default_factory=lambda: os.cpu_count() or 2, ge=1)

    @model_validator(mode="before")
    @classmethod
    def address_without_token(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Takes the token out of the Spark Connect address: an address is shown, a token is not."""
        address, token = token_apart(str(values.get("spark_remote", "")))
        return {**values, "spark_remote": address} | ({"spark_token": token} if token else {})

    def model_post_init(self, _context: object) -> None:
        """Has the secrets taken out of every message."""
        remember(self.secrets())

    def secrets(self) -> list[str]:
        """Everything here, and in this process's proxies and AWS variables, that nobody may see."""
        own = [value.get_secret_value() for _, value in self if isinstance(value, SecretStr)]
        parameters = [each.partition("=")[2] for each in self.spark_remote.split(";")[1:]]
        around = [os.environ.get(name, "") for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", SPARK_TOKEN)]
        proxies = [url for url in (proxy("http"), proxy("https")) if url and "@" in url]
        return [*own, self.s3_access_key, *parameters, *around, *proxies]

    @field_validator("s3_endpoint", "dagster_url", "kafka_bootstrap")
    @classmethod
    def no_password_in_an_address(cls, address: str) -> str:
        """Refuses a password where it would be shown."""
        if "@" in address:
            raise ValueError("expected an address without user and password, which have settings of their own")
        return address

    @field_validator("spark_remote")
    @classmethod
    def only_spark_connect(cls, remote: str) -> str:
        """Refuses what is not the address of a Spark Connect server."""
        if remote and not remote.startswith("sc://"):
            raise ValueError("expected the address of a Spark Connect server, sc://host:port")
        return remote.rstrip("/")

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
        kept = Path(init_settings().get("home", state_folder())) / SERVICES_FILE
        return init_settings, env_settings, KnownVariables(settings_cls), ServicesFile(settings_cls, kept)


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


def unknown_names() -> dict[str, str]:
    """Variables of the environment that look like settings and are none, each with the nearest that is; or nothing."""
    known = [name.upper() for name in Settings.model_fields]
    given = {name.upper().removeprefix(PREFIX): name for name in os.environ if name.upper().startswith(PREFIX)}
    unknown = {short: name for short, name in sorted(given.items()) if short not in known and name not in NO_SETTINGS}
    near = {name: get_close_matches(short, known, 1) for short, name in unknown.items()}
    return {name: f"{PREFIX}{found[0]}" if found else "" for name, found in near.items()}


def load(**overrides: object) -> Settings:
    """The settings as they are now.

    Raises:
        SettingsError: a value is unreadable; names the variable and the expected format.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        name, given = f"LAKEHOUSE_{field.upper()}", repr(first["input"])
        secret = Settings.model_fields[field].annotation is SecretStr or "@" in given or ";" in given
        raise SettingsError(
            f"cannot read {name}={'(a secret)' if secret else given}: {first['msg']}",
            where="settings",
            do=f"Set {name} to a valid value or unset it",
        ) from error

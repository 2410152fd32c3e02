"""Where settings come from besides `LAKEHOUSE_*`: well-known variables, and the file of the embedded services."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, JsonConfigSettingsSource, PydanticBaseSettingsSource

SPARK_TOKEN = "SPARK_CONNECT_AUTHENTICATE_TOKEN"
"""Variable from which a Spark Connect server takes the token it asks for, and pyspark's own client the one it sends."""
LED_BY = {
    "kafka_": ("kafka_bootstrap",),
    "s3_": ("s3_endpoint", "s3_access_key"),
    "spark_token": ("spark_remote",),
}
"""Settings that belong together: who gives one of the leaders anew gives the rest of its group as well."""


class KnownVariables(PydanticBaseSettingsSource):
    """The variables that Spark and every AWS client read, where `LAKEHOUSE_*` says nothing else."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The value of one field, its name, and that it is no JSON."""
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """The fields that these variables give."""
        found: dict[str, Any] = {}
        if (remote := os.environ.get("SPARK_REMOTE", "")) and "spark_remote" not in self.current_state:
            token = os.environ.get(SPARK_TOKEN, "")
            found = {"spark_remote": remote} | ({"spark_token": token} if token else {})
        if not self.current_state.keys() & set(LED_BY["s3_"]):
            found |= self._store()
        return found

    def _store(self) -> dict[str, Any]:
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        return ({"s3_endpoint": endpoint} if endpoint else {}) | ({"s3_region": region} if region else {})


class ServicesFile(JsonConfigSettingsSource):
    """What is kept of the embedded services, but for those that the environment replaces."""

    def __init__(self, settings_cls: type[BaseSettings], file: Path) -> None:
        super().__init__(settings_cls, json_file=file)

    def __call__(self) -> dict[str, Any]:
        """The fields of the file that still hold."""
        kept, given = super().__call__(), self.current_state
        for prefix, leaders in LED_BY.items():
            if any(_moved(name, given, kept) for name in leaders):
                kept = _without(kept, prefix)
        if str(given.get("embedded_s3", "true")).lower() in ("false", "0", "no", "off", "f", "n"):
            kept = _without(kept, "s3_")
        return kept


def _moved(name: str, given: dict[str, Any], kept: dict[str, Any]) -> bool:
    """Whether a field is given and is not the kept one."""
    if name == "spark_remote" and name in given:
        address, token = token_apart(str(given[name]))
        return address != kept.get(name) or bool(token)
    return bool(given.get(name, kept.get(name)) != kept.get(name))


def _without(values: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if not name.startswith(prefix)}


def token_apart(remote: str) -> tuple[str, str]:
    """A Spark Connect address without its token, and the token.

    `localhost` becomes a number: it may also be another address of this machine, where a stranger waits for the token.
    """
    address, *parameters = remote.split(";")
    tokens = [each.partition("=")[2] for each in parameters if each.startswith("token=")]
    others = [each for each in parameters if each and not each.startswith("token=")]
    numbered = address.replace("sc://localhost:", "sc://127.0.0.1:", 1)
    return ";".join([numbered, *others]).rstrip("/"), unquote(tokens[-1]) if tokens else ""

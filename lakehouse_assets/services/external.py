"""Services that the settings place elsewhere: not started here, only asked whether they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lakehouse_assets.access import kafka, s3, spark
from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services.endpoints import Endpoints
from lakehouse_assets.services.kafka import cluster_id
from lakehouse_assets.services.postgres import probe
from lakehouse_assets.services.service import NotHealthyError
from lakehouse_assets.services.spark import reach
from lakehouse_assets.settings import Settings

AMAZON = "Amazon's S3"


def elsewhere(settings: Settings, kept: Endpoints | None) -> dict[str, str]:
    """Where each service is that is not the embedded one, by its name; holds no password.

    An address that equals the kept one is the embedded service's own, as `lakehouse env` exports it.
    """
    own = kept.as_settings() if kept else {}
    found = {
        "kafka": settings.kafka_bootstrap if settings.kafka_bootstrap != own.get("kafka_bootstrap") else "",
        "s3": _store(settings, str(own.get("s3_endpoint", ""))),
        "spark": spark.shown(settings.spark_remote) if settings.spark_remote != own.get("spark_remote") else "",
        "postgres": _database(settings, kept.postgres_url if kept else ""),
    }
    return {name: address for name, address in found.items() if address}


def _store(settings: Settings, own: str) -> str:
    if settings.s3_endpoint:
        return settings.s3_endpoint if settings.s3_endpoint != own else ""
    return "" if settings.embedded_s3 and not settings.s3_access_key else AMAZON


def _database(settings: Settings, own: str) -> str:
    url = settings.dagster_postgres_url.get_secret_value()
    return url.rpartition("@")[2] if url != own else ""


def check(name: str, settings: Settings) -> None:
    """Ask a service elsewhere whether it works.

    Raises:
        NotHealthyError: it does not.
    """
    CHECKS[name](settings)


def require(name: str, settings: Settings) -> None:
    """Make sure that a service elsewhere works, and that a store refuses to overwrite when asked to.

    Raises:
        ServiceError: it does not.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        check(name, settings)
        if name == "s3":
            s3.require_conditional_put(s3.client(settings), settings.bucket)
    except (NotHealthyError, BotoCoreError, ClientError) as error:
        do = "Check its address and credentials in the settings"
        raise ServiceError(f"does not answer ({error})", where=name, do=do) from error


def _bucket(settings: Settings) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        s3.client(settings).head_bucket(Bucket=settings.bucket)
    except (BotoCoreError, ClientError) as error:
        raise NotHealthyError(f"bucket {settings.bucket}: {error}") from error


def _broker(settings: Settings) -> None:
    cluster_id(kafka.client(settings))


CHECKS: Mapping[str, Callable[[Settings], None]] = {
    "kafka": _broker,
    "s3": _bucket,
    "spark": lambda settings: reach(settings.spark_remote, settings.spark_token.get_secret_value()),
    "postgres": lambda settings: probe(settings.dagster_postgres_url.get_secret_value()),
}

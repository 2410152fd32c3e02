"""The store's address and keys, as each kind of client takes them.

Without keys in the settings every client follows AWS's usual chain: `AWS_*` variables, a profile, the machine's role.
Without an endpoint it is Amazon's own, by https.
"""

from __future__ import annotations

import uuid
from functools import cache
from typing import Any

from lakehouse_assets.errors import ServiceError
from lakehouse_assets.settings import Settings

CONNECT_SECONDS = 2.0
READ_SECONDS = 10.0
PRECONDITION_FAILED = 412
KEY_FROM_ENVIRONMENT = "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"
KEY_FROM_CHAIN = "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"


def delta_rs(settings: Settings) -> dict[str, str]:
    """Storage options of delta-rs; may hold the secret key, so never log them."""
    options = {"AWS_REGION": settings.s3_region}
    if settings.s3_endpoint:
        options["AWS_ENDPOINT_URL"] = settings.s3_endpoint
        options["AWS_ALLOW_HTTP"] = str(settings.s3_endpoint.startswith("http://")).lower()
    return options | (keys(settings) or found())


def found() -> dict[str, str]:
    """The keys that AWS's usual chain finds now, as its variables: delta-rs by itself knows no profile."""
    chain = _chain()
    if chain is None:
        return {}
    now = chain.get_frozen_credentials()
    names = {
        "AWS_ACCESS_KEY_ID": now.access_key,
        "AWS_SECRET_ACCESS_KEY": now.secret_key,
        "AWS_SESSION_TOKEN": now.token,
    }
    return {name: value for name, value in names.items() if value}


def patience(seconds: float) -> dict[str, str]:
    """Options of delta-rs for who waits so long for a store that does not answer; without them it is 2 to 10 s."""
    return {"max_retries": "1000", "retry_timeout": f"{seconds:g}s", "backoff_config.max_backoff": "500ms"}


@cache
def _chain() -> Any:
    """What renews the keys by itself; looked for once, which can take a second where there are none."""
    import boto3

    return boto3.session.Session().get_credentials()


def keys(settings: Settings) -> dict[str, str]:
    """The keys of the settings as AWS's variables; empty where the usual chain is to find them."""
    if not settings.s3_access_key:
        return {}
    return {
        "AWS_ACCESS_KEY_ID": settings.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": settings.s3_secret_key.get_secret_value(),
    }


def s3a(settings: Settings) -> dict[str, str]:
    """Spark's options, without their prefix `spark.hadoop.fs.s3a.`; the keys are not among them."""
    options = {
        "endpoint.region": settings.s3_region,
        "connection.ssl.enabled": str(not settings.s3_endpoint.startswith("http://")).lower(),
        "path.style.access": str(bool(settings.s3_endpoint)).lower(),
        "bucket.probe": "0",
        "aws.credentials.provider": KEY_FROM_ENVIRONMENT if settings.s3_access_key else KEY_FROM_CHAIN,
    }
    return options | ({"endpoint": settings.s3_endpoint} if settings.s3_endpoint else {})


def client(settings: Settings) -> Any:
    """A boto3 client that waits briefly; it takes no proxy where an endpoint is given."""
    import boto3
    from botocore.config import Config

    here: dict[str, Any] = {"proxies": {}, "s3": {"addressing_style": "path"}} if settings.s3_endpoint else {}
    waits: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
    return boto3.session.Session().client(
        "s3",
        endpoint_url=settings.s3_endpoint or None,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key or None,
        aws_secret_access_key=settings.s3_secret_key.get_secret_value() or None,
        config=Config(retries={"total_max_attempts": 1}, **here, **waits),
    )


def require_conditional_put(client: Any, bucket: str) -> None:
    """Put one key twice with `If-None-Match: *`: a store that overwrites would lose Delta commits in silence.

    Raises:
        ServiceError: the second put was not refused.
    """
    from botocore.exceptions import ClientError

    key = f"_probe/{uuid.uuid4().hex}"
    client.put_object(Bucket=bucket, Key=key, Body=b"first", IfNoneMatch="*")
    try:
        client.put_object(Bucket=bucket, Key=key, Body=b"second", IfNoneMatch="*")
        refused = False
    except ClientError as error:
        refused = error.response["ResponseMetadata"]["HTTPStatusCode"] == PRECONDITION_FAILED
    finally:
        client.delete_object(Bucket=bucket, Key=key)
    if not refused:
        raise ServiceError(
            "the store overwrites an object that was put with If-None-Match: *",
            where="s3",
            do="Use a store with conditional writes; Delta commits would be lost on this one",
        )

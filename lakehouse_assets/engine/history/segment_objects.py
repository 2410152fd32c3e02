"""Sealed segments as objects of the bucket: `<table>/_positions/<sha256>.json`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from lakehouse_assets.engine.history.segments import FOLDER
from lakehouse_assets.engine.sources import landing
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings


@dataclass(frozen=True)
class SegmentObjects:
    """The segments of one table, a `segments.Store`."""

    settings: Settings
    key: str

    @property
    def where(self) -> str:
        """The folder's address."""
        return f"s3://{self.settings.bucket}/{self.key}/{FOLDER}"

    def names(self) -> frozenset[str]:
        """Of the segments that are there; one listing."""
        pages = landing.client(self.settings).get_paginator("list_objects_v2")
        with self._explained():
            listed = pages.paginate(Bucket=self.settings.bucket, Prefix=self._object(""))
            keys = [each["Key"] for page in listed for each in page.get("Contents", [])]
        return frozenset(key.rpartition("/")[2].removesuffix(".json") for key in keys if key.endswith(".json"))

    def get(self, name: str) -> bytes | None:
        """What a segment holds; None where it is not there."""
        client = landing.client(self.settings)
        with self._explained():
            try:
                found = client.get_object(Bucket=self.settings.bucket, Key=self._object(f"{name}.json"))
                body: bytes = found["Body"].read()
            except client.exceptions.NoSuchKey:
                return None
        return body

    def put(self, name: str, body: bytes) -> None:
        """Writes a segment, whole or not at all."""
        with self._explained():
            landing.client(self.settings).put_object(
                Bucket=self.settings.bucket, Key=self._object(f"{name}.json"), Body=body
            )

    def _object(self, name: str) -> str:
        return f"{self.key}/{FOLDER}/{name}"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError(
                f"no answer ({error})", where=self.where, do="Check S3 with `lakehouse status`"
            ) from error

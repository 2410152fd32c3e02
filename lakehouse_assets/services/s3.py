"""S3: SeaweedFS, every part of it in one process, on loopback.

Its parts know each other by signed requests and, where they speak gRPC, by a certificate of their own; master and filer
answer no HTTP.
"""

from __future__ import annotations

import hmac
import json
import shutil
import sys
from pathlib import Path
from typing import Any, ClassVar

from lakehouse_assets.access import s3 as access
from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services import certificates
from lakehouse_assets.services.endpoints import ADMIN_GRPC_OFFSET, HOST
from lakehouse_assets.services.home import write_private
from lakehouse_assets.services.java import EMBEDDED
from lakehouse_assets.services.service import NotHealthyError, Service
from lakehouse_assets.services.supervisor import Program

SIGNED = (
    *("WEED_JWT_SIGNING_KEY", "WEED_JWT_SIGNING_READ_KEY"),
    *("WEED_JWT_FILER_SIGNING_KEY", "WEED_JWT_FILER_SIGNING_READ_KEY"),
)
"""Variables with the keys for writes to and reads from volumes, then from the filer."""
PARTS = ("MASTER", "VOLUME", "FILER", "S3", "ADMIN", "WORKER", "CLIENT")
"""Who shows its certificate to whom it calls, and asks for one, in SeaweedFS's variables."""

GO = {"GOGC": "50"}
"""Garbage is collected once it is half of what is in use: 100 MB less of memory at rest."""


class S3(Service):
    """The embedded S3 server."""

    name: ClassVar[str] = "s3"

    @property
    def folder(self) -> Path:
        """Configuration and data."""
        return self.site.home.folder("s3")

    def programs(self) -> list[Program]:
        """One process with master, volume, filer and gateway."""
        return [
            Program(
                "s3",
                [str(_weed()), *self._options()],
                self.folder,
                {**self._signing(), **GO},
                stop_seconds=8,
                port=self.site.endpoints.ports["s3"],
            )
        ]

    def prepare(self) -> None:
        """Write the credentials file, and the certificate that the parts show each other."""
        _weed()
        self.site.home.folder("s3", "data")
        certificates.ensure(*self._certificates)
        endpoints = self.site.endpoints
        key = {"accessKey": endpoints.s3_access_key, "secretKey": endpoints.s3_secret_key}
        actions = ["Admin", "Read", "List", "Tagging", "Write"]
        identity = {"name": "lakehouse", "credentials": [key], "actions": actions}
        write_private(self.folder / "identities.json", json.dumps({"identities": [identity]}, indent=2))

    def health(self) -> None:
        """The server lists its buckets to who has the key, and takes an object once there is a bucket.

        After a crash it lists before its volumes are back; only a write shows that they are.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        client, bucket = self.client(), self.site.settings.bucket
        try:
            if bucket in {each["Name"] for each in client.list_buckets()["Buckets"]}:
                client.put_object(Bucket=bucket, Key="_probe/health", Body=b"")
        except (BotoCoreError, ClientError) as error:
            raise NotHealthyError(str(error)) from error

    def ready(self) -> None:
        """Create the bucket, and see that the store refuses to overwrite when asked to."""
        client, bucket = self.client(), self.site.settings.bucket
        if bucket not in {each["Name"] for each in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket=bucket)
        access.require_conditional_put(client, bucket)

    def client(self) -> Any:
        """A boto3 client with the generated key, that waits briefly and takes no proxy."""
        return access.client(self.site.settings)

    @property
    def _certificates(self) -> tuple[Path, Path]:
        """The authority's, and the parts' own with its key."""
        return self.folder / "ca.pem", self.folder / "parts.pem"

    def _signing(self) -> dict[str, str]:
        """How one part knows another: keys for requests, derived from one secret, and certificates for gRPC."""
        secret = self.site.endpoints.credentials["s3_signing"].encode()
        keys = {name: hmac.new(secret, name.encode(), "sha256").hexdigest() for name in SIGNED}
        authority, own = map(str, self._certificates)
        shown = {f"WEED_GRPC_{part}_{what}": own for part in PARTS for what in ("CERT", "KEY")}
        return {**keys, "WEED_GRPC_CA": authority, **shown}

    def _options(self) -> list[str]:
        ports, sockets = self.site.endpoints.ports, self.site.home.sockets
        return [
            "-logtostderr=true",
            "mini",
            f"-dir={self.folder / 'data'}",
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            f"-s3.config={self.folder / 'identities.json'}",
            f"-s3.port={ports['s3']}",
            f"-s3.port.grpc={ports['s3_grpc']}",
            f"-s3.localSocket={sockets / 's3.sock'}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.autoCreateBucket=false",
            f"-master.port={ports['s3_master']}",
            f"-master.port.grpc={ports['s3_master_grpc']}",
            "-master.telemetry=false",
            # With its election state kept, the master can miss that it was elected and hold writes for 20 s.
            "-master.resumeState=false",
            f"-volume.port={ports['s3_volume']}",
            f"-volume.port.grpc={ports['s3_volume_grpc']}",
            f"-filer.port={ports['s3_filer']}",
            f"-filer.port.grpc={ports['s3_filer_grpc']}",
            f"-filer.localSocket={sockets / 'filer.sock'}",
            f"-admin.port={ports['s3_admin']}",
            f"-admin.port.grpc={ports['s3_admin'] + ADMIN_GRPC_OFFSET}",
            "-admin.ui=false",
            "-webdav=false",
            "-disableHttp",
        ]


def _weed() -> Path:
    beside = Path(sys.executable).parent / "weed"
    found = beside if beside.exists() else shutil.which("weed")
    if not found:
        raise ServiceError("the program `weed` is missing", where="s3", do=EMBEDDED)
    return Path(found)

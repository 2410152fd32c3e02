"""A real SMTP server and a real HTTP webhook on 127.0.0.1 that keep what arrives, and can go down and come back."""

from __future__ import annotations

import email
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller

HOST = "127.0.0.1"
_ID = re.compile(r"^Message: (\S+)", re.MULTILINE)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class Receiver:
    """What has arrived, in order, and a port that it keeps while it is down."""

    def __init__(self) -> None:
        self.port = free_port()
        self.titles: list[str] = []
        self.bodies: list[str] = []

    @property
    def ids(self) -> list[str]:
        return [_ID.search(body).group(1) for body in self.bodies]

    def take(self, title: str, body: str) -> None:
        self.bodies.append(body)
        self.titles.append(title)


class Mail(Receiver):
    """SMTP."""

    @property
    def url(self) -> str:
        return f"mailto://{HOST}:{self.port}?from=lakehouse@example.org&to=team@example.org&format=text&mode=insecure"

    async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802
        mail = email.message_from_bytes(envelope.content)
        title = str(email.header.make_header(email.header.decode_header(mail["Subject"])))
        self.take(" ".join(title.split()), mail.get_payload(decode=True).decode())
        return "250 accepted"

    @contextmanager
    def up(self) -> Iterator[Mail]:
        server = Controller(self, HOST, self.port)
        server.start()
        try:
            yield self
        finally:
            server.stop()


class Hook(Receiver):
    """HTTP; refuses everything with the status in `refuse`, or what has the title in `refuse_title`."""

    refuse: int | None = None
    refuse_title = ""

    @property
    def url(self) -> str:
        return f"json://{HOST}:{self.port}/hooks/S3cretToken"

    @contextmanager
    def up(self) -> Iterator[Hook]:
        server = ThreadingHTTPServer((HOST, self.port), self._handler())
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = hook.refuse or (400 if body["title"] == hook.refuse_title else 200)
                if status == 200:
                    hook.take(body["title"], body["message"])
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_arguments) -> None:
                """Quiet."""

        return Handler

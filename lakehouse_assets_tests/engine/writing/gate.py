"""A door in front of S3 that sees every put, and has something done at a moment of one that it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

Part = Literal["data", "log"]
Moment = Literal["asked", "sent", "answered"]
"""The put has come here whole; it has gone on to the store; the store has answered, and the answer is still here."""
WAIT_SECONDS = 60.0
_BETWEEN_TWO = {"connection", "content-length", "expect", "transfer-encoding"}
"""Headers that are not passed on."""


class Put(NamedTuple):
    """A moment of one object's way to the store."""

    table: str
    """The table's key."""
    part: Part
    moment: Moment


@dataclass
class Aim:
    """What is done, once, at the next such moment."""

    at: Put
    act: Callable[[], object]
    drops: bool = False
    """Whether the store never gets the object."""
    happened: threading.Event = field(default_factory=threading.Event)


class Gate(ThreadingHTTPServer):
    """Serves on a port of its own; a context manager."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, endpoint: str, bucket: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.store, self.bucket = urlsplit(endpoint).netloc, bucket
        self.seen: list[Put] = []
        self.statuses: list[tuple[Put, int]] = []
        self.aims: list[Aim] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """Its own address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def aim(self, at: Put, act: Callable[[], object], *, drops: bool = False) -> Aim:
        """Has something done; the put stays where it is meanwhile."""
        self.aims.append(Aim(at, act, drops))
        return self.aims[-1]

    def passes(self, put: Put) -> bool:
        """Told of each moment; whether the put goes on."""
        self.seen.append(put)
        aim = next((each for each in self.aims if each.at == put), None)
        if aim is None:
            return True
        self.aims.remove(aim)
        aim.act()
        aim.happened.set()
        return not aim.drops

    def put(self, path: str, moment: Moment) -> Put:
        """A moment of the object at this path."""
        within = path.removeprefix(f"/{self.bucket}/")
        return Put("/".join(within.split("/")[:3]), "log" if "/_delta_log/" in within else "data", moment)

    def handle_error(self, *_: object) -> None:
        """Those who ask here are killed all the time."""


class _Passage(BaseHTTPRequestHandler):
    """One connection."""

    server: Gate
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.store = HTTPConnection(self.server.store)

    def finish(self) -> None:
        self.store.close()
        with suppress(OSError):
            super().finish()

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._told("asked"):
            self.close_connection = True
            return
        self._ask(body)
        self._told("sent")
        with self.store.getresponse() as answer:
            content = answer.read()
            if self.command == "PUT":
                self.server.statuses.append((self.server.put(self.path, "answered"), answer.status))
            self._told("answered")
            self._answer(answer.status, answer.getheaders(), content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815

    def _told(self, moment: Moment) -> bool:
        return self.command != "PUT" or self.server.passes(self.server.put(self.path, moment))

    def _ask(self, body: bytes) -> None:
        self.store.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _BETWEEN_TWO:
                self.store.putheader(name, value)
        self.store.putheader("Content-Length", str(len(body)))
        self.store.endheaders(body)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        length = str(len(content))
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            if name.lower() not in _BETWEEN_TWO:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""

"""An HTTP proxy before the real S3 that answers for single objects as a broken or forbidding store would."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

CODES = {403: "AccessDenied", 404: "NoSuchKey", 500: "InternalError", 503: "SlowDown"}


class StoreProxy(ThreadingHTTPServer):
    """Passes everything on, but for GETs of objects whose key ends with a name in `faults`: they get that status."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(upstream).netloc
        self.faults: dict[str, int] = {}
        self.gets: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fault_of(self, path: str) -> int | None:
        key = unquote(urlsplit(path).path)
        return next((status for name, status in self.faults.items() if key.endswith(name)), None)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StoreProxy

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = self.server.fault_of(self.path) if self.command == "GET" else None
        if self.command == "GET":
            self.server.gets.append(unquote(urlsplit(self.path).path))
        if status is not None:
            code = CODES[status]
            self._answer(status, [], f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())
            return
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=30)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body or None)
        found = upstream.getresponse()
        self._answer(found.status, found.getheaders(), found.read())
        upstream.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        kept = [(n, v) for n, v in headers if n.lower() not in ("content-length", "transfer-encoding", "connection")]
        stated = dict((n.lower(), v) for n, v in headers).get("content-length")
        for name, value in kept:
            self.send_header(name, value)
        size = stated if self.command == "HEAD" and stated else str(len(body))
        self.send_header("Content-Length", size)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


for _method in ("GET", "PUT", "POST", "HEAD", "DELETE"):
    setattr(_Handler, f"do_{_method}", _Handler.pass_on)


@contextmanager
def store_proxy(upstream: str) -> Iterator[StoreProxy]:
    proxy = StoreProxy(upstream)
    threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()

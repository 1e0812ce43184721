"""A real S3 server made less able: an HTTP proxy in front of it that lacks what some providers lack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.settings import Settings

OUT_OF_RANGE = b"<Error><Code>InvalidRange</Code><Message>no</Message></Error>"
NOT_IMPLEMENTED = b"<Error><Code>NotImplemented</Code><Message>no</Message></Error>"
REFUSED = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"


@dataclass(frozen=True)
class Lacks:
    """What the weaker store does not do."""

    conditions: bool = False  # writes whatever the condition says
    part_copy: bool = False  # answers 501
    signatures: bool = False  # gives every object to anyone
    long_suffixes: bool = False  # answers 416 to the last n bytes of an object that is shorter
    unreadable: Mapping[str, int] = field(default_factory=dict)  # keys, and the status that reading one answers


class Handler(BaseHTTPRequestHandler):
    """Passes a request on unchanged, so that its signature stays valid, or answers it itself."""

    protocol_version = "HTTP/1.1"
    server: LesserServer

    def do_PUT(self) -> None:
        lacks, body = self.server.lacks, self._body()
        conditional = self.headers.get("If-None-Match") or self.headers.get("If-Match")
        if lacks.part_copy and self.headers.get("x-amz-copy-source"):
            self._answer(501, {"Content-Type": "application/xml"}, NOT_IMPLEMENTED)
        elif lacks.conditions and conditional:
            self._answer(200, {"ETag": self.server.bucket.put(self._key(), body)}, b"")
        else:
            self._pass_on(body)

    def do_GET(self) -> None:
        if self.server.lacks.signatures and self._key().startswith("doctor/"):
            stored = self.server.bucket.get(self._key())
            self._answer(200, {}, stored.data if stored else b"")
        elif self.server.lacks.long_suffixes and self._wants_more_than_there_is():
            self._answer(416, {"Content-Type": "application/xml"}, OUT_OF_RANGE)
        elif status := self.server.lacks.unreadable.get(self._key()):
            self._answer(status, {"Content-Type": "application/xml"}, REFUSED)
        else:
            self._pass_on(self._body())

    def do_POST(self) -> None:
        self._pass_on(self._body())

    do_DELETE = do_POST  # noqa: N815  # http.server names them
    do_HEAD = do_POST  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _key(self) -> str:
        """The key without the bucket and the prefix."""
        path = unquote(urlsplit(self.path).path).split("/", 2)[-1]
        return path.removeprefix(self.server.prefix)

    def _wants_more_than_there_is(self) -> bool:
        wanted = self.headers.get("Range", "").removeprefix("bytes=-")
        stored = self.server.bucket.head(self._key()) if wanted.isdigit() else None
        return stored is not None and stored.size < int(wanted)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _pass_on(self, body: bytes) -> None:
        upstream = HTTPConnection(self.server.upstream, timeout=30)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            data = answer.read()
        finally:
            upstream.close()
        own = {"transfer-encoding", "connection", "content-length"}
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in own}
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self._answer(answer.status, headers, data, length)

    def _answer(self, status: int, headers: dict[str, str], data: bytes, length: str | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class LesserServer(ThreadingHTTPServer):
    def __init__(self, settings: Settings, lacks: Lacks) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lacks = lacks
        self.bucket = S3Bucket.open(settings)
        self.prefix = settings.bucket_prefix
        self.upstream = urlsplit(settings.s3_endpoint_url or "").netloc


@contextmanager
def lesser(settings: Settings, lacks: Lacks) -> Iterator[Settings]:
    """Yield settings that lead to the same store, made less able."""
    with LesserServer(settings, lacks) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield replace(settings, s3_endpoint_url=f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()

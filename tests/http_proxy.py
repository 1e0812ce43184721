"""The frame of an HTTP proxy: passes requests on unchanged, so that their signatures stay valid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler


@dataclass(frozen=True)
class Answer:
    """An answer; `length` is what the answer to a HEAD says."""

    status: int
    headers: Mapping[str, str]
    data: bytes
    length: str | None = None


class PassingHandler(BaseHTTPRequestHandler):
    """Has what a handler needs to pass a request on, or to answer it itself."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written one after the other: else each answer waits 40 ms

    def log_message(self, format: str, *args: object) -> None:
        pass

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def forward(self, upstream: str, body: bytes) -> Answer:
        """Send the request to the server at this address (host:port). Returns its answer."""
        connection = HTTPConnection(upstream, timeout=30)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        own = {"transfer-encoding", "connection", "content-length"}
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in own}
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        return Answer(answer.status, headers, data, length)

    def send(self, answer: Answer) -> None:
        data = b"" if self.command == "HEAD" or answer.status == 304 else answer.data
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", answer.length or str(len(data)))
        self.end_headers()
        self.wfile.write(data)

"""A real S3 server made less able: an HTTP proxy in front of it that lacks what some providers lack."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from pipeline.adapters.bucket import BACKGROUND
from pipeline.adapters.bucket.client import connect
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.settings import Settings

from ..http_proxy import Answer, PassingHandler


def error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()


@dataclass(frozen=True)
class Lacks:
    """What the weaker store does not do, or does in its own way."""

    conditions: bool = False  # writes whatever the condition says
    quotes: bool | None = None  # in If-Match of a write: True wants them, False refuses them
    lost: tuple[int, str] | None = None  # status and code for a conditional write that comes second
    own_etag: bool = False  # refuses every If-Match
    ranges: bool = False  # sends the whole object
    checksums: bool = False  # writes whatever the checksum says
    pages: bool = False  # ends each listing after its first page
    part_copy: bool = False  # answers 501
    copy_guard: bool = False  # copies whatever the condition says
    copied_etag: bool = False  # answers a part copy without it
    listed_parts: bool = False  # answers 501
    equal_parts: bool = False  # takes no others, like Cloudflare R2
    gaps: bool = False  # takes parts 1, 2, 3 … only
    forgets: bool = False  # answers 404 to a completion that was done before: S3 documents that
    lifecycle: tuple[int, str] | None = None  # status and code for reading the bucket's lifecycle rules
    signatures: bool = False  # gives every object to anyone
    long_suffixes: bool = False  # answers 416 to the last n bytes of an object that is shorter
    token: str = ""  # the session token without which it refuses everything
    unreadable: Mapping[str, int] = field(default_factory=dict)  # keys, and the status that reading one answers
    late: Mapping[str, int] = field(
        default_factory=dict
    )  # ends of keys, and how often reading one answers 404 at first
    flipped: frozenset[str] = frozenset()  # keys that are sent with a wrong first byte
    unanswered: dict[str, int] = field(
        default_factory=dict
    )  # ends of keys, and how many writes get no answer; "….pdf?complete" is the completion of an upload
    undone: dict[str, int] = field(default_factory=dict)  # the same of completions that are not done either
    meanwhile: Callable[[], object] = lambda: None  # done behind such a write, before its connection ends


def refusal(status: int, code: str) -> Answer:
    return Answer(status, {"Content-Type": "application/xml"}, error(code))


class Handler(PassingHandler):
    """Passes a request on unchanged, so that its signature stays valid, or answers it itself."""

    server: LesserServer

    def do_PUT(self) -> None:  # noqa: N802  # http.server names them
        body = self.body()
        answer = self._put_part(body) if "partNumber=" in self.path else self._put_object(body)
        if self._is_among(self.server.lacks.unanswered):
            self.close_connection = True
            self.server.lacks.meanwhile()
        else:
            self.send(answer)

    def do_GET(self) -> None:  # noqa: N802
        self.send(self._got(self.body()))

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:  # noqa: N802
        body, lacks = self.body(), self.server.lacks
        completes = "uploadId=" in self.path
        if completes and self._is_among(lacks.undone, "?complete"):
            answer = None
        else:
            answer = self._completed(body) if completes else self._forward(body)
            if completes and self._is_among(lacks.unanswered, "?complete"):
                answer = None
        if answer is None:
            self.close_connection = True
            lacks.meanwhile()
        else:
            self.send(answer)

    def _completed(self, body: bytes) -> Answer:
        lacks, upload = self.server.lacks, self._upload_id()
        parts = self.server.parts.pop(upload, {})
        sizes = [size for _, size in sorted(parts.items(), key=lambda part: int(part[0]))]
        if lacks.equal_parts and sizes and (len(set(sizes[:-1])) > 1 or sizes[-1] > sizes[0]):
            return refusal(400, "InvalidPart")
        if lacks.gaps and max(map(int, parts), default=0) > len(parts):
            return refusal(400, "InvalidPartOrder")
        if lacks.forgets and upload in self.server.completed:
            return refusal(404, "NoSuchUpload")
        self.server.completed.add(upload)
        return self._forward(body)

    def do_DELETE(self) -> None:  # noqa: N802
        self.send(self._forward(self.body()))

    do_OPTIONS = do_DELETE  # noqa: N815

    def _put_object(self, body: bytes) -> Answer:
        lacks, etag = self.server.lacks, self.headers.get("If-Match")
        if lacks.token:
            return self._for_temporary_keys(body)
        conditional = etag or self.headers.get("If-None-Match")
        checksum = any(name.startswith("x-amz-checksum-") for name in map(str.lower, self.headers))
        if (lacks.conditions and conditional) or (lacks.checksums and checksum):
            return Answer(200, {"ETag": self.server.bucket.put(self._key(), body)}, b"")
        if etag and (lacks.own_etag or lacks.quotes not in (None, etag.startswith('"'))):
            return refusal(412, "PreconditionFailed")
        answer = self._forward(body)
        return refusal(*lacks.lost) if conditional and lacks.lost and answer.status == 412 else answer

    def _for_temporary_keys(self, body: bytes) -> Answer:
        """Answer with the server's own keys: the real store knows no temporary ones."""
        if self.headers.get("x-amz-security-token") != self.server.lacks.token:
            return refusal(403, "InvalidToken")
        if self.command == "PUT":
            return Answer(200, {"ETag": self.server.bucket.put(self._key(), body)}, b"")
        stored = self.server.bucket.get(self._key())
        return Answer(200, {"ETag": stored.etag}, stored.data) if stored else refusal(404, "NoSuchKey")

    def _put_part(self, body: bytes) -> Answer:
        lacks, size = self.server.lacks, len(body)
        if copied := self.headers.get("x-amz-copy-source-range"):
            if lacks.part_copy:
                return refusal(501, "NotImplemented")
            first, last = map(int, copied.removeprefix("bytes=").split("-"))
            size = last + 1 - first
        self.server.parts.setdefault(self._upload_id(), {})[self._query("partNumber")] = size
        answer = self._forward(body)
        if copied and answer.status == 412 and lacks.copy_guard:
            return self._copied_unguarded(copied)
        if copied and lacks.copied_etag and answer.status == 200:
            return replace(answer, data=re.sub(b"<ETag>.*</ETag>", b"", answer.data))
        return answer

    def _copied_unguarded(self, copied: str) -> Answer:
        bucket, _, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        done = self.server.client.upload_part_copy(
            Bucket=bucket, Key=key, UploadId=self._upload_id(), PartNumber=int(self._query("partNumber")),
            CopySource=unquote(self.headers["x-amz-copy-source"]), CopySourceRange=copied,
        )["CopyPartResult"]["ETag"]  # fmt: skip
        return Answer(200, {}, f"<CopyPartResult><ETag>{escape(done)}</ETag></CopyPartResult>".encode())

    def _got(self, body: bytes) -> Answer:
        lacks, key = self.server.lacks, self._key()
        if lacks.token:
            return self._for_temporary_keys(body)
        if lacks.lifecycle and "lifecycle" in urlsplit(self.path).query:
            return refusal(*lacks.lifecycle)
        if lacks.signatures and key.startswith("doctor/"):
            stored = self.server.bucket.get(key)
            return Answer(200, {}, stored.data if stored else b"")
        if lacks.long_suffixes and self._wants_more_than_there_is():
            return refusal(416, "InvalidRange")
        if lacks.listed_parts and "uploadId=" in self.path:
            return refusal(501, "NotImplemented")
        if status := lacks.unreadable.get(key):
            return refusal(status, "AccessDenied")
        for end, times in self.server.missing.items():
            if times and key.endswith(end):
                self.server.missing[end] -= 1
                return refusal(404, "NoSuchKey")
        return self._changed(key, self._forward(body))

    def _changed(self, key: str, answer: Answer) -> Answer:
        lacks = self.server.lacks
        if key in lacks.flipped and answer.data:
            return replace(answer, data=bytes([answer.data[0] ^ 1]) + answer.data[1:])
        if lacks.ranges and answer.status == 206:
            stored = self.server.bucket.get(key)
            headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-range"}
            return Answer(200, headers, stored.data if stored else b"")
        if lacks.pages and "list-type" in self.path:
            whole = answer.data.replace(b"<IsTruncated>true", b"<IsTruncated>false")
            return replace(answer, data=re.sub(b"<NextContinuationToken>.*?</NextContinuationToken>", b"", whole))
        return answer

    def _is_among(self, ends: dict[str, int], what: str = "") -> bool:
        key = self._key() + what
        for end, times in ends.items():
            if times and key.endswith(end):
                ends[end] -= 1
                return True
        return False

    def _key(self) -> str:
        """The key without the bucket and the prefix."""
        path = unquote(urlsplit(self.path).path).split("/", 2)[-1]
        return path.removeprefix(self.server.prefix)

    def _wants_more_than_there_is(self) -> bool:
        wanted = self.headers.get("Range", "").removeprefix("bytes=-")
        stored = self.server.bucket.head(self._key()) if wanted.isdigit() else None
        return stored is not None and stored.size < int(wanted)

    def _query(self, name: str) -> str:
        return parse_qs(urlsplit(self.path).query)[name][0]

    def _upload_id(self) -> str:
        return self._query("uploadId")

    def _forward(self, body: bytes) -> Answer:
        return self.forward(self.server.upstream, body)


class LesserServer(ThreadingHTTPServer):
    def __init__(self, settings: Settings, lacks: Lacks) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lacks = lacks
        self.client = connect(settings, BACKGROUND)
        self.bucket = S3Bucket(self.client, settings.bucket, settings.bucket_prefix)
        self.parts: dict[str, dict[str, int]] = {}  # by upload: sizes by number
        self.missing = dict(lacks.late)
        self.completed: set[str] = set()  # uploads
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

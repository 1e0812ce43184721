"""The client that other apps install, against the real web process, S3, Redis and workers."""

from __future__ import annotations

import datetime
import gzip
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pypdf
import pytest
from manypages import Cancelled, Client, ExportFailed, InvalidRow, NotFound, Refused, TimedOut, Unavailable

from local import process
from local.laptop import Laptop, laptop

from ...http_proxy import PassingHandler
from ...nowhere import closed_port
from ...pictures import jpeg
from ...waiting import until

pytestmark = pytest.mark.xdist_group("client")  # one system for all
PATIENCE = 300.0  # seconds; the machine may have other work
ROOT = Path(__file__).parents[3]
DAY = datetime.date(2026, 7, 1)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, forks: process.Start) -> Iterator[Laptop]:
    folder = tmp_path_factory.mktemp("system")
    with laptop(folder, boot_seconds=0.2, environ={"KEEPER_SECONDS": "0.5"}, start=forks) as running:
        yield running


@pytest.fixture
def client(system: Laptop) -> Iterator[Client]:
    with Client(system.url, system.token) as made:
        yield made


def uploads(system: Laptop) -> list[str]:
    """The keys of what was handed in, and of inputs that no export uses yet."""
    return [entry.key for prefix in ("inputs/uploads/", "handed/") for entry in system.store.entries(prefix)]


def test_rows_of_a_generator_become_a_file(client: Client, tmp_path: Path) -> None:
    rows = ((n, DAY, Decimal("9.50"), float("nan")) for n in range(1, 201))
    export = client.export("table", rows, titles=("Order", "Day", "Total", "Rate"), params={"title": "Orders"})
    seen = list(client.follow(export, timeout=PATIENCE))
    assert seen[-1].state == "ready" and seen[-1].progress.percent == 100
    assert len({each.data["state"] for each in seen}) > 1, "it is told more than the end"
    path = client.download(export, tmp_path / "orders.pdf")
    text = "".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
    assert all(word in text for word in ("Orders", "2026-07-01", "9.50", "NaN", "200"))
    assert [each.name for each in tmp_path.iterdir()] == ["orders.pdf"]
    assert client.wait(export).result["records"] == 200
    assert export.id in [each.id for each in client.exports(state="ready")]
    assert client.download_url(export).startswith("http")


def test_a_large_stream_goes_in_parts(client: Client, system: Laptop) -> None:
    rows = [{"n": number, "text": "x" * 1000} for number in range(9000)]
    export = client.export("table", iter(rows), params={"title": "Large"})
    key = export.data["params"]["listing"]
    assert system.store.head(key).size > 9_000_000  # type: ignore[union-attr]
    assert client.wait(export, timeout=PATIENCE).result["records"] == 9000


def test_a_call_that_is_repeated_with_its_key_gives_the_same_export(client: Client, system: Laptop) -> None:
    rows = [{"a": 1}, {"a": 2}]
    first = client.export("table", rows, key="july")
    there = uploads(system)
    assert client.export("table", iter(rows), key="july").id == first.id
    assert client.export("table", rows).id != first.id, "without a key each call is a new one"
    with pytest.raises(Refused) as caught:
        client.export("table", [{"a": 3}], key="july")
    assert (caught.value.status, caught.value.field) == (422, "key")
    assert len(uploads(system)) == len(there) + 1, "what no export uses is removed at once"


def test_files_are_handed_in_beside_each_other(client: Client, tmp_path: Path) -> None:
    (tmp_path / "ein Bild.jpg").write_bytes(jpeg(1))
    picture = client.upload(tmp_path / "ein Bild.jpg")
    assert picture.key.endswith("-ein_Bild.jpg")
    (tmp_path / "second.jpg").write_bytes(jpeg(2))
    second = client.upload(tmp_path / "second.jpg", beside=picture.id)
    photos = [{"source": picture.key}, {"source": second.key}]
    export = client.wait(client.export("photos", params={"photos": photos}), timeout=PATIENCE)
    assert (export.result["drawn"], export.result["skipped_count"]) == (2, 0)


def test_an_upload_goes_on_after_a_break(client: Client, system: Laptop, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"a,b\n" + b"1,2\n" * 3_000_000)
    whole = client._transport.put
    sent: list[int] = []

    def breaks(url: str, data: bytes) -> None:
        if len(sent) == 1:
            raise Unavailable("The bucket does not answer.")
        sent.append(len(data))
        whole(url, data)

    client._transport.put = breaks  # type: ignore[method-assign]
    with pytest.raises(Unavailable) as caught:
        client.upload(file)

    def goes_on(url: str, data: bytes) -> None:
        sent.append(len(data))
        whole(url, data)

    client._transport.put = goes_on  # type: ignore[method-assign]
    done = client.upload(file, resume=caught.value.input_id)
    assert sum(sent) == file.stat().st_size, "no part is sent twice"
    assert system.store.head(done.key).size == file.stat().st_size  # type: ignore[union-attr]


def test_a_download_goes_on_after_a_break(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export = client.wait(client.export("table", [{"a": n} for n in range(5000)]), timeout=PATIENCE)
    whole = client.download(export, tmp_path / "whole.pdf").read_bytes()
    part = tmp_path / f".again.pdf.{export.id}-0.part"
    asked: list[dict[str, str]] = []
    get = client._transport.get

    def watched(url: str, headers: dict[str, str]) -> Any:
        asked.append(headers)
        return get(url, headers)

    monkeypatch.setattr(client._transport, "get", watched)
    for kept in (b"", whole[:1000], whole):
        part.write_bytes(kept)
        assert client.download(export, tmp_path / "again.pdf").read_bytes() == whole
    part.write_bytes(whole + b"more")  # of another file
    assert client.download(export, tmp_path / "again.pdf").read_bytes() == whole
    assert [headers.get("Range") for headers in asked[:3]] == [None, "bytes=1000-", f"bytes={len(whole)}-"]
    assert not part.exists()


class Proxied(PassingHandler):
    """Passes the answers of the bucket on without their length, as some proxies do, or spoils the first of them."""

    server: ProxyServer

    def do_GET(self) -> None:  # noqa: N802  # http.server names it
        answer, way = self.forward(self.headers["Host"], b""), self.server.way
        self.server.ranges.append(self.headers.get("Range"))
        first = len(self.server.ranges) == 1
        headers, data = dict(answer.headers), answer.data
        if way == "gzip":
            headers, data = {**headers, "Content-Encoding": "gzip"}, gzip.compress(data)
        if way == "other part" and first:
            headers["Content-Range"] = f"bytes 0-9/{len(data) + 1000}"
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        if way in ("gzip", "other part"):
            self.send_header("Content-Length", str(len(data)))
        elif way == "until closed":
            self.send_header("Connection", "close")
        else:
            self.send_header("Transfer-Encoding", "chunked")
            data = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in batched(data, 3000)) + b"0\r\n\r\n"
        self.end_headers()
        cut = first and way in ("until closed", "cut chunks")
        self.wfile.write(data[: len(data) // 2] if cut else data)
        self.close_connection = cut or way == "until closed"


def batched(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


class ProxyServer(ThreadingHTTPServer):
    def __init__(self, way: str) -> None:
        super().__init__(("127.0.0.1", 0), Proxied)
        self.way = way
        self.ranges: list[str | None] = []


@pytest.fixture(scope="module")
def made(system: Laptop) -> str:
    """An export whose file is fetched by several tests."""
    with Client(system.url, system.token) as client:
        return client.wait(client.export("table", [{"a": n} for n in range(5000)]), timeout=PATIENCE).id


@pytest.mark.parametrize("begun", [False, True], ids=["whole", "the rest"])
@pytest.mark.parametrize("way", ["chunks", "cut chunks", "until closed", "gzip", "other part"])
def test_a_download_without_a_length_is_whole(
    client: Client, made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, begun: bool
) -> None:
    whole = client.download(made, tmp_path / "whole.pdf").read_bytes()
    if begun:
        (tmp_path / f".again.pdf.{made}-0.part").write_bytes(whole[:1000])
    get = client._transport.get
    with ProxyServer(way) as proxy:
        Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()

        def through_proxy(url: str, headers: dict[str, str]) -> Any:
            host = urlsplit(url).netloc
            return get(url.replace(host, f"127.0.0.1:{proxy.server_port}", 1), {**headers, "Host": host})

        monkeypatch.setattr(client._transport, "get", through_proxy)
        assert client.download(made, tmp_path / "again.pdf").read_bytes() == whole
        proxy.shutdown()
    spoiled = way in ("cut chunks", "until closed") or (begun and way in ("gzip", "other part"))
    assert len(proxy.ranges) == 1 + spoiled


def test_what_goes_wrong_is_told_with_code_and_advice(client: Client, system: Laptop, tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        client.export("table", [{"a": 1}], params={"font_size": 99})
    assert (caught.value.code, caught.value.field, caught.value.status) == ("InvalidRequest", "font_size", 422)
    with Client(system.url, "wrong-token") as foreign, pytest.raises(Refused) as caught:
        next(foreign.exports())
    assert (caught.value.code, caught.value.status) == ("NotSignedIn", 401) and caught.value.advice
    for wrong in ("../inputs", "0" * 26):
        with pytest.raises(NotFound):
            client.get(wrong)
    failed = client.export("table", [{"a": 1}], params={"columns": [{"field": "b"}]})
    with pytest.raises(ExportFailed, match="There is no column 'b'"):
        client.wait(failed, timeout=PATIENCE)
    cancelled = client.export("table", [{"a": 1}], params={"title": "To cancel"})
    with pytest.raises(TimedOut):
        client.wait(cancelled, timeout=0)
    assert client.cancel(cancelled).over
    with pytest.raises(Cancelled):
        client.wait(cancelled)
    with pytest.raises(Refused):
        client.download(cancelled, tmp_path / "none.pdf")
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_is_over_is_removed_with_its_rows(client: Client, system: Laptop) -> None:
    export = client.export("table", [{"a": 1}], params={"title": "To remove"})
    with pytest.raises(Refused, match="Cancel it first"):
        client.delete(export)
    client.wait(export, timeout=PATIENCE)
    until(lambda: system.store.head(f"active/{export.id}") is None, "the export is closed")
    client.delete(export)
    assert system.store.head(export.data["params"]["listing"]) is None
    with pytest.raises(NotFound):
        client.get(export)


def test_what_broke_off_in_the_middle_leaves_no_input(client: Client, system: Laptop) -> None:
    there = uploads(system)
    with pytest.raises(InvalidRow, match="Row 12,001 "):
        client.export("table", [*({"a": "x" * 1000} for _ in range(12_000)), {"a": "\ud800"}])
    assert uploads(system) == there
    assert system.store.uploads("inputs/uploads/") == []


def test_the_first_example_of_the_readme_runs(
    system: Laptop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PDF_URL", system.url)
    monkeypatch.setenv("PDF_TOKEN", system.token)
    monkeypatch.chdir(tmp_path)
    first = re.findall(r"```python\n(.*?)```", (ROOT / "client/README.md").read_text(), re.DOTALL)[0]
    exec(first, {})  # noqa: S102  # our own
    assert "ready 100" in capsys.readouterr().out
    assert (tmp_path / "orders.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("rows", [[], [(1, 2)], ["text"], [{"a": "x" * 1_100_000}], [{"a": "\ud800"}]])
def test_rows_that_cannot_be_sent_are_named(client: Client, system: Laptop, rows: list[Any]) -> None:
    there = uploads(system)
    with pytest.raises(InvalidRow) as caught:
        client.export("table", rows, titles=("a",))
    assert "Row 1" in caught.value.message or not rows
    assert uploads(system) == there


def test_documents_have_schemas(client: Client) -> None:
    assert {"photos", "table"} <= {each["name"] for each in client.documents()}


def test_an_app_that_does_not_answer_is_tried_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("manypages.transport.time", SimpleNamespace(sleep=pauses.append))
    with (
        Client(f"http://127.0.0.1:{closed_port()}", "token", tries=4) as alone,
        pytest.raises(Unavailable) as caught,
    ):
        next(alone.exports())
    assert caught.value.advice == "Try again later."
    assert len(pauses) == 3 and pauses == sorted(pauses)


def test_a_slow_line_is_not_a_timeout() -> None:
    """Each piece has its time, not all of a part together."""
    until(took_a_slow_line, "a part over a slow line")


def took_a_slow_line() -> bool:
    """Send a part for far longer than the timeout. Returns False if a piece was late, as on a busy machine."""
    size, timeout = 8 * 1024 * 1024, 0.4

    def take(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            while size > sum(got):
                got.append(len(connection.recv(128 * 1024)))
                if not got[-1]:
                    return  # the client gave up
                time.sleep(timeout / 16)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    got: list[int] = []
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Client("http://unused", "t", timeout=timeout, tries=1) as client,
        ThreadPoolExecutor(1) as thread,
    ):
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        taken = thread.submit(take, server)
        client._transport._timeout = (timeout, 60.0)  # to connect and to send; to wait for the answer
        try:
            client._transport.put(f"http://127.0.0.1:{server.getsockname()[1]}/part", bytes(size))
        except Unavailable:
            return False
        taken.result()
    return len(got) * timeout / 16 > 2 * timeout  # it took longer than the timeout


MILLION = """
import re, sys
from manypages import Client
rows = ({"Order": n, "Customer": f"Customer {n % 977}", "Total": n * 0.5} for n in range(int(sys.argv[3])))
with Client(sys.argv[1], sys.argv[2]) as client:
    print(client.export("table", rows).id, re.findall(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[0])
"""


def test_memory_does_not_grow_with_the_rows(client: Client, system: Laptop) -> None:
    """300,000 rows are 18 MB, more than two parts. `docs/decisions` has the figure for a million."""
    arguments = [sys.executable, "-c", MILLION, system.url, system.token, "300000"]
    ran = subprocess.run(arguments, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "client")})
    assert ran.returncode == 0, ran.stderr
    export_id, peak = ran.stdout.split()
    client.cancel(export_id)
    assert int(peak) <= 60 * 1024  # kB


def test_lists_are_read_to_their_end(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("manypages.client.PAGE", 2)
    made = [client.export("table", [{"a": n}], subject=f"user {n % 2}") for n in range(5)]
    assert [each.id for each in client.exports()][:5] == [each.id for each in made[::-1]]
    ours = [each.id for each in client.exports(subject="user 1", document="table")]
    assert ours == [made[3].id, made[1].id]
    assert not list(client.exports(subject="user 1", document="photos"))


def test_a_failed_export_goes_on_and_the_same_is_asked_for_again(client: Client, system: Laptop) -> None:
    failed = client.export("table", [{"a": 1}], params={"columns": [{"field": "b"}]})
    with pytest.raises(ExportFailed):
        client.wait(failed, timeout=PATIENCE)
    until(lambda: system.store.head(f"active/{failed.id}") is None, "the export is closed")
    retried = client.retry(failed)
    assert retried.id == failed.id and not retried.over
    with pytest.raises(ExportFailed, match="There is no column 'b'"):
        client.wait(retried, timeout=PATIENCE)
    made = client.wait(client.export("table", [{"a": 1}], subject="ann"), timeout=PATIENCE)
    with pytest.raises(Refused, match="only a failed one goes on"):
        client.retry(made)
    copy = client.again(made)
    assert copy.id != made.id and copy.data["subject"] == "ann"
    assert client.wait(copy, timeout=PATIENCE).result["records"] == 1


@pytest.mark.parametrize("url", ["pdfs.example.org", "ftp://pdfs.example.org", "https://", ""])
def test_an_address_that_is_no_url_is_refused_at_once(url: str) -> None:
    with Client(url, "token") as client, pytest.raises(Refused, match="Correct the address") as refused:
        client.documents()
    assert refused.value.code == "WrongAddress" and refused.value.of_settings

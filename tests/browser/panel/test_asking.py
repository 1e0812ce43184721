"""The first page: files that are dropped go to the bucket, a document is chosen, its options are asked for."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pypdf
import pytest
from playwright.sync_api import Download, FilePayload, Page, Route, expect

from pipeline.services import Services

from ...pictures import jpeg
from ...waiting import until
from ..parts import violations
from .conftest import Workers, sign_in

pytestmark = pytest.mark.xdist_group("panel")  # one Chromium for all, whoever runs them
SALES = b"item,net\nPens,10\nInk,32\n"
DROP = """([files]) => {
  const data = new DataTransfer();
  for (const [name, body] of Object.entries(files)) {
    data.items.add(new File([Uint8Array.from(atob(body), (c) => c.charCodeAt(0))], name));
  }
  document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
}"""


def drop(page: Page, files: Mapping[str, bytes]) -> None:
    """Drop files on the page, as a hand with a mouse does."""
    page.evaluate(DROP, [{name: base64.b64encode(data).decode() for name, data in files.items()}])


def choose(page: Page, name: str, data: bytes) -> None:
    payload: FilePayload = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    page.get_by_label("Choose files").set_input_files([payload])


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A ZIP file, half of it compressed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for i, (name, data) in enumerate(files.items()):
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if i % 2 else zipfile.ZIP_STORED)
    return out.getvalue()


def damaged(offset: int) -> bytes:
    """A ZIP file with a number in its directory that leads out of it."""
    data = bytearray(zipped({"a.jpg": jpeg(1)}))
    at = data.index(b"PK\1\2") + offset
    data[at : at + 2] = b"\xff\xff"
    return bytes(data)


def pdf(download: Download) -> pypdf.PdfReader:
    data = Path(download.path()).read_bytes()
    assert data.startswith(b"%PDF-")
    return pypdf.PdfReader(io.BytesIO(data))


def make(page: Page) -> pypdf.PdfReader:
    with page.expect_download() as coming:
        page.get_by_role("button", name="Make the PDF").click()
    return pdf(coming.value)


def test_photos_and_a_zip_of_photos_that_are_dropped_become_an_album(page: Page, workers: Workers) -> None:
    sign_in(page)
    page.get_by_label("Document").select_option("table")
    album = {"정원/10.jpg": jpeg(3), "정원/9.jpg": jpeg(2), "__MACOSX/._9.jpg": b"?", "정원/list.doc": b"?"}
    drop(page, {"garden.zip": zipped(album), "a b.jpg": jpeg(1), ".hidden": b"?", "empty.jpg": b""})
    expect(page.locator("#sent-words")).to_have_text(re.compile(r"3 photos, \d+ kB"))
    expect(page.locator("#left-out li")).to_have_text(
        [re.compile("정원/list.doc is left out"), re.compile("empty.jpg")]
    )
    expect(page.get_by_label("Document")).to_have_value("photos")
    assert violations(page) == []
    page.get_by_label("Title", exact=True).fill("Summer 2026")
    workers.gate.clear()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    page.get_by_role("button", name="Make the PDF").dblclick()
    expect(page.locator("#words")).to_have_text(re.compile("Waiting for a worker|Planning"))
    assert violations(page) == []
    with page.expect_download() as coming:
        workers.gate.set()
    expect(page.locator("#words")).to_have_text(re.compile(r"Ready: 3 pages, \d+ kB"))
    assert len(asked) == 1  # the double click asked once
    assert re.fullmatch(r"Summer 2026 \d{4}-\d\d-\d\d\.pdf", coming.value.suggested_filename)
    texts = [sheet.extract_text() for sheet in pdf(coming.value).pages]
    assert [text.split("\n")[-1] for text in texts] == ["a b", "9", "10"]
    expect(page.locator("#warnings li")).to_contain_text(["list.doc", "empty.jpg"])
    assert violations(page) == []


def test_a_table_is_made_with_its_options(page: Page) -> None:
    sign_in(page)
    choose(page, "sales.csv", SALES)
    expect(page.locator("#sent-words")).to_have_text("sales.csv, 1 kB")
    expect(page.get_by_label("Document")).to_have_value("table")
    expect(page.get_by_label("Title", exact=True)).to_have_value("sales")
    page.get_by_label("Paper", exact=True).select_option("A5")
    page.get_by_label("Landscape").check()
    page.get_by_role("button", name="Add: Columns").click()
    expect(page.get_by_label("Name in the file")).to_be_focused()
    page.keyboard.type("lost")
    for field in ("item", "net"):
        page.get_by_role("button", name="Add: Columns").press("Enter")
        page.get_by_label("Name in the file").last.fill(field)
    page.get_by_label("Sum", exact=True).last.check()
    page.get_by_role("button", name="Remove").nth(1).click()  # the first is that of the files
    page.get_by_text("More options").click()
    page.get_by_label("Text below the title").fill("of last year\nall shops")
    page.get_by_label("Font size").fill("99")
    assert violations(page) == []
    page.get_by_text("More options").click()
    page.get_by_role("button", name="Make the PDF").click()
    expect(page.locator("#problem")).to_contain_text("points, 4 to 24")
    expect(page.get_by_label("Font size")).to_be_focused()
    expect(page.get_by_label("Font size")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Font size").fill("10")
    expect(page.locator("#problem")).to_be_hidden()
    page.get_by_label("Format", exact=True).last.fill("{")
    page.get_by_role("button", name="Make the PDF").click()
    expect(page.locator("#problem")).to_contain_text("Format is not JSON.")
    page.get_by_label("Format", exact=True).last.fill("")
    with page.expect_request("**/v1/exports") as asked:
        (sheet,) = make(page).pages
    body: dict[str, Any] = asked.value.post_data_json or {}
    assert re.search("/[0-9a-z]{26}-sales.csv$", body["params"].pop("listing"))
    assert body["params"] == {
        "title": "sales", "page_size": "A5", "landscape": True, "font_size": 10,
        "text": ["of last year", "all shops"],
        "columns": [{"field": "item"}, {"field": "net", "total": True}],
    }  # fmt: skip
    assert float(sheet.mediabox.width) > float(sheet.mediabox.height)
    assert "Total" in sheet.extract_text() and "42" in sheet.extract_text()
    expect(page.locator("#asked")).to_contain_text("Font size")


def test_what_was_dropped_says_which_document_it_is(page: Page, stage: Services) -> None:
    sign_in(page)
    document, problem = page.get_by_label("Document"), page.locator("#drop-problem")
    lines = {"photos": b'{"source": "inputs/a.jpg"}\n', "table": b'{"item": "Pens", "net": 10}\n'}
    for kind in ("photos", "table", "photos"):
        choose(page, "records.jsonl", lines[kind])
        expect(document).to_have_value(kind)
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#sent")).to_be_hidden()
    page.get_by_role("button", name="Make the PDF").click()
    expect(page.locator("#problem")).to_have_text("There is nothing to make a PDF of. Choose files first.")
    expect(page.get_by_label("Choose files")).to_be_focused()
    for files, words in (
        ({"a.xlsx": b"PK"}, "None of these files is a photo or a table. .* Save a workbook as CSV."),
        ({"a.csv": b"", "notes.xyz": b""}, "a.csv is empty. Save it again, then choose it."),
        ({"a.csv": SALES, "b.csv": SALES}, "These are 2 tables. Choose one of them."),
        ({"a.zip": b"PK\3\4 and no directory"}, "a.zip cannot be read as a ZIP file. Unpack it"),
        ({"b.zip": damaged(28)}, "b.zip cannot be read as a ZIP file. Unpack it"),  # length of a name
        ({"c.zip": damaged(42)}, "c.zip cannot be read as a ZIP file. Unpack it"),  # place of a file
    ):
        drop(page, files)
        expect(problem).to_have_text(re.compile(words))
    assert violations(page) == []
    page.get_by_role("button", name="Remove").click()
    stage.bucket.put("inputs/sales.csv", SALES)
    document.select_option("table")
    page.get_by_text("More options").click()
    page.get_by_label("A file that is in the bucket already").fill("inputs/none.csv")
    page.get_by_role("button", name="Make the PDF").click()
    expect(page.locator("#problem")).to_have_text("There is no inputs/none.csv in the bucket.")
    page.get_by_label("A file that is in the bucket already").fill("inputs/sales.csv")
    assert len(make(page).pages) == 1


def test_each_kind_of_table_that_is_dropped_becomes_pages(page: Page) -> None:
    rows = pyarrow.Table.from_pylist([{"item": "Pens", "net": 10}, {"item": "Ink", "net": 32}])
    columns = io.BytesIO()
    pyarrow.parquet.write_table(rows, columns)
    lines = b'{"item": "Pens", "net": 10}\n{"item": "Ink", "net": 32}\n'
    sign_in(page)
    for name, data in (("a.csv", SALES), ("a.jsonl", lines), ("a.parquet", columns.getvalue())):
        page.goto("/")
        drop(page, {name: data})
        expect(page.locator("#sent-words")).to_have_text(re.compile(f"{name}, "))
        expect(page.get_by_label("Document")).to_have_value("table")
        (sheet,) = make(page).pages
        assert "Pens" in sheet.extract_text() and "32" in sheet.extract_text()


def test_an_upload_that_breaks_off_goes_on_with_what_arrived(page: Page, stage: Services) -> None:
    """In parts of 8 MiB, of which the second is lost on its way."""
    sign_in(page)
    sent: list[str] = []
    lost = True

    def carry(route: Route) -> None:
        part = re.search(r"partNumber=(\d+)", route.request.url)
        assert part and route.request.headers.get("content-type") is None
        sent.append(part[1])
        if lost and part[1] == "2":
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(f"{stage.settings.s3_endpoint_url}/**", carry)
    page.clock.install()
    choose(page, "sales.csv", SALES + b"Paper,1\n" * 1_100_000)

    def is_given_up() -> bool:
        page.clock.run_for(1_000)  # between two looks the network needs true time
        return page.locator("#drop-problem").is_visible()

    until(is_given_up)
    expect(page.locator("#drop-problem")).to_contain_text("The bucket did not take sales.csv.")
    expect(page.get_by_role("button", name="Make the PDF")).to_be_disabled()
    assert violations(page) == []
    lost = False
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#sent-words")).to_have_text("sales.csv, 8.8 MB")
    assert sent == ["1", "2", "2", "2", "2", "2"]  # the first arrived once
    (entry,) = stage.bucket.entries("inputs/uploads/")
    assert entry.size == len(SALES) + 8 * 1_100_000


def test_what_people_type_is_shown_as_text(page: Page) -> None:
    title = "<img src=x onerror=alert(1)>"
    sign_in(page)
    choose(page, f"{title}.csv", SALES)
    page.get_by_label("Title", exact=True).fill(title)
    make(page)
    expect(page.locator("#name")).to_have_text(title)
    page.goto("/all")
    expect(page.locator("#exports .name")).to_have_text(title)
    page.goto("/")
    page.get_by_text("More options").click()
    page.get_by_label("A file that is in the bucket already").fill(f"inputs/{title}.jsonl")
    page.get_by_role("button", name="Make the PDF").click()
    expect(page.locator("#problem")).to_contain_text(title)
    assert page.locator("img").count() == 0


def test_the_first_page_is_shown_before_the_whole_is_asked_for(page: Page, stage: Services) -> None:
    sign_in(page)
    look, words = page.get_by_role("button", name="Preview the first page"), page.locator("#preview-words")
    look.click()
    expect(page.locator("#problem")).to_have_text("There is nothing to make a PDF of. Choose files first.")
    choose(page, "sales.csv", SALES)
    page.get_by_text("More options").click()
    page.get_by_label("Font size").fill("99")
    look.click()
    expect(page.get_by_label("Font size")).to_be_focused()
    expect(page.get_by_label("Font size")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Font size").fill("12")
    look.click()
    expect(words).to_have_text("The whole has 1 page.")
    expect(page.get_by_role("heading", name="First page")).to_be_focused()
    canvas = page.get_by_role("img", name="First page")
    expect(canvas).to_have_accessible_description(re.compile("sales item net Pens Ink 10 32"))
    dark = """(canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
        .reduce((count, value, i) => count + (i % 4 === 0 && value < 100), 0)"""
    assert canvas.evaluate(dark) > 100  # its letters
    assert violations(page) == []
    page.get_by_label("Font size").fill("13")
    expect(page.locator("#preview-outdated")).to_be_visible()
    assert violations(page) == []
    rows = b"item,net\n" + b"".join(b"%d,%d\n" % (n, n) for n in range(200_000))
    stage.bucket.put("inputs/large.csv", rows)
    page.get_by_role("button", name="Remove").first.click()
    page.get_by_label("A file that is in the bucket already").fill("inputs/large.csv")
    look.click()
    expect(words).to_have_text(re.compile(r"The whole has about \d,\d00 pages\."))
    expect(page.locator("#preview-warnings li")).to_have_text(
        re.compile("Only the first [0-9,]+ records were read")
    )
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 1000
    assert list(stage.bucket.entries("exports/")) == []

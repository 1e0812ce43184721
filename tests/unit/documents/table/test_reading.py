"""What a listing says is what its rows are, and what was guessed of it is named."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import documents
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.job import DocumentJob, spool_to_disk
from pipeline.documents.table.rows import RowReader
from pipeline.documents.table.setup import TablePlan
from pipeline.errors import InvalidRequest, NotExact
from pipeline.exports.plan import Plan
from pipeline.settings import Settings

SETTINGS = Settings.from_env({})
Row = list[str]


@pytest.fixture(scope="module", autouse=True)
def known_documents() -> None:
    documents.load(SETTINGS.documents)


def planned(folder: Path, data: bytes, name: str = "rows", **params: Any) -> tuple[list[Row], Plan]:
    """The titles and rows that the product reads, and its plan."""
    (folder / name).write_bytes(data)
    inputs, table = FolderInputs(folder), documents.find("table")
    given = documents.decode(table, {"listing": name, **params})
    with spool_to_disk() as spool:
        job = DocumentJob(table, given, str(folder / name), inputs).snapshot(spool)
        plan = job.plan(SETTINGS)
        format = msgspec.convert(plan.found, TablePlan).format
        reader = RowReader(inputs.blocks(job.listing, format.begin), format.begin, format)
        return [list(format.fields), *(row for row, _ in reader.take(1_000_000))], plan


def refused(folder: Path, data: bytes, name: str = "rows", **params: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        planned(folder, data, name, **params)
    return f"{caught.value.message} {caught.value.advice}"


GUESSED = "The encoding of the listing was not given; {} was guessed."


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Name,Ort\nMüller,Köln\nJosé,Genève\n"),
        ("cp1252", "size\n20 °C\n£5\n€ 7\n"),
        ("cp1252", "navn\nKøbenhavn\nSørensen\nBlåbærgrød\n"),
        ("cp1252", "nafn\nÞórður\nSigríður\n"),
        ("iso8859-2", "miasto,x\nŁódź,1\nżółć,2\n"),
        ("cp1250", "jméno\nPříliš žluťoučký kůň\nDvořák\n"),
        ("cp1250", "név\nKovács Győző\nSzűcs\n"),
        ("cp1254", "ad,şehir\nÇağrı,İstanbul\nığdır,x\n"),
        ("cp1252", "a,b\nü,ä"),
        ("cp949", "이름,도시\n김철수,서울\n이영희,부산\n"),
        ("gb18030", "姓名,值\n张三,1\n"),
        ("gb18030", "客户,城市\n中国有限公司,北京市朝阳区\n"),
        ("big5", "姓名,城市\n王小明,臺北市\n陳先生,高雄\n"),
        ("cp932", "氏名,住所\n山田太郎,東京都千代田区\nカタカナ,ひらがな\n"),
        ("euc-jp", "氏名,住所\n山田太郎,東京都千代田区\nカタカナ,ひらがな\n"),
        ("cp1251", "ИМЯ,ГОРОД\nИванов,Москва\nПЕТРОВ,САНКТ-ПЕТЕРБУРГ\n"),
        ("cp1253", "Όνομα,Πόλη\nΓιώργος,Αθήνα\n"),
        ("cp1256", "الاسم,المدينة\nمحمد علي,القاهرة\n"),
        ("cp874", "ชื่อ,เมือง\nสมชาย,กรุงเทพ\n"),
    ],
)
def test_an_encoding_that_was_not_given_is_found_and_named(tmp_path: Path, encoding: str, text: str) -> None:
    rows, plan = planned(tmp_path, text.encode(encoding))
    assert rows == [line.split(",") for line in text.splitlines()]
    assert plan.warnings[:1] == (GUESSED.format(encoding),)
    with pytest.raises(NotExact, match="was guessed"):
        planned(tmp_path, text.encode(encoding), strict=True)
    rows, plan = planned(tmp_path, text.encode(encoding), strict=True, encoding=encoding)
    assert rows == [line.split(",") for line in text.splitlines()]


def test_letters_that_no_alphabet_claims_are_guessed_all_the_same(tmp_path: Path) -> None:
    """A Turkish I with a dot becomes i in small letters, so no letter is left to look at."""
    rows, plan = planned(tmp_path, "a\n\u0130l\n".encode("cp1254"))
    assert (len(rows), plan.warnings) == (2, (GUESSED.format("cp1252"),))


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ("utf-8-sig", "utf-8-sig"),
        ("utf-8", "UTF_8_SIG"),
        ("utf-16", "utf-16"),
        ("utf-16", "utf-8"),
        ("utf-32", "utf-32"),
    ],
)
def test_the_encoding_of_a_byte_order_mark_may_be_given(tmp_path: Path, written: str, given: str) -> None:
    rows, _ = planned(tmp_path, "a,b\nMüller,2\n".encode(written), strict=True, encoding=given)
    assert rows == [["a", "b"], ["Müller", "2"]]


@pytest.mark.parametrize("data", [b"a\n1\n", b"\xef\xbb\xbfa\n1\n"])
@pytest.mark.parametrize("given", ["no-such", "\0"])
def test_an_encoding_that_there_is_not_is_refused(tmp_path: Path, data: bytes, given: str) -> None:
    assert "There is no encoding" in refused(tmp_path, data, encoding=given)


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "a,b\nMüller,2\n", "\ufeffa,b\n日本,2\n"])
def test_utf_8_is_no_guess(tmp_path: Path, text: str) -> None:
    assert planned(tmp_path, text.encode(), strict=True)[1].warnings == ()


GOOD = "name,x\nMüller,1\nJosé,2\n".encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (GOOD + b"bad\xff,3\n", r"Line 4 of rows is not utf-8: byte 4 of the line is FF \(at offset 28\)"),
        (GOOD + b"\xed\xa0\xbd\xed\xb8\x80,3\n", "Line 4 of rows is not utf-8: byte 1 of the line is ED"),
        (b"a,b\n" + b"x,y\n" * 100_000 + b"\xe4,1\n", r"Line 100,002 of rows .* is E4 \(at offset 400,004\)"),
        ("값,b\n".encode("cp949") + b"x,y\n" * 100_000 + b"\xff\xff,1\n", "Line 100,002 of rows is not cp949"),
        (b"name\nM\x81ller\nStra\xe1e\n", "is not UTF-8, and its encoding is not known"),
    ],
    ids=["a wrong byte", "a surrogate", "behind the sample", "behind the sample of a guess", "unknown"],
)
def test_a_wrong_byte_is_named_with_its_line(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        planned(tmp_path, data)
    assert caught.value.field == "encoding"


@pytest.mark.parametrize(
    ("data", "titles"),
    [
        ("Betrag, netto;Betrag, brutto\n1,5;2,5\n", ["Betrag, netto", "Betrag, brutto"]),
        ('"Umsatz, netto";"Umsatz, brutto"\n1,5;2,5\n3,5;4,5\n', ["Umsatz, netto", "Umsatz, brutto"]),
        ('Name\t"Cost per 1,000 Items, net"\nA\t5\n', ["Name", "Cost per 1,000 Items, net"]),
        ("a,b; or c\n1,2\n3,4\n", ["a", "b; or c"]),
        ("a,b\n1,2,3\n1,2,3\n", ["a", "b"]),
        ("a;b\n" + "1;2\n" * 200_000, ["a", "b"]),
        ("one title\n1;2\n", ["one title"]),
        ("sep=;\nName;Wert\nA;1\n", ["Name", "Wert"]),
        ('"sep=|"\r\nName|Wert\r\nA|1\r\n', ["Name", "Wert"]),
        ("\ufeffSEP=,\nName,Wert\nA,1\n", ["Name", "Wert"]),
    ],
)
def test_several_rows_decide_on_the_delimiter(tmp_path: Path, data: str, titles: Row) -> None:
    assert planned(tmp_path, data.encode())[0][0] == titles


def test_a_delimiter_is_named_where_another_would_fit(tmp_path: Path) -> None:
    _, plan = planned(tmp_path, b"Betrag, netto;Betrag, brutto\n1,5;2,5\n")
    assert plan.warnings == ("The delimiter was not given; ';' was guessed, but ',' would fit too.",)
    assert planned(tmp_path, b"a;b, c\n1;2\n")[1].warnings == ()


@pytest.mark.parametrize("listing", [b"a,b\n1,2\n", b'{"a":1,"b":2}\n'])
@pytest.mark.parametrize("marks", [1, 2])
def test_no_byte_order_mark_becomes_part_of_a_title(tmp_path: Path, listing: bytes, marks: int) -> None:
    assert planned(tmp_path, b"\xef\xbb\xbf" * marks + listing)[0] == [["a", "b"], ["1", "2"]]


def test_an_encoding_that_switches_is_refused(tmp_path: Path) -> None:
    told = refused(tmp_path, "名前,値\n東京,1\n".encode("iso2022_jp"))
    assert "Line 1 of rows is in an encoding that switches (ISO-2022)" in told and "UTF-8" in told


@pytest.mark.parametrize("delimiter", ['"', "\n", "\r"])
def test_a_delimiter_that_csv_cannot_have_is_refused(delimiter: str) -> None:
    table = documents.find("table")
    params = documents.decode(table, {"rows": [{"a": 1}], "delimiter": delimiter})
    with pytest.raises(InvalidRequest, match="cannot be the delimiter"):
        table.check(params, FolderInputs(Path()))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'name\tnote\nA\t"12 inch\nB\tx\nC\ty\n', "Line 2 of rows has a quote .* does not close within 3 lines"),
        (b'a,b\n1,2\n3,"4', "Line 3 of rows has a quote that opens a cell and does not close"),
        (b'a,b\n"x\ny",1\n"z\n,"u" v\n', "Line 4 of rows has a quote .* does not close within 2 lines"),
        (b'a,"b\n1,2\n', "Line 1 of rows has a quote"),
        (b'a,b\n"e,1\n' + b"x,y\n" * 400_000, "Line 2 of rows has a quote"),
    ],
)
def test_a_quote_that_never_closes_is_named_with_its_line(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        planned(tmp_path, data)


@pytest.mark.parametrize("lines", [50, 51, 52, 53])
def test_the_sample_may_end_within_a_cell(tmp_path: Path, lines: int) -> None:
    """Planning measures columns by the first 256 KiB."""
    note = "a note of several lines\n" * lines
    rows, plan = planned(tmp_path, b"a,b\n" + f'"{note}",1\n'.encode() * 300, strict=True)
    assert rows == [["a", "b"], *[[note, "1"]] * 300]
    assert plan.records == 300


def test_text_behind_a_quote_is_joined_to_its_cell_and_named(tmp_path: Path) -> None:
    rows, plan = planned(tmp_path, b'a,b\n1,2\n"5" pipe",x\n"7" pipe",y\n' + b"1,2\n" * 900)
    assert rows[2:4] == [['5 pipe"', "x"], ['7 pipe"', "y"]]
    words = "Text follows a closing quote; it is joined to its cell (2 times: row 2, row 3)."
    assert plan.warnings == (words,)


def test_a_quote_that_never_closes_does_not_fill_the_memory(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b'a,b\n"e,1\n' + b"x,y\n" * 5_000_000)
    table, inputs = documents.find("table"), FolderInputs(tmp_path)
    params = documents.decode(table, {"listing": "rows"})
    tracemalloc.start()
    with pytest.raises(InvalidRequest, match="does not close"):
        table.survey(params, str(tmp_path / "rows"), inputs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000  # 1 MiB of short lines, and where each ends


ARRAYS = [
    '[\n  {\n    "a": 1.10,\n    "b": "x, ]"\n  },\n  {\n    "a": 2,\n    "b": "\\"}"\n  }\n]',
    '[\n{"a":1.10,"b":"x, ]"},\n{"a":2,"b":"\\"}"}\n]',
    '[{"a":1.10,"b":"x, ]"},{"a":2,"b":"\\"}"}]',
    '\ufeff [ {"a":1.10,"b":"x, ]"} , {"a":2,"b":"\\"}"} ] ',
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("text", ARRAYS, ids=["pretty", "a line each", "one line", "spaces"])
def test_a_json_array_has_the_rows_of_its_records(tmp_path: Path, text: str, encoding: str) -> None:
    rows, plan = planned(tmp_path, text.encode(encoding), strict=True)
    assert rows == [["a", "b"], ["1.10", "x, ]"], ["2", '"}']]
    assert plan.warnings == ()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'[{"a":1},7]', "Record 2 of the listing rows is not a JSON object"),
        (b"[1,2,3]", "Record 1 of the listing rows is not a JSON object"),
        (b"[\n  1,\n  2\n]\n", "Record 1 of the listing rows is not a JSON object"),
        (b'["a","b"]\n["x",1]\n', "Record 1 of the listing rows is not a JSON object"),
        (b'[["a","b"],["x",1]]', "Record 1 of the listing rows is not a JSON object"),
        (b"[null, 1]", "Record 1 of the listing rows is not a JSON object"),
        (b'[{"a":1},,{"a":1}]', "Record 2 of the listing rows is not a JSON object"),
        (b'[{"a":1},{"a" 7}]', "Record 2 of the listing rows is not a JSON object"),
        (
            b'[{"a":1},{"a":"\xff"}]',
            "Record 2 of the listing rows is not UTF-8: its byte 7 is FF. Save it",
        ),
        (b'[{"a":1},{"a":"7', "is a JSON array without an end"),
        (b'[{"a":1}] {"a":2}', "goes on behind the end of its JSON array"),
        (b'[{"a":1},{"a":"' + b"x" * 1_100_000 + b'"}]', "a record that is longer than 1 MiB"),
        (b"[]", "There are no rows in the listing rows"),
        (b'[{"a":1},{"b":2}]', "Line 2 of the rows of rows has the field 'b'"),
    ],
)
def test_an_array_that_is_no_table_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    assert words in refused(tmp_path, data, format="auto")


@pytest.mark.parametrize("title", ["[id]", "[2024]", "[1st, 2nd]", "[a b]", "PAR1", "Set x = 1", "Insert into"])
def test_a_csv_may_begin_as_json_and_parquet_do(tmp_path: Path, title: str) -> None:
    assert planned(tmp_path, f"{title};b\n1;x\n".encode())[0] == [[title, "b"], ["1", "x"]]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\n", "is a PDF, not a listing"),
        (
            b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml",
            "Excel workbook (xlsx), not a listing of records. Open",
        ),
        (b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument", "an OpenDocument file"),
        (b"PK\x03\x04" + b"\0" * 26 + b"rows.csv", "a ZIP file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file"),
        (b"\x1f\x8b\x08", "a gzip file, not a listing of records. Unpack it"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"\xff\xd8\xff\xe0", "a JPEG picture"),
        (b"ORC\n\x06\x12\x04", "an ORC file"),
        (b"<!doctype html><table>", "an HTML page"),
        (b"<?xml version='1.0'?>", "an XML file"),
        (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", "what macOS keeps beside a file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n", "what Git LFS keeps"),
        (b"INSERT INTO t VALUES(1,'Ann');\n", "a dump of SQL statements"),
        (b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n", "a dump of SQL statements"),
        (b"--\n-- PostgreSQL database dump\n--\n\n\\restrict x\n\n", "a dump of SQL statements"),
        (b"/* x */\n-- y\nCREATE TABLE t (\n id int);\n", "a dump of SQL statements"),
    ],
)
@pytest.mark.parametrize("kind", ["table", "photos"])
def test_a_file_of_another_kind_is_called_by_its_name(tmp_path: Path, data: bytes, words: str, kind: str) -> None:
    (tmp_path / "rows").write_bytes(data)
    document = documents.find(kind)
    job = DocumentJob(
        document, documents.decode(document, {"listing": "rows"}), str(tmp_path / "rows"), FolderInputs(tmp_path)
    )
    with pytest.raises(InvalidRequest) as caught, spool_to_disk() as spool:
        job.snapshot(spool)
    assert words in f"{caught.value.message} {caught.value.advice}"


LINES = (
    b'{"v":1.10,"w":100.00}\n{"v":12345678901234567.89,"w":0.1000000000000000055}\n{"v":1E400,"w":-0}\n'
    b'{"v":-0.0,"w":123456789012345678901234567890}\n{"w":[1.10,{"k":2.50}],"v":{"z":-0.10}}\n{"v":null,"w":true}\n'
    b'{"v" :\t-0,"w":"-0"}\n'
)


def test_numbers_of_json_lines_keep_their_digits(tmp_path: Path) -> None:
    rows, _ = planned(tmp_path, LINES)
    assert rows == [
        ["v", "w"],
        ["1.10", "100.00"],
        ["12345678901234567.89", "0.1000000000000000055"],
        ["1E400", "-0"],
        ["-0.0", "123456789012345678901234567890"],
        ['{"z":-0.10}', '[1.10,{"k":2.50}]'],
        ["", "yes"],
        ["-0", "-0"],
    ]


def test_a_total_of_json_numbers_is_exact(tmp_path: Path) -> None:
    columns = [{"field": "n"}, {"field": "v", "total": True}]
    data = b'{"n":"a","v":12345678901234567.89}\n{"n":"b","v":0.01}\n{"n":"c","v":1E400}\n'
    _, plan = planned(tmp_path, data, columns=columns, summary="back")
    assert msgspec.convert(plan.found, TablePlan).totals == ("12345678901234567.90",)
    assert plan.warnings == (
        "Cells of column 'v' that are not numbers are shown as they are and left out of the total (row 3).",
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"a":1,"a":2}', "Line 3 of rows.jsonl has the name 'a' twice"),
        (b'{"a":1,"a":2}\n{"a"\t:1}', "Line 3 of rows.jsonl has the name 'a' twice"),
        (b'{"a":1,"\\u0061" :2}', "Line 3 of rows.jsonl has the name 'a' twice"),
        (b'{"a":1,"a"\t:2}', "Line 3 of rows.jsonl has the name 'a' twice"),
        (b'{"a"  :1,"a":2}', "Line 3 of rows.jsonl has the name 'a' twice"),
        (b'{"a":1,"b":2}', "Line 3 of rows.jsonl has the field 'b', which the first record does not have"),
        (b'{"a":1', "Line 3 of rows.jsonl is not a JSON object: Input data was truncated: '{\"a\":1'"),
        (
            b'{"a":"\\ud83d"}',
            "Line 3 of rows.jsonl is not a JSON object: it has half of a character, as \\ud83d is alone",
        ),
        (b'{"a":"\\ud83d, and more"}', "Line 3 of rows.jsonl is not a JSON object: it has half of a character"),
        (b'{"a":"\\\\ud83d"', "Line 3 of rows.jsonl is not a JSON object: Input data was truncated"),
        (b"[1]", "Line 3 of rows.jsonl is not a JSON object"),
        (b'{"a":"\xff"}', "Line 3 of rows.jsonl is not utf-8: byte 7 of the line is FF"),
    ],
)
def test_a_wrong_record_is_named_with_its_line(tmp_path: Path, line: bytes, words: str) -> None:
    assert words in refused(tmp_path, b'{"a":1}\n\n' + line + b"\n", "rows.jsonl")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "Line 1 of rows has no titles"),
        (b"a,b\n", "There are no rows in rows"),
        (b"\n\n", "Line 1 of rows has no titles"),
    ],
)
def test_an_empty_listing_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    assert words in refused(tmp_path, data)


def test_a_first_record_may_be_longer_than_the_sample(tmp_path: Path) -> None:
    long = "x" * 400_000
    assert planned(tmp_path, f'{{"a":"{long}"}}\n'.encode())[0] == [["a"], [long]]
    assert planned(tmp_path, f"{long},b\n1,2\n".encode(), columns=[{"field": "b"}])[0][1] == ["1", "2"]

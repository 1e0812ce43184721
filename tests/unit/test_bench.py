"""The benchmark compares like with like, and says plainly what does not hold."""

from __future__ import annotations

import ast
from pathlib import Path

import pypdf
import pytest

from bench import inputs, million, registry, report, wrapped
from bench.figures import Figure, of_rows
from bench.ours import render
from bench.registry import OURS
from bench.system import TABLE

ROOT = Path(__file__).parents[2]


def test_the_program_does_not_know_the_benchmark() -> None:
    files = sorted((ROOT / "pipeline").rglob("*.py"))
    nodes = [(path, node) for path in files for node in ast.walk(ast.parse(path.read_text()))]
    named = [(path, alias.name) for path, node in nodes if isinstance(node, ast.Import) for alias in node.names]
    named += [(path, node.module or "") for path, node in nodes if isinstance(node, ast.ImportFrom)]
    assert not [path for path, module in named if module.split(".")[0] == "bench"]


def test_every_peer_is_pinned() -> None:
    pinned = (ROOT / "bench/requirements.txt").read_text()
    packages = {
        package for subject in registry.SUBJECTS for tool in registry.tools(subject) for package in tool.packages
    }
    assert len(packages) > 8
    assert not [package for package in packages if f"\n{package}==" not in pinned]


def test_our_table_has_as_many_rows_a_page_as_the_others(tmp_path: Path) -> None:
    """If the layout of tables changes, the peers must follow: 38 rows below the title, then 40."""
    registry.find("tables", OURS).make(inputs.table(tmp_path, 3), tmp_path / "out.pdf", 3)
    with pypdf.PdfReader(tmp_path / "out.pdf") as reader:
        texts = [page.extract_text() for page in reader.pages]
    assert len(texts) == 3
    assert [text.count("A-000") for text in texts] == [38, 40, 40]


def test_the_system_makes_the_same_table_as_the_peers(tmp_path: Path) -> None:
    out = tmp_path / "out.pdf"
    render("table", inputs.table(tmp_path, 3), out, **TABLE)
    with pypdf.PdfReader(out) as reader:
        assert len(reader.pages) == 3


def test_our_wrapped_table_has_all_rows_of_its_csv(tmp_path: Path) -> None:
    """About as many pages as were asked for; a file that lacks rows is refused."""
    source, out = wrapped.source(tmp_path, 20), tmp_path / "out.pdf"
    registry.find("wrapped", OURS).make(source, out, 20)
    wrapped.check(source, out)
    with pypdf.PdfReader(out) as reader:
        assert len(reader.pages) in range(18, 23)
    with pytest.raises(RuntimeError, match="in their order"):
        wrapped.check(wrapped.source(tmp_path, 1), out)


@pytest.mark.parametrize("kind", list(million.INPUTS))
def test_rows_of_the_large_table_fill_as_many_pages_as_are_asked_for(tmp_path: Path, kind: str) -> None:
    given, source, out = million.INPUTS[kind], tmp_path / "rows.csv", tmp_path / "out.pdf"
    source.write_bytes(b"".join(given.blocks(round(100 / given.pages))))
    render("table", source, out, **TABLE)
    with pypdf.PdfReader(out) as reader:
        assert len(reader.pages) in range(99, 102)


def test_our_album_has_all_its_photos(tmp_path: Path) -> None:
    registry.find("photos", OURS).make(inputs.photos(tmp_path, 2), tmp_path / "out.pdf", 2)
    with pypdf.PdfReader(tmp_path / "out.pdf") as reader:
        assert [len(page.images) for page in reader.pages] == [1, 1]


def test_joined_chunks_are_the_same_pages_as_the_peers_get(tmp_path: Path) -> None:
    source = inputs.text_chunks(tmp_path, 250)
    registry.find("joining", OURS).make(source, tmp_path / "out.pdf", 250)
    alone = [page.extract_text() for path in sorted(source.glob("*.pdf")) for page in pypdf.PdfReader(path).pages]
    with pypdf.PdfReader(tmp_path / "out.pdf") as reader:
        assert [page.extract_text() for page in reader.pages] == alone
    assert len(alone) == 250


@pytest.mark.parametrize(
    ("figure", "holds"),
    [
        (Figure("a", 0.5, "s", "", most=0.5), True),
        (Figure("a", 0.51, "s", "", most=0.5), False),
        (Figure("a", 1.9, "×", "", least=1.8), True),
        (Figure("a", 1.7, "×", "", least=1.8), False),
    ],
    ids=["at most", "too much", "at least", "too little"],
)
def test_a_bar_holds_or_not(figure: Figure, holds: bool) -> None:
    assert figure.holds is holds


def test_the_report_says_what_fails_and_what_was_left_out() -> None:
    row = {"tool": OURS, "settings": "", "pages": 10, "cpu_ms": 1.0, "wall_ms": 1.0, "peak_mib": 50.0,
           "bytes_per_page": 100.0, "ratio": 1.0, "wall_ratio": 1.0, "peak_ratio": 1.0}  # fmt: skip
    rows: list[dict[str, object]] = [
        row, {**row, "tool": "skia", "ratio": 0.9}, {"tool": "cairo", "reason": "no libcairo2"},
    ]  # fmt: skip
    figures = of_rows({"table": rows})
    result = {
        "command": "python -m bench", "when": "2026-01-01", "machine": {"cores": "2"}, "rows": {"table": rows},
        "figures": [vars(figure) for figure in figures],
    }  # fmt: skip
    page = report.page([result], picture=False)
    assert "0 of 1 hold." in page
    assert "| table: ours by skia | 0.9 × | ≤ 0.5 | **FAIL** |" in page
    assert "left out: no libcairo2" in page


def test_the_ratios_in_readme_are_those_of_the_results() -> None:
    """And those it has are in docs/benchmarks.md: both are written by one command."""
    readme, page = (ROOT / "README.md").read_text(), (ROOT / "docs/benchmarks.md").read_text()
    lines = report.README_LINE.findall(readme)
    assert len(lines) >= 10
    titles = {of: report.TITLES[name][0] for name, of in report.README.items()}
    for line, ratio in lines:
        of, tool = line.split(", ", 1)
        part = page.split(f"## {titles[of]}\n")[1].split("\n## ")[0]
        assert f"| {tool} |" in part
        assert part.split(f"| {tool} |")[1].split("|")[1].strip() == ratio, line
    results = [
        {"rows": {name: [{"tool": line.split(", ", 1)[1], "ratio": 0.5} for line, _ in lines]}}
        for name in report.README
    ]
    assert set(dict(report.README_LINE.findall(report.in_readme(readme, results))).values()) == {"0.5"}
    with pytest.raises(KeyError):
        report.in_readme(readme, results[:1])

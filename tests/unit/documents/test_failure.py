"""Errors in the code of a document, in words."""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

import pipeline
from pipeline.documents import Cost, Marks, Params, Survey, UnreadableSource, register
from pipeline.errors import ChunkFailed, ResourceShort

Broken = Callable[[], object]


class Failing:
    """Three pages; the second fails."""

    name, params, records_field = "failing", Params, ""

    def __init__(self, draw: Broken, survey: Broken) -> None:
        self._draw, self._survey = draw, survey

    def check(self, params: Any, inputs: Any) -> None:
        pass

    def survey(self, params: Any, listing: str, inputs: Any) -> Survey:
        self._survey()
        marks = Marks()
        for page in range(3):
            marks.add(page, page)
        return Survey(3, 3, marks, 3, Cost(0.01, 1000))

    def draw(self, params: Any, listing: str, part: Any, inputs: Any, out: Any) -> Generator[None, None, None]:
        for page in range(part.first, part.stop):
            with out.canvas(100, 100) as canvas:
                canvas.drawString(10, 10, "x")
                if page == 1:
                    self._draw()
            out.tally.records += 1
            out.tally.drawn += 1
            yield


def fine() -> None:
    pass


def raising(error: BaseException) -> Broken:
    def broken() -> None:
        raise error

    return broken


def failure(tmp_path: Path, draw: Broken, survey: Broken = fine) -> str:
    register(Failing(draw, survey))
    with pytest.raises(ChunkFailed) as failed:
        pipeline.render("failing", tmp_path / "out.pdf")
    return failed.value.message


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("no price in\nrow 7."), "ValueError: no price in row 7"),
        (KeyError("price"), "KeyError: 'price'"),
        (AssertionError(), "AssertionError"),
        (FileNotFoundError(errno.ENOENT, "No such file", "logo.png"), "FileNotFoundError: [Errno 2] No such file"),
    ],
)
def test_a_failure_names_document_page_and_text(error: Exception, words: str, tmp_path: Path) -> None:
    message = failure(tmp_path, raising(error))
    assert message.startswith(f"The document 'failing' failed on page 2: {words}")


def test_a_failure_of_reportlab_is_named_too(tmp_path: Path) -> None:
    def draw() -> None:
        from reportlab.pdfbase import pdfmetrics

        pdfmetrics.getFont("No such font")

    assert failure(tmp_path, draw).startswith("The document 'failing' failed on page 2: KeyError: ")


def test_a_failure_while_counting_is_named(tmp_path: Path) -> None:
    message = failure(tmp_path, fine, raising(ValueError("bad sheet")))
    assert message == "The document 'failing' failed while its pages were counted: ValueError: bad sheet."


def test_the_log_has_the_stack_trace(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    failure(tmp_path, raising(ValueError("x")))
    assert any(record.exc_info for record in caplog.records)


def test_the_text_of_a_service_is_not_told(tmp_path: Path) -> None:
    """It may hold a signed address."""
    module = {"__name__": "pipeline.adapters.https"}
    exec("def fetch():\n    raise ValueError('https://host/?signature=secret')", module)  # noqa: S102
    fetch = module["fetch"]
    assert callable(fetch)
    assert failure(tmp_path, fetch) == "The document 'failing' failed on page 2: ValueError."


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (UnreadableSource("This is no picture."), UnreadableSource),
        (MemoryError(), ResourceShort),
        (OSError(errno.ENOSPC, ""), ResourceShort),
    ],
)
def test_other_errors_are_not_those_of_the_document(
    error: Exception, raised: type[Exception], tmp_path: Path
) -> None:
    register(Failing(raising(error), fine))
    with pytest.raises(raised):
        pipeline.render("failing", tmp_path / "out.pdf")

"""costs and simulate."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.exports.export import Charge, Export, State
from pipeline.exports.export import Result as Made
from pipeline.exports.ids import new_id
from pipeline.scaler.simulate.traces import Request, load_trace
from pipeline.services import Services

from .conftest import Run, answer, error


def test_costs_are_summed_by_month_and_document(run: Run, services: Services) -> None:
    charges = [
        (1_790_000_000.0, Charge(10.0, 0.001)),
        (1_790_000_001.0, Charge(20.0, 0.002)),
        (1_795_000_000.0, None),
    ]
    for at, charge in charges:
        export = Export(new_id(at), "photos", {}, "shop", at, pages=5 if charge else 1, charge=charge)
        services.exports.accept(replace(export, request_key=export.id), None, lasting=False)
    lines = answer(run("costs", "--json"))["costs"]
    assert [(line["month"], line["exports"], line["dollars"], line["open"]) for line in lines] == [
        ("2026-09", 2, 0.003, 0),
        ("2026-11", 1, 0.0, 1),
    ]
    said = run("costs", "--month", "2026-09").stdout
    assert "2 exports" in said and "10 pages" in said and "30 dyno-seconds" in said and "Total: $0.0030" in said
    said = run("costs", "--month", "2026-11").stdout
    assert " 1 export " in said and " 1 page " in said


def test_the_simulator_reads_a_trace_of_exports(run: Run, services: Services, tmp_path: Path) -> None:
    at = 1_790_000_000.0
    made = Made("key", "name.pdf", 1, 100, 100, 100, seconds=24.0)
    first = Export(new_id(at), "photos", {}, "shop", at, State.READY, chunks=4, result=made,
                   started_at=at + 9, planned_at=at + 11, rendered_at=at + 30, finished_at=at + 33)  # fmt: skip
    later = replace(first, id=new_id(at + 50), created_at=at + 50, ready_by=at + 200)
    failed = replace(first, id=new_id(at + 60), created_at=at + 60, state=State.FAILED, result=None)
    for export in (first, later, failed):
        services.exports.accept(replace(export, request_key=export.id), None, lasting=False)
    file = tmp_path / "real.jsonl"
    assert "2 finished exports" in run("costs", "--trace", str(file)).stderr
    assert load_trace(file).requests == [
        Request(0.0, (6.0,) * 4, 2.0, 3.0),
        Request(50.0, (6.0,) * 4, 2.0, 3.0, 150.0),
    ]
    assert "ours" in run("simulate", "--trace", str(file)).stdout
    assert "exists" in run("costs", "--trace", str(file)).stderr


@pytest.mark.parametrize("month", ["november", "2026-13", "", "٢٠٢٦-٠٩"])
def test_an_invalid_month_is_refused(alone: Run, month: str) -> None:
    result = alone("costs", "--month", month, "--json")
    assert result.exit_code == 2
    assert error(result)["field"] == "month"


def test_a_simulation_checks_its_files_first(alone: Run, tmp_path: Path) -> None:
    picture = tmp_path / "picture.svg"
    picture.write_text("precious")
    refused = alone("simulate", "--picture", picture)
    assert (refused.exit_code, refused.stdout, picture.read_text()) == (2, "", "precious")
    missing = alone("simulate", "--trace", tmp_path / "none.jsonl", "--json")
    assert (missing.exit_code, error(missing)["field"]) == (2, "trace")

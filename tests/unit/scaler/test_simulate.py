"""The simulated scaler keeps its promises: its cost, no busy worker killed, no export stranded."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from bench.__main__ import bench
from bench.scaling import soak
from pipeline.cli.simulate import simulate as command
from pipeline.errors import InvalidRequest
from pipeline.scaler.decide import Policy
from pipeline.scaler.simulate import picture
from pipeline.scaler.simulate.bound import CompletedExport as Done
from pipeline.scaler.simulate.bound import bound
from pipeline.scaler.simulate.report import Figures, compare, simulate
from pipeline.scaler.simulate.strategies import compared
from pipeline.scaler.simulate.traces import Crash, Request, Trace, fixed_traces, load_trace
from pipeline.scaler.simulate.world import Conditions

CHEAP = Policy(20)
CONDITIONS = Conditions()
STEADY = Conditions(boot_median=15, boot_sigma=0, api_seconds=0)


def on(trace: Trace, policy: Policy = CHEAP, conditions: Conditions = CONDITIONS) -> dict[str, Figures]:
    return {item.strategy: item for item in compare(trace, policy, conditions)}


@pytest.mark.parametrize("trace", fixed_traces(), ids=lambda trace: trace.name)
def test_ours_costs_at_most_a_tenth_more_than_the_bound(trace: Trace) -> None:
    found = on(trace)["ours"]
    assert found.ratio is not None
    assert 1 <= found.ratio <= 1.10
    assert found.killed == found.stranded == 0
    assert found.calls <= 4
    assert found.idle <= 30


@pytest.mark.parametrize("trace", fixed_traces(), ids=lambda trace: trace.name)
def test_ours_costs_less_than_the_other_strategies(trace: Trace) -> None:
    found = on(trace)
    for name in ("all stop at the end", "naive", "queue depth"):
        assert found["ours"].dyno_seconds < found[name].dyno_seconds or found[name].stranded


def test_zero_in_the_callback_kills_overlapping_exports() -> None:
    naive = on(next(trace for trace in fixed_traces() if trace.name == "overlaps"))["naive"]
    assert naive.killed > 10
    assert naive.stranded > 0


def test_random_faults_strand_and_kill_none() -> None:
    found = soak(60, CHEAP, CONDITIONS)
    assert found.exports > 200
    assert found.stranded == found.killed == 0
    assert found.calls <= 4


@pytest.mark.parametrize(("waiting_price", "wait", "dyno_seconds"), [(1, 75, 300), (10, 39, 390)])
def test_rows_computed_by_hand(waiting_price: float, wait: float, dyno_seconds: float) -> None:
    """Forty chunks of 6 s, a boot of 15 s; what is above is the last worker, which lingers."""
    trace = Trace("by hand", [Request(0, (6.0,) * 40)])
    found = on(trace, Policy(100, waiting_price=waiting_price), STEADY)["ours"]
    assert found.max_wait == pytest.approx(wait, abs=1)
    assert dyno_seconds <= found.dyno_seconds < dyno_seconds * 1.15


def test_the_same_seed_gives_the_same_figures() -> None:
    assert compare(fixed_traces()[1], CHEAP, CONDITIONS, 5) == compare(fixed_traces()[1], CHEAP, CONDITIONS, 5)


def test_a_crashed_dyno_loses_its_work_and_restarts() -> None:
    found = on(Trace("crash", [Request(0, (6.0,) * 40)], [Crash(40, 1)]))["ours"]
    assert found.redone > 0
    assert found.stranded == 0


@pytest.mark.parametrize(
    ("exports", "expected"),
    [
        ([Done(0, 75, 240, 0, 0)], 240 + 4 * 15),
        ([Done(0, 39, 240, 0, 0)], 240 + 10 * 15),
        ([Done(0, 255, 240, 0, 0)], 240 + 15),
        ([Done(0, 85, 240, 4, 6)], 250 + 4 * 15),  # planning and assembly are work, and take room
        ([Done(0, 75, 240, 0, 0), Done(200, 275, 240, 0, 0)], 2 * (240 + 4 * 15)),
        ([Done(0, 75, 240, 0, 0), Done(80, 155, 240, 0, 0)], 240 + 60 + 240 + 4 * 5),  # it waits 5 s instead
        ([Done(0, 75, 240, 0, 0), Done(50, 110, 120, 0, 0)], 360 + 4 * 15),  # they share
    ],
)
def test_the_bound_is_all_work_and_the_fewest_boots(exports: list[Done], expected: float) -> None:
    assert bound(exports, boot=15, slots=1) == pytest.approx(expected)


def test_a_trace_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "monday.jsonl"
    file.write_text(
        '{"event": "export", "at": 9.5, "chunks": [6, 5.5], "planning": 2, "assembly": 4, "deadline": 60}\n\n'
        '{"event": "crash", "at": 40, "dyno": 2}\n{"event": "export", "at": 0, "chunks": []}\n'
    )
    trace = load_trace(file)
    assert trace == Trace("monday", [Request(0, ()), Request(9.5, (6, 5.5), 2, 4, 60)], [Crash(40, 2)])
    assert on(trace)["ours"].stranded == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"event": "export", "at": 0}', "line 1"),
        ('{"event": "crash", "at": 0, "dyno": 1}', "no export"),
        ("\n{", "line 2"),
        ('{"event": "export", "at": 0, "chunks": [-1]}', "line 1"),
        ('{"event": "export", "at": 1790000000, "chunks": [6]}', "line 1"),
        ('{"event": "export", "at": 0, "chunks": [1e300]}', "line 1"),
        ('{"event": "export\udcff", "at": 0, "chunks": [6]}', "line 1"),
    ],
)
def test_a_wrong_trace_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "wrong.jsonl").write_text(text, errors="surrogateescape")
    with pytest.raises(InvalidRequest, match=words):
        load_trace(tmp_path / "wrong.jsonl")


def test_the_picture_has_a_panel_per_world() -> None:
    worlds = [(f"<{trace.name}>", simulate(trace, compared(CHEAP)[0], CONDITIONS)) for trace in fixed_traces()[:2]]
    drawn = picture.draw(worlds)
    ElementTree.fromstring(drawn)  # noqa: S314  # our own
    assert drawn.count("dyno-seconds") == 2
    heights = [float(y) for y in re.findall(r"V([\d.]+)", drawn)]
    assert heights
    assert 0 <= min(heights) <= max(heights) <= picture.HEIGHT


def test_the_command_prints_a_table_or_json_and_draws(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text('{"event": "export", "at": 0, "chunks": [6, 6, 6]}\n')
    trace = ["--trace", str(tmp_path / "one.jsonl")]
    told = CliRunner().invoke(command, [*trace, "--picture", str(tmp_path / "one.svg")])
    assert "ours, one-off" in told.stdout
    assert (tmp_path / "one.svg").read_text().startswith("<svg")
    lines = [json.loads(line) for line in CliRunner().invoke(command, [*trace, "--json"]).stdout.splitlines()]
    assert [line["stranded"] for line in lines] == [0] * 5
    assert lines[0]["ratio"] == lines[0]["dyno_seconds"] / lines[0]["bound"]


@pytest.mark.parametrize("worth", ["nan", "inf"])
def test_the_value_of_waiting_is_a_number(worth: str) -> None:
    refused = CliRunner().invoke(command, ["--waiting-price", worth])
    assert isinstance(refused.exception, InvalidRequest)
    assert not refused.stdout


def test_an_unwritable_picture_is_refused_first(tmp_path: Path) -> None:
    refused = CliRunner().invoke(command, ["--picture", str(tmp_path / "none" / "one.svg")])
    assert isinstance(refused.exception, InvalidRequest)
    assert not refused.stdout


def test_long_work_is_not_stranded() -> None:
    found = on(Trace("a long night", [Request(0, (60.0,) * 500)]), Policy(1))["ours"]
    assert found.stranded == 0
    assert found.max_wait > 500 * 60


def test_finished_exports_do_not_slow_down_the_rest() -> None:
    """A month's trace has thousands of exports, nearly all of them over at any moment."""

    def seconds(exports: int) -> float:
        trace = Trace("one by one", [Request(n * 100.0, (6.0,)) for n in range(exports)])
        began = time.process_time()
        simulate(trace, compared(CHEAP)[0], STEADY)
        return time.process_time() - began

    assert seconds(3000) < 150 * min(seconds(100) for _ in range(3))  # linear is 30, each with each 900


def test_the_benchmark_soaks_and_times_a_decision() -> None:
    assert "0 stranded, 0 busy workers killed" in CliRunner().invoke(bench, ["scaling-soak", "--runs", "3"]).stdout
    assert re.search(r": \d+ µs", CliRunner().invoke(bench, ["decide"]).stdout)

"""The local dynos behave like Heroku's, as far as heroku3, the CLI and a worker process can tell."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL
from typing import Any

import heroku3
import heroku3.api
import psutil
import pytest
import requests
from jsonschema import Draft4Validator
from requests.adapters import HTTPAdapter

from local import cgroup
from local.dyno import DynoState, pause
from local.dynos import Dynos, Fault
from local.formation import parse_procfile
from pipeline.errors import InvalidSetting

from .platform_api import ERROR, SCHEMAS

PUBLISHED = Path(__file__).parents[3] / "shared/facts/heroku-schema.json"
ACCEPT = "application/vnd.heroku+json; version=3"
MIB = 1024 * 1024

# A worker and its child; each writes down who it is and what signals it hears. `deaf` ignores SIGTERM.
WORKER = """
import os, signal, subprocess, sys, time
log, deaf, role = sys.argv[1], sys.argv[2] == "deaf", sys.argv[3]
def note(word):
    with open(log, "a") as file:
        file.write(f"{os.environ['DYNO']} {role} {word} {os.getpid()} {os.environ['DYNO_RAM']}\\n")
def heard(number, frame):
    note("SIGTERM")
    if not deaf:
        sys.exit(0)
signal.signal(signal.SIGTERM, heard)
if role == "parent":
    subprocess.Popen([sys.executable, __file__, log, sys.argv[2], "child"])
note("began")
while True:
    time.sleep(60)
"""


class Stage:
    """Local dynos under test, the file their workers write to, and clients of their API."""

    def __init__(self, folder: Path, cleanup: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.log = folder / "heard.txt"
        self.log.touch()
        (folder / "worker.py").write_text(WORKER)
        self._cleanup = cleanup
        self._monkeypatch = monkeypatch

    def dynos(self, command: str = "", **options: Any) -> Dynos:
        """Started, and stopped at the end of the test; by default the worker above, after no boot."""
        command = command or f"{sys.executable} worker.py {self.log} polite parent"
        (self.folder / "Procfile").write_text(f"web: true\nworker: {command}\n")
        given: dict[str, Any] = {
            "boot_seconds": 0.0,
            "stop_seconds": 10.0,
            "log_folder": self.folder / "logs",
        } | options
        env = {"PATH": os.environ["PATH"]}
        return self._cleanup.enter_context(Dynos(self.folder / "Procfile", env, cwd=self.folder, **given))

    def deaf(self, **options: Any) -> Dynos:
        """Dynos whose processes ignore SIGTERM."""
        return self.dynos(f"{sys.executable} worker.py {self.log} deaf parent", **options)

    def heroku(self, dynos: Dynos, timeout: float = 10.0) -> Any:
        """heroku3 on these dynos."""
        session = self._cleanup.enter_context(requests.Session())
        session.mount("http://", _Patience(timeout))
        self._monkeypatch.setattr(heroku3.api, "HEROKU_URL", dynos.url)
        return heroku3.from_key(dynos.key, session=session)

    def heard(self, word: str) -> list[tuple[str, str, int]]:
        """(dyno, role, pid) of each process that wrote the word, in order."""
        lines = [line.split() for line in self.log.read_text().splitlines()]
        return [(dyno, role, int(pid)) for dyno, role, said, pid, _ in lines if said == word]


class _Patience(HTTPAdapter):
    def __init__(self, timeout: float) -> None:
        super().__init__()
        self._timeout = timeout

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        return super().send(*args, **(kwargs | {"timeout": self._timeout}))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with ExitStack() as cleanup:
        yield Stage(tmp_path, cleanup, monkeypatch)


# Scaling: processes


def test_scaling_to_two_starts_two_dynos_and_to_zero_ends_every_process(stage: Stage) -> None:
    dynos = stage.dynos()
    app = stage.heroku(dynos).app(dynos.app)
    assert app.scale_formation_process("worker", 2).quantity == 2
    _until(lambda: len(stage.heard("began")) == 4)
    assert dynos.count() == 2
    assert {dyno for dyno, _, _ in stage.heard("began")} == {"worker.1", "worker.2"}
    assert app.scale_formation_process("worker", 0).quantity == 0
    _until(lambda: dynos.count() == 0)
    assert not any(_running(pid) for _, _, pid in stage.heard("began"))
    assert dynos.max_at_once == 2


def test_sigterm_reaches_every_process_of_a_dyno(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.scale({"worker": 1})
    _until(lambda: len(stage.heard("began")) == 2)
    dynos.scale({"worker": 0})
    _until(lambda: dynos.count() == 0)
    assert sorted(role for _, role, _ in stage.heard("SIGTERM")) == ["child", "parent"]


def test_scaling_down_ends_the_highest_ordinals_and_leaves_the_others_alone(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.scale({"worker": 3})
    _until(lambda: len(stage.heard("began")) == 6)
    dynos.scale({"worker": 1})
    _until(lambda: len(dynos.dynos()) == 1)
    assert {dyno for dyno, _, _ in stage.heard("SIGTERM")} == {"worker.2", "worker.3"}
    assert [event.dyno for event in dynos.history if event.state is DynoState.DOWN] == ["worker.3", "worker.2"]
    assert [dyno.name for dyno in dynos.dynos()] == ["worker.1"]


def test_scaling_down_answers_before_the_processes_have_left_and_bills_no_more(stage: Stage) -> None:
    dynos = stage.deaf()
    app = stage.heroku(dynos).app(dynos.app)
    before = time.monotonic()
    app.scale_formation_process("worker", 1)
    ordered = time.monotonic()
    _until(lambda: len(stage.heard("began")) == 2)
    released = time.monotonic()
    app.scale_formation_process("worker", 0)
    after = time.monotonic()
    assert dynos.count() == 1
    assert [dyno.state for dyno in app.dynos()] == ["down"]
    assert released - ordered <= dynos.dyno_seconds() <= after - before
    assert dynos.dyno_seconds() == dynos.dyno_seconds()
    _hurry(dynos)


def test_a_process_deaf_to_sigterm_is_killed_after_the_grace(stage: Stage) -> None:
    dynos = stage.deaf(stop_seconds=0.5)
    dynos.scale({"worker": 1})
    _until(lambda: len(stage.heard("began")) == 2)
    dynos.scale({"worker": 0})
    _until(lambda: not dynos.dynos())
    down, gone = dynos.history[-2:]
    assert (down.state, gone.state) == (DynoState.DOWN, DynoState.GONE)
    assert gone.time - down.time >= 0.5
    assert len(stage.heard("SIGTERM")) == 2


def test_a_new_dyno_starts_while_the_old_one_of_that_name_still_leaves(stage: Stage) -> None:
    dynos = stage.deaf()
    dynos.scale({"worker": 1})
    _until(lambda: len(stage.heard("began")) == 2)
    dynos.scale({"worker": 0})
    dynos.scale({"worker": 1})
    _until(lambda: len(stage.heard("began")) == 4)
    assert [dyno.name for dyno in dynos.dynos()] == ["worker.1", "worker.1"]
    assert dynos.count() == 2
    assert dynos.max_at_once == 1
    _hurry(dynos)


def test_a_dyno_boots_before_it_runs_and_is_told_its_name_and_memory(stage: Stage) -> None:
    dynos = stage.dynos(boot_seconds=0.3, memory_bytes=256 * MIB)
    dynos.scale({"worker": 1})
    assert dynos.dyno("worker.1").state is DynoState.STARTING
    assert dynos.count() == 0
    _until(lambda: bool(stage.heard("began")))
    assert stage.log.read_text().split()[4] == "256"
    starting, up = dynos.history
    assert (starting.state, up.state) == (DynoState.STARTING, DynoState.UP)
    assert up.time - starting.time >= 0.3


def test_a_dyno_scaled_away_while_it_boots_never_runs(stage: Stage) -> None:
    dynos = stage.dynos(boot_seconds=30.0)
    dynos.scale({"worker": 1})
    dynos.scale({"worker": 0})
    _until(lambda: not dynos.dynos())
    assert [event.state for event in dynos.history] == [DynoState.STARTING, DynoState.DOWN, DynoState.GONE]


def test_a_dyno_that_dies_loses_all_its_processes_and_is_started_again(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.scale({"worker": 1})
    _until(lambda: len(stage.heard("began")) == 2)
    first = [pid for _, _, pid in stage.heard("began")]
    dynos.kill("worker.1", SIGKILL)
    _until(lambda: len(stage.heard("began")) == 4)
    assert not any(map(_running, first))
    states = [event.state for event in dynos.history]
    assert states == [DynoState.STARTING, DynoState.UP, DynoState.CRASHED, DynoState.STARTING, DynoState.UP]


def test_a_grandchild_does_not_outlive_the_first_process(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.scale({"worker": 1})
    _until(lambda: len(stage.heard("began")) == 2)
    parent, child = (pid for _, _, pid in sorted(stage.heard("began"), key=lambda said: said[1] == "child"))
    os.kill(parent, SIGKILL)
    _until(lambda: not _running(child))


def test_a_command_that_ends_by_itself_is_a_crash_whatever_its_exit_code(stage: Stage) -> None:
    dynos = stage.dynos("echo done")
    dynos.scale({"worker": 1})
    _until(lambda: [event.state for event in dynos.history].count(DynoState.CRASHED) == 2)
    assert (stage.folder / "logs/worker.1.log").read_text() == "done\ndone\n"


def test_the_pause_after_a_crash_grows_to_a_minute() -> None:
    assert [pause(crashes) for crashes in (1, 2, 3, 4, 9, 2000)] == [0, 1, 2, 4, 60, 60]


def test_stop_leaves_no_process_behind(stage: Stage) -> None:
    dynos = stage.deaf(stop_seconds=0.2)
    dynos.scale({"worker": 2})
    _until(lambda: len(stage.heard("began")) == 4)
    dynos.stop()
    assert not any(_running(pid) for _, _, pid in stage.heard("began"))
    with pytest.raises(requests.ConnectionError):
        _call(dynos, "GET", "/apps/demo")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_dynos_die_with_a_parent_that_is_killed(stage: Stage) -> None:
    program = """
import os, sys, time
from pathlib import Path
from local.dynos import Dynos
folder = Path(sys.argv[1])
dynos = Dynos(folder / "Procfile", os.environ, cwd=folder, log_folder=folder, boot_seconds=0)
dynos.start().scale({"worker": 1})
time.sleep(600)
"""
    (stage.folder / "Procfile").write_text("worker: echo $$ > pid; while true; do sleep 1; done\n")
    with subprocess.Popen([sys.executable, "-c", program, str(stage.folder)]) as parent:
        _until(lambda: (stage.folder / "pid").exists() and bool((stage.folder / "pid").read_text()))
        pid = int((stage.folder / "pid").read_text())
        was_running = _running(pid)
        parent.kill()
    assert was_running
    _until(lambda: not _running(pid))
    for group in cgroup.ROOT.rglob(f"pipeline-{parent.pid}-*"):  # nobody was left to remove it
        _until(lambda group=group: not cgroup.Cgroup(group).pids())  # type: ignore[misc]
        cgroup.Cgroup(group).remove()


# Memory


def test_the_peak_counts_every_process_of_the_tree(stage: Stage) -> None:
    hold = f"{sys.executable} -c 'import time; held = bytearray(60 * 1024 * 1024); time.sleep(60)'"
    dynos = stage.dynos(f"{hold} & {hold}; wait")
    dynos.scale({"worker": 1})
    _until(lambda: dynos.peak_rss("worker.1") > 120 * MIB)
    assert dynos.peak_rss("worker.1") < 240 * MIB
    assert dynos.peak_rss("worker.2") == 0


def test_a_process_over_the_memory_limit_is_killed_and_nothing_else_is(stage: Stage) -> None:
    _need_cgroups()
    eat = 'import os\nif os.environ["DYNO"] == "worker.1": held = bytearray(400 * 1024 * 1024)'
    (stage.folder / "eat.py").write_text(eat + "\nimport time; print('alive', flush=True); time.sleep(60)")
    dynos = stage.dynos(f"{sys.executable} eat.py", memory_bytes=64 * MIB)
    assert dynos.memory_limited
    dynos.scale({"worker": 2})
    _until(lambda: dynos.oom_kills("worker.1") >= 1)
    _until(lambda: DynoState.CRASHED in [event.state for event in dynos.history if event.dyno == "worker.1"])
    assert dynos.oom_kills("worker.2") == 0
    assert _call(dynos, "GET", "/apps/demo/dynos/worker.2").json()["state"] == "up"
    dynos.stop()
    assert "alive" not in (stage.folder / "logs/worker.1.log").read_text()
    assert not list(cgroup.ROOT.rglob(f"pipeline-{os.getpid()}-*"))


def test_a_version_2_tree_is_limited_where_the_memory_controller_is_handed_down(tmp_path: Path) -> None:
    own = tmp_path / "self"
    own.write_text("0::/user/session\n")
    tree = tmp_path / "cgroup"
    (tree / "user/session").mkdir(parents=True)
    (tree / "cgroup.subtree_control").write_text("cpu\n")
    with pytest.raises(PermissionError):
        cgroup.create("dyno", 64 * MIB, tree, own)
    (tree / "user/cgroup.subtree_control").write_text("cpu memory\n")
    group = cgroup.create("dyno", 64 * MIB, tree, own)
    assert group.path == tree / "user/dyno"
    assert (group.path / "memory.max").read_text() == str(64 * MIB)


def _need_cgroups() -> None:
    if cgroup.available():
        return
    if os.environ.get("CI") and os.geteuid() == 0 and os.access(cgroup.ROOT / "memory", os.W_OK):
        pytest.fail("This is CI, as root, with a writable memory controller: limits should be possible.")
    pytest.skip("NOT TESTED: the memory limit. No memory cgroup can be made here; as root on Linux it can.")


# The API: who may, and what is refused


def test_a_wrong_key_is_refused_and_heroku3_only_says_so_later(stage: Stage) -> None:
    dynos = stage.dynos()
    assert _call(dynos, "GET", "/apps/demo", key="guess").status_code == 401
    assert _call(dynos, "GET", "/nowhere", key="guess").json()["id"] == "unauthorized"
    assert requests.get(dynos.url + "/apps/demo", headers={"Accept": ACCEPT}, timeout=10).status_code == 401


def test_a_basic_and_a_bearer_key_are_both_taken(stage: Stage) -> None:
    dynos = stage.dynos()
    basic = base64.b64encode(f":{dynos.key}".encode()).decode()
    for header in (f"Basic {basic}", f"Bearer {dynos.key}"):
        headers = {"Accept": ACCEPT, "Authorization": header}
        assert requests.get(dynos.url + "/apps/demo", headers=headers, timeout=10).status_code == 200


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/vnd.heroku+json; version=2"])
def test_a_call_that_names_no_known_version_is_not_acceptable(stage: Stage, accept: str) -> None:
    reply = _call(stage.dynos(), "GET", "/apps/demo", accept=accept)
    assert (reply.status_code, reply.json()["id"]) == (406, "not_acceptable")


def test_what_does_not_exist_is_not_found(stage: Stage) -> None:
    dynos = stage.dynos()
    for path in ("/apps/other", "/apps/demo/formation/web", "/apps/demo/dynos/worker.1", "/nowhere"):
        reply = _call(dynos, "GET", path)
        assert (reply.status_code, reply.json()["id"]) == (404, "not_found"), path
    assert _call(dynos, "PATCH", "/apps/demo/formation/web", {"quantity": 1}).status_code == 404
    with pytest.raises(requests.HTTPError, match="404"):
        stage.heroku(dynos).app("other")


def test_more_than_the_limit_is_refused_with_the_limit_and_changes_nothing(stage: Stage) -> None:
    dynos = stage.dynos(limit=2)
    reply = _call(dynos, "PATCH", "/apps/demo/formation/worker", {"quantity": 3})
    assert reply.status_code == 422
    assert (reply.json()["id"], reply.json()["limit"]) == ("cannot_run_above_limit", 2)
    assert dynos.history == []
    with pytest.raises(requests.HTTPError, match="cannot_run_above_limit"):
        stage.heroku(dynos).app("demo").scale_formation_process("worker", 3)


@pytest.mark.parametrize("quantity", [-1, "-1", 1.5, True, None, "", "two", "1e3", [1], 10**12])
def test_a_quantity_that_is_no_count_is_refused(stage: Stage, quantity: object) -> None:
    dynos = stage.dynos()
    reply = _call(dynos, "PATCH", "/apps/demo/formation/worker", {"quantity": quantity})
    assert (reply.status_code, reply.json()["id"]) == (422, "invalid_params")
    assert dynos.history == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/formation/worker", {}, 422),
        ("/formation/worker", {"quantity": 1, "size": "Performance-L"}, 422),
        ("/formation/worker", [1], 400),
        ("/formation", {"updates": {}}, 422),
        ("/formation", {"updates": ["worker"]}, 422),
        ("/formation", {"updates": [{"type": "worker"}]}, 422),
        ("/formation", {"updates": [{"type": "worker", "quantity": 1}, {"type": "web", "quantity": 1}]}, 404),
    ],
)
def test_a_body_of_another_shape_is_refused_and_changes_nothing(
    stage: Stage, path: str, body: object, status: int
) -> None:
    dynos = stage.dynos()
    assert _call(dynos, "PATCH", f"/apps/demo{path}", body).status_code == status
    assert dynos.history == []


def test_the_spellings_of_the_heroku_cli_are_understood(stage: Stage) -> None:
    dynos = stage.dynos(boot_seconds=30.0)
    for quantity, result in (("3", 3), ("+1", 4), ("-2", 2), (1, 1)):
        body = {"updates": [{"type": "worker", "quantity": quantity}]}
        assert _call(dynos, "PATCH", "/apps/demo/formation", body).json()[0]["quantity"] == result


def test_an_app_and_a_type_are_found_by_id_too(stage: Stage) -> None:
    dynos = stage.dynos()
    (row,) = _call(dynos, "GET", "/apps/demo/formation").json()
    found = _call(dynos, "GET", f"/apps/{row['app']['id']}/formation/{row['id']}").json()
    assert found == row


def test_each_reply_says_how_many_calls_are_left_and_the_calls_run_out(stage: Stage) -> None:
    dynos = stage.dynos(tokens=2)
    for _ in range(3):
        assert _call(dynos, "GET", "/account/rate-limits").json() == {"remaining": 2}
    first = _call(dynos, "GET", "/apps/demo")
    assert first.headers["RateLimit-Remaining"] == "1"
    assert re.fullmatch("[0-9a-f-]{36}", first.headers["Request-Id"])
    replies = [_call(dynos, "GET", "/apps/demo") for _ in range(3)]
    assert [reply.status_code for reply in replies].count(429) >= 1
    assert replies[-1].json()["id"] == "rate_limit"
    calls = [(call.method, call.path, call.status) for call in dynos.requests]
    assert calls[3] == ("GET", "/apps/demo", 200)
    assert len(calls) == 7


def test_a_procfile_without_the_type_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: true\n")
    with pytest.raises(InvalidSetting, match="worker"):
        Dynos(tmp_path / "Procfile", {}, cwd=tmp_path, log_folder=tmp_path)


def test_a_procfile_is_read_as_heroku_reads_it() -> None:
    text = "# a comment\nweb:  gunicorn app:web  \n\nworker: A=1 celery -A app worker\nnonsense\n"
    assert parse_procfile(text) == {"web": "gunicorn app:web", "worker": "A=1 celery -A app worker"}


# The API: the shape of replies


@pytest.fixture
def replies(stage: Stage) -> list[tuple[str, Any]]:
    """(kind, JSON) of each kind of reply, with a dyno that is up and one that is being stopped."""
    dynos = stage.deaf()
    patched = _call(dynos, "PATCH", "/apps/demo/formation/worker", {"quantity": 2}).json()
    _until(lambda: len(stage.heard("began")) == 4)
    body = {"updates": [{"type": "worker", "quantity": 1}]}
    batch = _call(dynos, "PATCH", "/apps/demo/formation", body).json()
    listed = _call(dynos, "GET", "/apps/demo/dynos").json()
    assert sorted(dyno["state"] for dyno in listed) == ["down", "up"]
    found = [("app", _call(dynos, "GET", "/apps/demo").json()), ("formation", patched)]
    found += [("formation", row) for row in [*batch, *_call(dynos, "GET", "/apps/demo/formation").json()]]
    found += [("formation", _call(dynos, "GET", "/apps/demo/formation/worker").json())]
    found += [("dyno", dyno) for dyno in listed]
    found += [("dyno", _call(dynos, "GET", "/apps/demo/dynos/worker.1").json())]
    found += [("dyno", _call(dynos, "POST", "/apps/demo/dynos", {"command": "sleep 60", "size": "basic"}).json())]
    found += [("dyno-size", size) for size in _call(dynos, "GET", "/apps/demo/available-dyno-sizes").json()]
    _hurry(dynos)
    return found


def test_replies_have_every_property_of_the_reference_and_no_other(replies: list[tuple[str, Any]]) -> None:
    for kind, reply in replies:
        Draft4Validator(SCHEMAS[kind]).validate(reply)


def test_replies_fit_the_published_schema(replies: list[tuple[str, Any]]) -> None:
    if not PUBLISHED.exists():
        pytest.skip(f"NOT TESTED: the published schema. It is not part of this project; put it at {PUBLISHED}.")
    definitions = json.loads(PUBLISHED.read_text())["definitions"]
    # The published file names a definition that it does not have; the right one has a hyphen.
    definitions["dyno_size"] = definitions["dyno-size"]
    for kind, reply in replies:
        schema = {"definitions": definitions, "$ref": f"#/definitions/{kind}"}
        Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER).validate(reply)
        assert set(reply) == set(definitions[kind]["properties"])  # "strictProperties": true


def test_errors_have_an_id_and_a_message(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.faults.append(Fault(500))
    refused = [
        _call(dynos, "GET", "/apps/demo"),
        _call(dynos, "GET", "/apps/other"),
        _call(dynos, "GET", "/apps/demo", key="guess"),
        _call(dynos, "POST", "/apps/demo"),
        _call(dynos, "PATCH", "/apps/demo/formation/worker", {"quantity": "two"}),
    ]
    assert [reply.status_code for reply in refused] == [500, 404, 401, 405, 422]
    for reply in refused:
        Draft4Validator(ERROR).validate(reply.json())


# One-off dynos


def _run(dynos: Dynos, **body: Any) -> requests.Response:
    return _call(dynos, "POST", "/apps/demo/dynos", body)


def test_a_one_off_dyno_runs_its_command_and_ends_with_it_whatever_the_formation(stage: Stage) -> None:
    dynos = stage.dynos()
    made = _run(
        dynos, command="echo $DYNO $GREETING > out; sleep 0.3", env={"GREETING": "hello"}, size="standard-2x"
    )
    assert made.status_code == 201
    dyno = made.json()
    assert (dyno["name"], dyno["type"], dyno["size"], dyno["state"]) == ("run.1", "run", "standard-2x", "starting")
    assert _run(dynos, command="sleep 60").json()["name"] == "run.2"
    _until(lambda: _call(dynos, "GET", f"/apps/demo/dynos/{dyno['id']}").status_code == 404)
    assert (stage.folder / "out").read_text() == "run.1 hello\n"
    states = [event.state for event in dynos.history if event.dyno == "run.1"]
    assert states == [DynoState.STARTING, DynoState.UP, DynoState.DOWN, DynoState.GONE], "it is not started again"
    assert [row["quantity"] for row in _call(dynos, "GET", "/apps/demo/formation").json()] == [0]
    assert [dyno["command"] for dyno in _call(dynos, "GET", "/apps/demo/dynos").json()] == ["sleep 60"]


def test_a_one_off_dyno_that_ended_is_billed_no_more(stage: Stage) -> None:
    dynos = stage.dynos()
    _run(dynos, command="true")
    _until(lambda: not dynos.dynos())
    assert dynos.dyno_seconds() == dynos.dyno_seconds() < 20


def test_a_one_off_dyno_is_stopped_when_its_time_is_over(stage: Stage) -> None:
    dynos = stage.dynos()
    command = f"exec {sys.executable} worker.py {stage.log} polite parent"
    _run(dynos, command=command, time_to_live=1)
    _until(lambda: len(stage.heard("began")) == 2)
    _until(lambda: not dynos.dynos())
    assert sorted(role for _, role, _ in stage.heard("SIGTERM")) == ["child", "parent"]


def test_a_dyno_is_stopped_and_one_of_the_formation_is_started_again(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.scale({"worker": 1})
    run = _run(dynos, command="sleep 60").json()["name"]
    _until(lambda: dynos.count() == 2)
    first = dynos.dyno("worker.1").id
    for name in (run, "worker.1"):
        assert _call(dynos, "POST", f"/apps/demo/dynos/{name}/actions/stop").status_code == 202
    _until(lambda: [dyno.name for dyno in dynos.dynos()] == ["worker.1"])
    assert dynos.dyno("worker.1").id != first
    assert _call(dynos, "POST", "/apps/demo/dynos/run.9/actions/stop").status_code == 404


def test_one_off_dynos_have_a_limit_of_their_own(stage: Stage) -> None:
    dynos = stage.dynos(limit=1)
    dynos.scale({"worker": 1})
    assert _run(dynos, command="sleep 60").status_code == 201
    refused = _run(dynos, command="sleep 60")
    assert (refused.status_code, refused.json()["id"], refused.json()["limit"]) == (
        422,
        "cannot_run_above_limit",
        1,
    )


@pytest.mark.parametrize(
    "body",
    [
        {}, {"command": ""}, {"command": 7}, {"command": "true", "time_to_live": 86401},
        {"command": "true", "time_to_live": 0}, {"command": "true", "time_to_live": "60"},
        {"command": "true", "env": {"A": 1}}, {"command": "true", "env": {"A B": "1"}},
        {"command": "true", "size": 2}, {"command": "true", "type": ""}, {"command": "true", "quantity": 1},
    ],
    ids=str,
)  # fmt: skip
def test_an_order_of_another_shape_is_refused_and_starts_nothing(stage: Stage, body: dict[str, Any]) -> None:
    dynos = stage.dynos()
    assert _run(dynos, **body).status_code == 422
    assert dynos.history == []


def test_one_off_dynos_leave_no_process_behind(stage: Stage) -> None:
    dynos = stage.dynos()
    _run(dynos, command=f"{sys.executable} worker.py {stage.log} polite parent")
    _until(lambda: len(stage.heard("began")) == 2)
    dynos.stop()
    assert not any(_running(pid) for _, _, pid in stage.heard("began"))


# Faults


def test_an_answer_can_be_lost_after_the_call_was_obeyed(stage: Stage) -> None:
    dynos = stage.dynos(boot_seconds=30.0)
    dynos.faults.extend([Fault(lost=True), Fault(503, lost=True)])
    with pytest.raises(requests.ConnectionError):
        _run(dynos, command="true")
    assert _run(dynos, command="true").status_code == 503
    assert [dyno.name for dyno in dynos.dynos()] == ["run.1", "run.2"]


def test_a_429_reaches_heroku3_as_its_own_error_once(stage: Stage) -> None:
    dynos = stage.dynos()
    heroku = stage.heroku(dynos)
    dynos.faults.append(Fault(429, headers={"Retry-After": "7"}))
    with pytest.raises(heroku3.api.RateLimitExceeded, match="rate_limit"):
        heroku.app("demo")
    assert heroku.app("demo").name == "demo"


def test_a_fault_has_the_status_and_headers_it_was_given(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.faults.extend([Fault(429, headers={"Retry-After": "7"}), Fault(500), Fault(409)])
    replies = [_call(dynos, "PATCH", "/apps/demo/formation/worker", {"quantity": 1}) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [429, 500, 409]
    assert replies[0].headers["Retry-After"] == "7"
    assert dynos.history == []


def test_a_500_and_garbage_reach_heroku3_as_errors(stage: Stage) -> None:
    dynos = stage.dynos()
    heroku = stage.heroku(dynos)
    dynos.faults.append(Fault(500))
    with pytest.raises(requests.HTTPError, match="500"):
        heroku.app("demo")
    dynos.faults.append(Fault(200, body="<html>"))
    with pytest.raises(heroku3.api.ResponseError):
        heroku.app("demo")


def test_a_call_that_hangs_is_served_in_the_end(stage: Stage) -> None:
    dynos = stage.dynos(boot_seconds=30.0)
    app = stage.heroku(dynos, timeout=0.5).app("demo")
    dynos.faults.append(Fault(hang=1.0))
    with pytest.raises(requests.ReadTimeout):
        app.scale_formation_process("worker", 1)
    assert dynos.history == []
    _until(lambda: len(dynos.dynos()) == 1)


def test_stop_does_not_wait_for_a_call_that_hangs(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.faults.append(Fault(hang=3600.0))
    with pytest.raises(requests.ReadTimeout):
        _call(dynos, "GET", "/apps/demo", timeout=0.2)
    dynos.stop()


def test_a_reset_connection_is_reset(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.faults.append(Fault(reset=True))
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        _call(dynos, "PATCH", "/apps/demo/formation/worker", {"quantity": 1})
    assert dynos.history == []
    assert [call.status for call in dynos.requests] == [0]


def test_a_sticky_fault_stays_until_it_is_cleared(stage: Stage) -> None:
    dynos = stage.dynos()
    dynos.faults.append(Fault(503, sticky=True))
    assert [_call(dynos, "GET", "/apps/demo").status_code for _ in range(3)] == [503] * 3
    dynos.faults.clear()
    assert _call(dynos, "GET", "/apps/demo").status_code == 200


def _call(
    dynos: Dynos,
    method: str,
    path: str,
    body: object = None,
    *,
    key: str | None = None,
    accept: str = ACCEPT,
    timeout: float = 10.0,
) -> requests.Response:
    headers = {"Accept": accept, "Authorization": f"Bearer {dynos.key if key is None else key}"}
    return requests.request(
        method, dynos.url + path, json=body, headers=headers, timeout=timeout, proxies={"http": ""}
    )


def _hurry(dynos: Dynos) -> None:
    """End a test with deaf processes without waiting for their grace to pass."""
    dynos.scale({"worker": 0})
    for dyno in dynos.dynos():
        dyno.signal(SIGKILL)


def _running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited 20 seconds in vain"
        time.sleep(0.02)

"""The files of monitoring/ on a real Prometheus, which reads the metrics of a real web process."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server

from local.monitors import prometheus
from pipeline.adapters.redis.metrics import Turn
from pipeline.exports.request import ExportRequest
from pipeline.services import Services
from pipeline.tasks import flow
from pipeline.tasks.submit import submit
from pipeline.web import create_app

from ..waiting import until

MONITORING = Path(__file__).parents[2] / "monitoring"
DASHBOARD = json.loads((MONITORING / "grafana/dashboards/pipeline.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
EXPRESSION = re.compile(r"^ +expr: (?:>-\n)?((?:.|\n)+?)(?=\n +(?:labels|for):)", re.MULTILINE)
RULES = [" ".join(found.split()) for found in EXPRESSION.findall((MONITORING / "alerts.yml").read_text())]
STEPS = (("plan", None), ("render", 0), ("render", 1), ("assemble", None), ("deliver", None))


@pytest.fixture
def answers(services: Services, put_photos: Callable[[int], str], tmp_path: Path) -> Iterator[str]:
    """The address of a real Prometheus that has scraped a system in which every metric has a value."""
    s = replace(services, settings=replace(services.settings, metrics_token="scrape-token"))
    export_id = submit(s, ExportRequest("photos", {"listing": put_photos(4)}, "shop", chunk_pages=2)).export.id
    for step, chunk in STEPS:
        flow.handle(s, step, export_id, chunk, threading.Event())
    s.redis.metrics.note_turn(Turn(time.time(), [("queued", "photos", 2)], 2, 0.1))
    s.redis.decisions.show_state({"quantity": 2, "wanted": 3, "refused": None})
    with web(s) as port, prometheus(tmp_path, f"127.0.0.1:{port}", "scrape-token") as server:
        until(lambda: bool(ask(server.url, 'count(up{job="pipeline"} == 1)')))
        yield server.url


@contextmanager
def web(s: Services) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, create_app(s), threaded=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(url: str, query: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{url}/api/v1/query", params={"query": query}, timeout=60).json()
    assert answer["status"] == "success", (query, answer)
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def test_the_first_panels_are_queue_length_failure_rate_and_processing_time() -> None:
    titles = [panel["title"] for panel in DASHBOARD["panels"]]
    assert titles[:3] == ["Queue length", "Failure rate", "Processing time"]


def test_every_metric_and_label_of_the_queries_exists(answers: str) -> None:
    """In what a real Prometheus has read. A name that is spelled wrong gives no error there, only no data."""
    series = requests.get(f"{answers}/api/v1/series", params={"match[]": '{job="pipeline"}'}, timeout=60).json()
    known: dict[str, set[str]] = {}
    for labels in series["data"]:
        known.setdefault(labels["__name__"], set()).update(labels)
    for query in QUERIES + RULES:
        ask(answers, query)
        names = set(re.findall(r"\b(?:pipeline_\w+|up)\b", query))
        assert names and names <= known.keys(), (query, names - known.keys())
        labels = set(re.findall(r"(\w+)=~?\"", query))
        for group in re.findall(r"by \(([^)]*)\)", query):
            labels |= set(group.replace(",", " ").split())
        assert labels <= set().union(*(known[name] for name in names)), query
    assert len(RULES) == (MONITORING / "alerts.yml").read_text().count("- alert:")


def test_the_values_of_labels_in_the_queries_exist(answers: str) -> None:
    wanted = {
        (name, label, value)
        for query in QUERIES + RULES
        for name, selector in re.findall(r"(\w+)\{([^}]*)\}", query)
        for label, values in re.findall(r"(\w+)=~?\"([^\"]*)\"", selector)
        for value in values.split("|")
    }
    assert len(wanted) > 4
    assert not [each for each in wanted if not ask(answers, f'{each[0]}{{{each[1]}="{each[2]}"}}')]


def test_the_rules_pass_their_own_tests() -> None:
    for words in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        said = subprocess.run(["promtool", *words], cwd=MONITORING, capture_output=True, text=True)
        assert said.returncode == 0, said.stdout + said.stderr
    tested = set(re.findall(r"alertname: (\w+)", (MONITORING / "alerts_test.yml").read_text()))
    assert tested == set(re.findall(r"alert: (\w+)", (MONITORING / "alerts.yml").read_text()))


def test_the_configuration_is_valid(tmp_path: Path) -> None:
    folder = shutil.copytree(MONITORING, tmp_path / "monitoring")
    (folder / "token").write_text("a token")
    said = subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"], cwd=folder, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stdout + said.stderr


def test_the_files_that_compose_mounts_exist() -> None:
    mounted = re.findall(r"(\./[\w./-]*):/", (MONITORING / "compose.yml").read_text())
    assert len(mounted) == 3
    assert all((MONITORING / each).is_dir() for each in mounted)

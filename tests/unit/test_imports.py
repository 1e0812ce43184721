"""Imports go down only, and every foreign service has one door."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2] / "pipeline"

STOREYS = [
    {"local"},
    {"__main__", "cli", "client", "commands", "doctor", "web", "worker"},
    {"keeper"},
    {"tasks"},
    {"services"},
    {"scaler", "delivery", "rendering", "representation"},
    {"accounts", "presence", "repair"},
    {"ledger", "live", "freezing"},
    {"segments"},
    {"sealing"},
    {"roster", "leases", "progress"},
    {"documents", "queries"},
    {"binding", "sources", "plan", "volumes", "pdf", "parts", "records", "arrow"},
    {"store", "fetcher"},
    {"upload"},
    {"s3"},
    {"export"},
    {"errors", "logs", "settings"},
]
DOORS = {
    "boto3": {"s3.py"},
    "botocore": {"s3.py"},
    "heroku3": {"scaler/heroku.py"},
    "pyarrow": {"arrow.py"},
    "sqlalchemy": {"queries.py"},
    "smtplib": {"delivery.py"},
    "celery": {"tasks/app.py", "worker.py"},
}


def imports(path: Path) -> list[str]:
    """The modules that a file imports, in full."""
    package = [ROOT.name, *path.relative_to(ROOT).parts[:-1]]
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found += [f"{module}.{alias.name}" for alias in node.names] if node.level else [module]
    return found


def storey(module: str) -> int | None:
    parts = module.split(".")
    if parts[0] != ROOT.name or len(parts) < 2:
        return None
    return next((i for i, names in enumerate(STOREYS) if parts[1] in names), None)


def files() -> list[tuple[str, Path]]:
    return [(str(path.relative_to(ROOT)), path) for path in sorted(ROOT.rglob("*.py"))]


def test_every_module_has_its_storey() -> None:
    named = {name.split("/")[0].removesuffix(".py") for name, _ in files()} - {"__init__"}
    assert named == set().union(*STOREYS)


def test_imports_go_down_only() -> None:
    wrong = [
        f"{name} imports {module}"
        for name, path in files()
        for module in imports(path)
        if (here := storey(f"pipeline.{name.split('/')[0].removesuffix('.py')}")) is not None
        and (there := storey(module)) is not None
        and there < here
    ]
    assert not wrong


def test_the_scaler_does_not_know_the_tasks() -> None:
    assert not [
        module
        for name, path in files()
        for module in imports(path)
        if name.startswith("scaler/") and module.startswith("pipeline.tasks")
    ]


def test_each_foreign_service_has_one_door() -> None:
    wrong = [
        f"{name} imports {module}"
        for name, path in files()
        for module in imports(path)
        for library, doors in DOORS.items()
        if module.split(".")[0] == library and name not in doors and not name.startswith("local/")
    ]
    assert not wrong

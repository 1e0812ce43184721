"""The order of the packages, the doors to foreign libraries, and what `pure` promises; read from the imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2] / "pipeline"

STOREYS = [
    {"__main__", "cli", "web"},
    {"celery"},
    {"tasks"},
    {"services"},
    {"documents", "scaler"},
    {"exports"},
    {"adapters", "pdf"},
    {"settings", "logs", "errors"},
]
"""From the top: a package imports from its own storey or from a lower one."""

DOORS = {
    "boto3": "adapters/bucket/",
    "botocore": "adapters/bucket/",
    "mypy_boto3_s3": "adapters/bucket/",
    "redis": "adapters/redis/",
    "smtplib": "adapters/mail.py",
    "standardwebhooks": "adapters/webhooks.py",
    "celery": "tasks/",
    "kombu": "tasks/",
    "billiard": "tasks/",
    "heroku3": "scaler/",
    "prometheus_client": "web/metrics.py",
    "authlib": "adapters/oidc.py",
    "joserfc": "adapters/oidc.py",
    "reportlab": "pdf/",
    "pypdf": "pdf/",
    "pypdfium2": "pdf/picture.py",
    "pyarrow": "documents/inputs/parquet",
    "sqlalchemy": "documents/inputs/sql.py",
}
"""Where alone a foreign library is imported."""

CHOOSE_S3 = {"exports.stores", "cli.doctor.bucket", "cli.run"}
"""What opens the bucket. Everything else takes any `Bucket`."""

MAX_NAMES, MAX_FILES = (
    13,
    6,
)  # at the top of the package, apart from `__init__`, `__main__` and the mark of its types


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    return {name(path): path for path in sorted(ROOT.rglob("*.py"))}


def name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def absolute(module: str, path: Path, node: ast.ImportFrom) -> str:
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    base = package[: len(package) + 1 - node.level] if node.level else []
    return ".".join([*base, *([node.module] if node.module else [])])


@cache
def imports(module: str, *, at_once: bool = False) -> frozenset[str]:
    """What a module imports: modules of the package, and foreign ones. `at_once`: only while it is loaded."""
    known, path = modules(), modules()[module]
    tree = ast.parse(path.read_text())
    found = set()
    for node in loaded(tree) if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = absolute(module, path, node)
            whole = {f"{base}.{alias.name}" for alias in node.names}
            found |= {each if each in known else base for each in whole}
    return frozenset(found - {module})


def loaded(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is loaded: none inside functions, nor for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from loaded(node)


def storey(module: str) -> int | None:
    parts = module.split(".")
    if parts[0] != ROOT.name or len(parts) < 2:
        return None
    return next(i for i, names in enumerate(STOREYS) if parts[1] in names)


def test_the_top_of_the_package_fits_one_look() -> None:
    names = {path.name for path in ROOT.iterdir()} - {"__init__.py", "__main__.py", "__pycache__", "py.typed"}
    assert len(names) <= MAX_NAMES
    assert len([each for each in names if each.endswith(".py")]) <= MAX_FILES
    assert {each.removesuffix(".py") for each in names} <= set().union(*STOREYS)


def test_imports_go_down_only() -> None:
    wrong = []
    for module in modules():
        here = storey(module)
        for target in imports(module):
            there = storey(target)
            if here is not None and there is not None and there < here:
                wrong.append(f"{module} imports {target}")
    assert not wrong


def test_no_module_imports_itself_in_a_circle() -> None:
    known, safe = modules(), set[str]()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in safe:
            for target in imports(module):
                if target in known:
                    visit(target, (*path, module))
            safe.add(module)

    for module in known:
        visit(module, ())


def test_each_foreign_library_has_one_door() -> None:
    wrong = [
        f"{module} imports {target}"
        for module, path in modules().items()
        for target in imports(module)
        if (door := DOORS.get(target.split(".")[0]))
        and not path.relative_to(ROOT).as_posix().startswith(door)
        and module != "pipeline.celery"
    ]
    assert not wrong


def test_s3_is_chosen_in_a_few_places_only() -> None:
    s3 = {f"pipeline.adapters.bucket.{each}" for each in ("s3", "s3_upload", "client")}
    users = {module.removeprefix("pipeline.") for module in modules() if imports(module) & s3}
    assert {each for each in users if not each.startswith("adapters.bucket.")} == CHOOSE_S3


def test_what_says_it_is_pure_imports_only_what_is_pure_the_standard_library_and_msgspec() -> None:
    """Values are structs of msgspec, which reads and writes nothing by itself."""
    pure = {module for module, path in modules().items() if says_pure(path)}
    assert len(pure) > 10
    wrong = [
        f"{module} imports {target}"
        for module in pure
        for target in imports(module, at_once=True)
        if target not in pure and target.split(".")[0] not in {*sys.stdlib_module_names, "msgspec"}
    ]
    assert not wrong


def says_pure(path: Path) -> bool:
    words = ast.get_docstring(ast.parse(path.read_text())) or ""
    return "pure" in words.lower().replace(".", " ").replace(";", " ").split()


def loaded_with(module: str) -> set[str]:
    """The modules of the package that are loaded when this one is imported."""
    found, todo = set[str](), [module]
    while todo:
        if (each := todo.pop()) in modules() and each not in found:
            found.add(each)
            todo += imports(each, at_once=True)
    return found


def test_wiring_does_not_load_the_client_of_heroku() -> None:
    """It takes a tenth of a second; only processes that scale need it."""
    found = loaded_with("pipeline.services")
    assert "pipeline.scaler.usage" in found
    assert "pipeline.scaler.heroku" not in found


def test_the_web_process_and_the_doctor_do_not_load_the_client_of_an_issuer() -> None:
    """It takes 14 MB; only where OIDC_ISSUER is set it is needed."""
    assert "pipeline.web.sign_in" in loaded_with("pipeline.web")
    for module in ("pipeline.web", "pipeline.cli.doctor", "pipeline.tasks.worker"):
        assert "pipeline.adapters.oidc" not in loaded_with(module)

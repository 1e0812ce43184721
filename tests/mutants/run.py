"""Mutation testing: changes a file in one place at a time and runs the tests that guard it; one must fail.

`make mutants FILES="pipeline/exports/plan.py"`. It works on a copy of the tree. Which tests guard which file stands
in guards.toml; survivors that stay, with the reason, in README.md.
"""

from __future__ import annotations

import ast
import compileall
import difflib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from py_compile import PycInvalidationMode
from tempfile import TemporaryDirectory
from typing import NamedTuple

import hypothesis
import psutil
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parents[2]
GUARDS = tomllib.loads((ROOT / "tests/mutants/guards.toml").read_text())
OPTIONS = [
    "-q",
    "-x",
    "--no-header",
    "--tb=no",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-W",
    "ignore:Module already",
]

Place = tuple[int, int]  # line and column


class Mutant(NamedTuple):
    """A changed source, and what was changed."""

    line: int
    change: str
    source: str


def mutants(file: str, source: str) -> Iterator[Mutant]:
    """Yields every mutant of a file that compiles, each once."""
    seen = {source}
    for mutant in (*_by_operators(source), *_without_calls(source), *_by_hand(file, source)):
        if mutant.source not in seen and _compiles(mutant.source):
            seen.add(mutant.source)
            yield mutant


def _by_operators(source: str) -> Iterator[Mutant]:
    tree, skipped, lines = get_ast(source), _types(source), source.splitlines()
    names = re.compile("|".join(GUARDS["operators"]))
    for name in filter(names.fullmatch, (each.partition("/")[2] for each in operator_names())):
        operator = get_operator(f"core/{name}")()
        places = [place for node in ast_nodes(tree) for place in operator.mutation_positions(node)]
        for number, (begin, _) in enumerate(places):
            if lines[begin[0] - 1].startswith("*,", begin[1]):
                continue  # no product: arguments by name follow
            changed = mutate_code(source, operator, number)
            if changed and not any(first <= begin < last for first, last in skipped):
                yield Mutant(begin[0], name, changed)


def _types(source: str) -> list[tuple[Place, Place]]:
    """Returns where annotations and protocols stand, which only the type checker reads."""
    found = []
    for node in ast.walk(ast.parse(source)):
        protocol = node if isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases) else None
        for each in (getattr(node, "annotation", None), getattr(node, "returns", None), protocol):
            if isinstance(each, (ast.expr, ast.ClassDef)):
                found.append(((each.lineno, each.col_offset), (each.end_lineno or 0, each.end_col_offset or 0)))
    return found


def _without_calls(source: str) -> Iterator[Mutant]:
    """Yields a mutant for each call whose result is not used, without the call."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            rest = [line[:0] for line in lines[node.lineno : node.end_lineno]]
            head = " " * node.col_offset + "pass\n"
            changed = [*lines[: node.lineno - 1], head, *rest, *lines[node.end_lineno or node.lineno :]]
            yield Mutant(node.lineno, "call removed", "".join(changed))


def _by_hand(file: str, source: str) -> Iterator[Mutant]:
    """Yields the mutants that guards.toml lists: of Lua, which stands in texts."""
    for old, new in GUARDS["by-hand"].get(file, []):
        before, found, after = source.partition(old)
        if not found:
            sys.exit(f"{file} has no {old!r} any more; change guards.toml.")
        yield Mutant(before.count("\n") + 1, "by hand", before + new + after)


def _compiles(source: str) -> bool:
    with suppress(SyntaxError):
        compile(source, "mutant", "exec")
        return True
    return False


class Limits(NamedTuple):
    """Seconds that the tests of a mutant may take: of the processor, which ends endless loops, and by the clock."""

    processor: int = 600
    clock: float = 600.0


def passes(file: str, source: str, tests: list[str], limits: Limits, modules: Path | None = None) -> bool | None:
    """Whether the tests pass with this source, in a process of their own; None if the clock ended it.

    `modules` takes the names it imported.
    """
    Path(file).write_text(source)
    child = os.fork()
    if not child:
        _run(tests, limits.processor, modules)
    end = time.monotonic() + limits.clock
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.01)
    for process in (*psutil.Process(child).children(recursive=True), psutil.Process(child)):
        process.kill()
    os.waitpid(child, 0)
    return None


class Result:
    """How the tests ended. What pytest raises later, of objects that this process shares, is not theirs."""

    def __init__(self, modules: Path | None) -> None:
        self.code = 1
        self._modules = modules

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self.code = int(exitstatus)
        if self._modules:
            files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
            self._modules.write_text(json.dumps([name for name, path in files.items() if "site-packages" in path]))


def _run(tests: list[str], processor: int, modules: Path | None) -> None:
    """Run the tests in this process and end it, whatever happens."""
    result = Result(modules)
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (processor, processor))
        quiet = os.open("baseline.txt" if modules else os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        hypothesis.settings.register_profile(
            "mutants", derandomize=True, deadline=None, database=None, max_examples=25,
            phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],  # no shrinking
        )  # fmt: skip
        hypothesis.settings.load_profile("mutants")  # tests/conftest.py adds to it
        pytest.main([*OPTIONS, *tests], plugins=[result])
    finally:
        os._exit(result.code)


def _used() -> float:
    """Returns the seconds of the processor that ended child processes used."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime


def examine(file: str) -> tuple[int, int]:
    """Returns the number of mutants of a file, and of those that survive. Prints these and what the clock ended."""
    tests, source = GUARDS["tests"][file], Path(file).read_text()
    began, used, modules = time.monotonic(), _used(), Path("modules.json")
    if not passes(file, source, tests, Limits(), modules):
        sys.exit(f"The tests of {file} fail without any change:\n{Path('baseline.txt').read_text()}")
    limits = Limits(2 + round(3 * (_used() - used)), 30 + 4 * (time.monotonic() - began))
    for name in json.loads(modules.read_text()):  # imported once, not once for each mutant
        with suppress(Exception):
            import_module(name)
    found = list(mutants(file, source))
    survivors = 0
    for mutant in found:
        passed = passes(file, mutant.source, tests, limits)
        if passed is None:
            print("Counted as killed, since its time was over; on a busy machine it may survive:")
        if passed is not False:
            print(difference(file, source, mutant), end="\n\n", flush=True)
        survivors += passed is True
    Path(file).write_text(source)
    return len(found), survivors


def difference(file: str, source: str, mutant: Mutant) -> str:
    """Returns the change as a diff."""
    old, new = source.splitlines(), mutant.source.splitlines()
    lines = difflib.unified_diff(old, new, f"{file}:{mutant.line}", mutant.change, lineterm="", n=1)
    return "\n".join(lines)


def copy_tree(folder: str) -> None:
    """Copy the files of the project. Compiled files are checked by content, as changes come within a second."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        target = Path(folder, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, target)
    os.chdir(folder)
    for package in ("pipeline", "local", "tests"):
        compileall.compile_dir(package, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)


def main(files: list[str]) -> None:
    """Examine the files, or all that have guards, and print survivors and a table."""
    if unknown := set(files) - set(GUARDS["tests"]):
        sys.exit(f"guards.toml names no tests for {', '.join(sorted(unknown))}.")
    sys.path[0] = ""
    rows = []
    with TemporaryDirectory() as folder:
        copy_tree(folder)
        for file in files or GUARDS["tests"]:
            count, survivors = examine(file)
            killed = count - survivors
            rows.append(f"| `{file}` | {count} | {killed} | {100 * killed / max(1, count):.1f} % |")
    print("", "| file | mutants | killed | score |", "|---|---|---|---|", *rows, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])

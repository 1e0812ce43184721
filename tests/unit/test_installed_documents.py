"""Documents of installed distributions, by the entry point group `pipeline.documents`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
ONE_PAGE = """
from pipeline.documents import register
from tickets import TicketParams, Tickets


class OnePage(Tickets):
    def survey(self, params, listing, inputs):
        return super().survey(TicketParams(count=1), listing, inputs)


register(OnePage())
"""


def install(folder: Path, value: str) -> None:
    """Lay down the metadata of a distribution `shop-documents`, as pip does, with one entry point."""
    info = folder / "shop_documents-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: shop-documents\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[pipeline.documents]\ntickets = {value}\n")


def render(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Render seven tickets in a process that finds the distribution on its path."""
    command = ["-m", "pipeline", "render", "tickets", "-o", "out.pdf", "--count", "7", "--json"]
    environ = {"PYTHONPATH": f"{ROOT}:{folder}", **variables}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=folder, env=environ)


@pytest.fixture
def distribution(tmp_path: Path) -> Path:
    """A folder on the path with the document of the README, registered by the entry point of the README."""
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "register(" in code]
    (toml,) = [code for code in re.findall(r"```toml\n(.*?)```", README, re.DOTALL) if "entry-points" in code]
    (tmp_path / "tickets.py").write_text(code)
    install(tmp_path, tomllib.loads(toml)["project"]["entry-points"]["pipeline.documents"]["tickets"])
    return tmp_path


def test_a_document_of_an_installed_distribution_can_be_made(distribution: Path) -> None:
    made = render(distribution)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout.splitlines()[-1])["pages"] == 7


def test_a_module_that_documents_names_replaces_one_of_a_distribution(distribution: Path) -> None:
    (distribution / "one_page.py").write_text(ONE_PAGE)
    made = render(distribution, DOCUMENTS="one_page")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout.splitlines()[-1])["pages"] == 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_module", "No module named 'no_such_module'"),
        ("broken", "the table of prices is missing"),
        ("broken.sub:Tickets", "the table of prices is missing"),
        ("json:Tickets", "has no attribute 'Tickets'"),
    ],
)
def test_a_distribution_that_cannot_be_imported_is_named_with_its_module(
    tmp_path: Path, value: str, reason: str
) -> None:
    (tmp_path / "broken.py").write_text('raise RuntimeError("the table of prices is missing")\n')
    install(tmp_path, value)
    refused = render(tmp_path)
    assert (refused.returncode, refused.stderr) == (2, "")
    told = json.loads(refused.stdout)["error"]
    assert told["code"] == "InvalidSetting"
    assert told["message"].startswith(f"shop-documents registers documents in {value}, which cannot be imported: ")
    assert reason in told["message"]
    assert told["advice"] == "Upgrade shop-documents, or uninstall it."

"""Runs the client in other Pythons, against a real system of this one:

    .venv/bin/python -m tests.pythons python3.9 python3.13

For each it makes an environment, installs the client there as its README says, and uses it: rows, a file that is
handed in, errors, the routes of a button.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from local.laptop import Laptop, laptop

from .pictures import jpeg

ROOT = Path(__file__).parents[1]
JOURNEY = """
import sys, datetime, decimal
from pathlib import Path
from manypages import Cancelled, Client, NotFound, Refused, element_path
from manypages.routes import Routes

url, token, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
with Client(url, token) as client:
    rows = ((n, datetime.date(2026, 7, 1), decimal.Decimal("9.50")) for n in range(200))
    export = client.export("table", rows, titles=("Order", "Day", "Total"), params={"title": "Orders"})
    states = [seen.state for seen in client.follow(export, timeout=300)]
    assert states[-1] == "ready", states
    assert client.download(export, folder / "orders.pdf").read_bytes().startswith(b"%PDF-")
    picture = client.upload(folder / "photo.jpg")
    photos = client.export("photos", params={"photos": [{"source": picture.key}]}, subject="anna")
    assert client.wait(photos, timeout=300).state == "ready"
    assert [each.id for each in client.exports(subject="anna")][:1] == [photos.id]
    try:
        client.export("table", [{"a": 1}], params={"font_size": 99})
        raise AssertionError("it was taken")
    except Refused as refused:
        assert refused.field == "font_size"
    for each in (export, photos):
        client.delete(each)
    try:
        client.get(export)
        raise AssertionError("it is there")
    except NotFound:
        pass
assert element_path().is_file()
pdfs = Routes(url, token)
body, status, headers = pdfs.answer("GET", "/none", {}, b"", "anna", lambda client, **asked: None)
assert status == 404, status
print("Python", sys.version.split()[0], "requests", __import__("requests").__version__, "ok")
"""


def check(python: str, system: Laptop, folder: Path) -> bool:
    """Install the client into an environment of this Python and use it. Returns whether all went well."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    inside = str(folder / "bin/python")
    shutil.copytree(ROOT / "client", folder / "client")  # building it leaves files there
    subprocess.run([inside, "-m", "pip", "install", "--quiet", "./client"], cwd=folder, check=True)
    (folder / "photo.jpg").write_bytes(jpeg(1))
    program = [inside, "-W", "error", "-c", JOURNEY, system.url, system.token, str(folder)]
    return subprocess.run(program, env={"PATH": os.environ["PATH"]}).returncode == 0


def main(pythons: Sequence[str]) -> int:
    with TemporaryDirectory() as folder, laptop(Path(folder) / "system", boot_seconds=0.2) as system:
        done = [check(python, system, Path(folder) / str(number)) for number, python in enumerate(pythons)]
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

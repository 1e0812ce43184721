"""The button in Django's admin: `python -m bench.django_admin`. Workers are up, as when others export too."""

from __future__ import annotations

import argparse
import re
import time
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import requests

from tests.shop import served, shop

from .system import running


def main() -> None:
    """Measure from the press to the answer and to the file, and how much the web process grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--presses", type=int, default=3)
    given = parser.parse_args()
    with TemporaryDirectory() as folder, running(Path(folder) / "system", 2) as system:
        made = shop(system, Path(folder), orders=2 * given.rows)  # half of them are paid
        with served(made, Path(folder) / "web.log") as (address, web):
            for _ in range(given.presses):
                _press(address, psutil.Process(web.leader.pid))


def _press(address: str, web: psutil.Process) -> None:
    with requests.Session() as session:
        token = session.get(f"{address}/admin/login/", timeout=60).cookies["csrftoken"]
        body = {"username": "ann", "password": "ann", "csrfmiddlewaretoken": token}
        page = session.post(
            f"{address}/admin/login/?next=/admin/orders/order/%3Fstatus__exact%3Dpaid", body, timeout=60
        )
        source = address + unescape(re.findall(r'pdf-download src="([^"]+)"', page.text)[0])
        counted = re.findall(r"([\d,]+) rows", page.text)[0]
        before, begun = web.memory_info().rss, time.monotonic()
        headers = {"X-CSRFToken": session.cookies["csrftoken"]}
        asked = session.post(source, json={"key": str(begun)}, headers=headers, timeout=60)
        answered, most, state = time.monotonic() - begun, before, ""
        reader = sum(_uss(child) for child in web.children())
        while state not in ("ready", "failed"):
            time.sleep(0.1)
            state = session.get(f"{source}/{asked.json()['id']}", timeout=60).json()["state"]
            most = max(most, web.memory_info().rss)
            reader = max(reader, sum(_uss(child) for child in web.children()))
        file = session.get(f"{source}/{asked.json()['id']}/file", timeout=60)
        done, mib = time.monotonic() - begun, 2**20
        print(  # noqa: T201
            f"{counted} rows: answered after {answered * 1000:.0f} ms, {state} and fetched after {done:.1f} s, "
            f"{len(file.content) / 1e6:.1f} MB; the web process grew by {(most - before) / mib:.1f} MiB, "
            f"the process that reads took {reader / mib:.0f} MiB"
        )


def _uss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.Error:  # it ended
        return 0


if __name__ == "__main__":
    main()

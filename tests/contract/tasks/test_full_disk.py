"""A chunk is drawn again after the disk was full for a moment."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline
from pipeline.errors import ResourceShort
from pipeline.exports.export import State
from pipeline.tasks import flow
from pipeline.tasks.outcomes import Done
from pipeline.tasks.retry import Retry

from .stage import FIVE, Stage


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk of 1 MiB for temporary files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        if os.environ.get("CI") and os.geteuid() == 0:
            pytest.fail(f"This machine should be able to mount a tmpfs: {mounted.stderr}")
        pytest.skip("FULL DISKS ARE NOT TESTED: this user cannot mount a tmpfs.")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_ends_no_export(stage: Stage, small_disk: Path, tmp_path: Path) -> None:
    export_id = stage.planned()
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (1 << 20))
    errors = []
    while isinstance(outcome := flow.handle(stage.s, "render", export_id, 0, threading.Event()), Retry):
        errors.append(outcome.error)
        if len(errors) == 2:
            filler.unlink()
        time.sleep(outcome.after)
    assert isinstance(outcome, Done)
    assert len(errors) == 2
    assert all(isinstance(error, ResourceShort) for error in errors)
    assert errors[0].message == f"The disk is full: {small_disk}."
    assert stage.s.redis.counters.count_attempt(f"{export_id}:0:0") == 1, "none of them was killed"
    for step, chunk in (("render", 1), ("render", 2), ("assemble", None)):
        assert isinstance(flow.handle(stage.s, step, export_id, chunk, threading.Event()), Done)
    assert stage.load(export_id).state is State.READY
    assert stage.captions(export_id, tmp_path) == FIVE


@pytest.mark.parametrize("place", ["the file's", "temporary files'"])
def test_rendering_without_services_names_the_full_disk(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    folder = small_disk if place == "the file's" else tmp_path
    if folder is small_disk:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (small_disk / "filler").write_bytes(b"x" * ((1 << 20) - (64 << 10)))
    rows = ({"number": number, "text": secrets.token_hex(80)} for number in range(5_000))
    with pytest.raises(ResourceShort, match=f"The disk is full: {small_disk}"):
        pipeline.render("table", folder / "out.pdf", rows)
    assert not (folder / "out.pdf").exists()

"""Copy the files of a finished export from the bucket."""

from __future__ import annotations

from pathlib import Path

from ..adapters.bucket import Bucket
from ..errors import ExportFailed, IllegalStep
from ..errors.shortages import shortages
from ..exports.export import MB, Export, File, Result, State
from ..exports.stores import Stores
from ..tasks.inline import OnProgress
from . import destination, output


def save(stores: Stores, export_id: str, path: Path | None, *, quiet: bool, force: bool) -> list[Path]:
    """Copy the files of a finished export to `path`, or under their own names. Returns where they are."""
    result = result_of(stores.exports.load(export_id))
    paths = destination.paths_of(result, path)
    for each in paths:
        destination.check_free(each, force)
    with output.progress(quiet) as show:
        for file, each in zip(result.files, paths, strict=True):
            _copy(stores.bucket, file, each, show)
    return paths


def result_of(export: Export) -> Result:
    """Return the result of an export. Raises ExportFailed or IllegalStep if it has no file."""
    if export.failure:
        raise ExportFailed(f"Export {export.id} failed: {export.failure.message}", advice=export.failure.advice)
    if export.state is not State.READY or export.result is None:
        later = "" if export.state.over else f"Wait for it: `python -m pipeline wait {export.id}`."
        raise IllegalStep(f"Export {export.id} is {export.state}; it has no file.", advice=later)
    return export.result


def _copy(bucket: Bucket, file: File, path: Path, show: OnProgress) -> None:
    """Copy one file. It gets its name when it is complete. Raises ReadFailed if its size is another."""
    part, size = path.with_name(path.name + ".part"), 0
    try:
        with shortages(str(path.parent)), part.open("wb") as written:
            for block in bucket.read(file.key, 0, file.bytes):
                size += written.write(block)
                show("downloading, MB", size // MB, file.bytes // MB)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

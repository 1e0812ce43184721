"""The paths where a command writes files."""

from __future__ import annotations

from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidRequest

if TYPE_CHECKING:
    from ..exports.export import Result


def check_free(path: Path, force: bool) -> None:
    """Raise InvalidRequest unless a file may be written to this path."""
    if not path.parent.is_dir():
        raise InvalidRequest(f"There is no folder {path.parent}.", field="output", advice="Create it first.")
    if path.exists() and not path.is_file():
        raise InvalidRequest(f"{path} is not a file.", field="output", advice="Name a file.")
    if path.exists() and not force:
        raise InvalidRequest(f"{path} exists.", field="output", advice="Add --force to overwrite it.")


def check_free_for_volumes(path: Path, force: bool) -> None:
    """Raise InvalidRequest if volumes of an earlier run are beside this path."""
    names = f"{escape(path.stem)}-*-of-*{escape(path.suffix)}"
    existing = sorted(path.parent.glob(names))
    if existing and not force:
        raise InvalidRequest(f"{existing[0]} exists.", field="output", advice="Add --force to overwrite volumes.")


def paths_of(result: Result, path: Path | None) -> list[Path]:
    """Return a path for each of `result.files`.

    A single file goes to `path`; an index and its volumes go beside it, with names made from its name. Without
    `path` the files keep their own names, in the current folder.
    """
    from ..exports.volumes import index_name, volume_name

    count = len(result.volumes)
    if path is None:
        return [Path(Path(file.name).name) for file in result.files]
    if not count:
        return [path]
    names = [index_name(path.name), *(volume_name(path.name, number, count) for number in range(1, count + 1))]
    return [path.with_name(name) for name in names]

"""Options of the command line: those that commands share, and those of a document's parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import NODEFAULT, inspect

Decorator = Callable[[Callable[..., None]], Callable[..., None]]
machine: Decorator = click.option("--json", "machine", is_flag=True, help="Print JSON, for programs.")
quiet: Decorator = click.option("--quiet", is_flag=True, help="Show no progress.")
force: Decorator = click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
chunk_pages: Decorator = click.option("--chunk-pages", type=click.IntRange(1), help="Pages per chunk.")
export_id: Decorator = click.argument("export_id", metavar="ID")


def output(words: str, required: bool = False) -> Decorator:
    """Return the option -o FILE."""
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option("-o", "--output", type=kind, required=required, help=words)


class Size(click.ParamType[int]):
    """A size such as 25MB, 1.5 GB, 10MiB or 25000000, as bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?) *(?:([KMG])(i?)B?)?B?", value.strip(), re.IGNORECASE | re.ASCII)
        if not match:
            self.fail(f"{value!r} is not a size such as 25MB.", param, ctx)
        power = " KMG".index((match[2] or " ").upper())
        return int(float(match[1]) * (1024 if match[3] else 1000) ** power)


volume_pages: Decorator = click.option(
    "--volume-pages", type=click.IntRange(1), help="Split into files of this many pages."
)
volume_bytes: Decorator = click.option(
    "--volume-size", "volume_bytes", type=Size(), help="Split into files of at most this size, such as 25MB."
)


def making(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that render and submit share; --help shows the last one first."""
    for option in (machine, quiet, volume_bytes, volume_pages, chunk_pages, force):
        command = option(command)
    return command


class Json(click.ParamType[Any]):
    """A value without a simpler form, such as a list, written as JSON."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return msgspec.json.decode(value) if isinstance(value, str) else value
        except msgspec.DecodeError as error:
            words = 'Write a list as ["a", "b"], an object as {"name": 1}'
            self.fail(f"{value!r} is not JSON ({error}). {words}.", param, ctx)


class Named(Json):
    """A list of objects as JSON. Where one field of them is enough, its values separated by commas: net,gross."""

    name = "names or json"

    def __init__(self, field: str) -> None:
        self._field = field

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or value.lstrip()[:1] in ("[", "{", '"'):
            return super().convert(value, param, ctx)
        names = [name.strip() for name in value.split(",")]
        if not all(names):
            self.fail(f"{value!r} has an empty name. Write names as net,gross.", param, ctx)
        return [{self._field: name} for name in names]


_SIMPLE: dict[type[inspect.Type], type] = {inspect.IntType: int, inspect.FloatType: float, inspect.StrType: str}


def options_for(kind: type[Any], without: Collection[str] = ()) -> list[click.Parameter]:
    """Return an option for each field of a parameter class. None means not given: the class has the default."""
    return [_option(field) for field in msgspec.structs.fields(kind) if field.name not in without]


def caption() -> click.Option:
    """For documents whose records have a caption: what to write there for the pictures of a folder."""
    kind = click.Choice(("name", "none"))
    words = "Caption of each picture of a folder: its file name, or none [default: name]."
    return click.Option(("--caption", "picture_caption"), type=kind, default="name", help=words)


def _option(field: msgspec.structs.FieldInfo) -> click.Option:
    info, words = _described(field.type)
    name = field.encode_name.replace("_", "-")
    flag = isinstance(info, inspect.BoolType)
    declared = f"--{name}/--no-{name}" if flag else f"--{name}"
    # Not both: with a default, even None, click does not require the option.
    needed: dict[str, Any] = {"required": True} if field.required else {"default": None}
    words += _default(field.default)
    return click.Option([declared, field.encode_name], type=bool if flag else _type(info), help=words, **needed)


def _described(annotation: Any) -> tuple[inspect.Type, str]:
    """Return the type of a field, without metadata and None, and its description."""
    info, words = inspect.type_info(annotation), ""
    if isinstance(info, inspect.Metadata):
        words = str((info.extra_json_schema or {}).get("description", ""))
        info = info.type
    if isinstance(info, inspect.UnionType):
        others = [item for item in info.types if not isinstance(item, inspect.NoneType)]
        info = _bare(others[0]) if len(others) == 1 else info
    return info, words


def _bare(info: inspect.Type) -> inspect.Type:
    """Return a type without metadata."""
    return info.type if isinstance(info, inspect.Metadata) else info


def _type(info: inspect.Type) -> Any:
    if isinstance(info, inspect.LiteralType):
        return click.Choice(info.values)
    return _SIMPLE.get(type(info)) or (Named(field) if (field := _only_field(info)) else Json())


def _only_field(info: inspect.Type) -> str | None:
    """Return the field that is enough for an object of a list, if it is a text: `field` of a table's columns."""
    item = getattr(info, "item_type", None)
    if not isinstance(item, inspect.StructType):
        return None
    required = [field for field in item.fields if field.required]
    enough = len(required) == 1 and isinstance(_bare(required[0].type), inspect.StrType)
    return required[0].encode_name if enough else None


def _default(value: Any) -> str:
    if value in (None, NODEFAULT, "", ()):
        return ""
    shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
    return f" [default: {shown}]"

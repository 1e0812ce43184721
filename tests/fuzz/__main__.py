"""python -m tests.fuzz PARSER: fuzzes a parser, or runs files once more. README.md beside this file says how."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from local.services import s3, valkey
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.settings import Settings

from .parsers import PARSERS, Parser
from .samples import TOKEN
from .watch import Current, Hang, find, keep, limit_process, wait


@click.command()
@click.argument("name", metavar="PARSER", type=click.Choice([*PARSERS]))
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--minutes", default=1.0, show_default=True, help="Of the processor.")
@click.option("--keep", "kept", type=click.Path(path_type=Path), default=Path("fuzz-work"), show_default=True,
              help="Where findings and the corpus are stored; a later run goes on with it.")  # fmt: skip
def main(name: str, files: Sequence[Path], minutes: float, kept: Path) -> None:
    """Look for inputs that are neither read nor refused; or run FILES, inputs of before."""
    parser = PARSERS[name]
    with environment(parser) as environ:
        if files:
            limit_process()
            sys.exit(replay(parser, environ, files))
        folder = kept / name
        folder.mkdir(parents=True, exist_ok=True)
        done = fuzz(name, folder, minutes * 60, environ)
    print(f"| {name} | {done.seconds / 60:.1f} | {done.runs:,} | {done.covered:,} | {len(found(folder))} |")
    for path in found(folder):
        print(f"python -m tests.fuzz {name} {path}")
    sys.exit(bool(found(folder)))


def found(folder: Path) -> list[Path]:
    """Return the inputs that were kept as findings."""
    return sorted(path for path in (folder / "found").glob("*") if path.suffix != ".txt")


@contextmanager
def environment(parser: Parser) -> Iterator[Mapping[str, str]]:
    """Start the servers that a parser needs, and yield the settings that point at them."""
    if not parser.servers:
        yield {}
        return
    with (
        tempfile.TemporaryDirectory() as name,
        valkey(Path(name)) as redis,
        s3(Path(name), key_id="key", secret=secrets.token_hex(), bucket="fuzz") as store,
    ):
        environ = {
            "REDIS_URL": redis.url,
            "S3_ENDPOINT_URL": store.endpoint_url,
            "S3_BUCKET": store.bucket,
            "AWS_ACCESS_KEY_ID": store.key_id,
            "AWS_SECRET_ACCESS_KEY": store.secret,
            "SECRET_KEY": secrets.token_hex(),
            "API_TOKENS": f"shop={TOKEN}",
            "WORKER_MEMORY_MB": "4096",
            "MAX_PAGES": "300",
        }
        S3Bucket.open(Settings.from_env(environ)).create_bucket()
        yield environ


def replay(parser: Parser, environ: Mapping[str, str], files: Sequence[Path]) -> int:
    """Run files once and print what is wrong. Returns 1 if anything is."""
    wrong = 0
    with parser.open(environ) as run:
        for file in files:
            error = find(parser, run, file.read_bytes())
            print(f"{file}: {'wrong' if error else 'read or refused'}")
            if error:
                wrong = 1
                traceback.print_exception(error)
    return wrong


@dataclass(frozen=True)
class Done:
    """What was used and reached: seconds of the processor, inputs, and edges of the code."""

    seconds: float
    runs: int
    covered: int


def fuzz(name: str, folder: Path, seconds: float, environ: Mapping[str, str], options: Sequence[str] = ()) -> Done:
    """Fuzz in processes of their own, one after the other; one that is killed leaves its input as a finding."""
    (folder / "current").unlink(missing_ok=True)
    current, used, log = Current(folder / "current"), 0.0, folder / "log"
    log.unlink(missing_ok=True)
    while used < seconds:
        command = [sys.executable, "-m", "tests.fuzz.child", name, str(folder), str(seconds - used), *options]
        with log.open("ab") as out:
            child = subprocess.Popen(command, env={**os.environ, **environ}, stdout=out, stderr=out)
            used += wait(child, current)
        if child.returncode and not current.runs:
            sys.exit(f"The fuzzer does not start:\n{log.read_text()[-3000:]}")
        if child.returncode:
            keep(folder / "found", current.data, Hang(f"the process ended with {child.returncode}"))
        if options:
            break
    covered = re.findall(r" cov: (\d+)", log.read_text(errors="replace"))
    return Done(used, current.runs, int(covered[-1]) if covered else 0)


if __name__ == "__main__":
    main()

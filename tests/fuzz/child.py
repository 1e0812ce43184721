"""The process that atheris (libFuzzer) works in: `python -m tests.fuzz.child PARSER FOLDER SECONDS`."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from random import Random

import atheris

FORMATS = ("Jpeg", "Png", "Tiff", "Gif", "Bmp", "Webp")
_PICTURES = ["pipeline.pdf.images", *(f"PIL.{kind}ImagePlugin" for kind in FORMATS), "PIL.ImageFile"]
INSTRUMENTED = {  # modules of which it is seen which lines run; each slows the start down
    "csv": ["pipeline.documents"],
    "jpeg": _PICTURES,
    "pictures": _PICTURES,
    "pdf": ["pipeline.pdf", "pypdf"],
    "requests": ["pipeline.web", "pipeline.documents", "pipeline.exports", "pipeline.tasks"],
    "planted": ["tests.fuzz.planted"],
}
MAX_BYTES = 40_000


def main(name: str, folder: Path, seconds: float, options: list[str]) -> None:
    """Fuzz until the seconds of the processor are used. Findings are kept, and do not end it."""
    with atheris.instrument_imports(include=INSTRUMENTED[name]):
        from .parsers import PARSERS
        from .watch import Current, find, keep, limit_process
    logging.lastResort = None
    parser = PARSERS[name]
    run, current = parser.open(os.environ).__enter__(), Current(folder / "current")  # it ends with the process
    limit_process()

    def one(data: bytes) -> None:
        current.begin(data)
        if (error := find(parser, run, data)) and (kept := keep(folder / "found", data, error)):
            print(f"\nfound {kept}\n{(folder / 'found' / f'{kept}.txt').read_text()}", flush=True)
        if time.process_time() > seconds:
            os._exit(0)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        rng = Random(seed)
        if rng.random() < 0.25:
            return bytes(atheris.Mutate(data, most))
        return parser.mutate(data, rng)[:most]

    corpus, begin = folder / "corpus", folder / "samples"
    corpus.mkdir(exist_ok=True)
    if not begin.exists():
        begin.mkdir()
        for number, data in enumerate(parser.samples()):
            (begin / f"{number:04}").write_bytes(data)
    limits = ["-timeout=100000", "-report_slow_units=100000", "-rss_limit_mb=0"]  # by the clock; ours: watch.py
    limits += [f"-max_len={MAX_BYTES}", f"-artifact_prefix={folder}/"]
    atheris.Setup(["fuzz", *limits, *options, str(corpus), str(begin)], one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])

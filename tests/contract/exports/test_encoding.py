"""Decoding is safe for the first threads of a process."""

from __future__ import annotations

import subprocess
import sys


def test_threads_that_decode_first_do_not_crash() -> None:
    """msgspec 0.22.0 builds its knowledge of a type at the first decoding, and not thread-safely."""
    made = subprocess.run([sys.executable, "-c", RACE], capture_output=True, text=True, timeout=300)
    assert (made.stderr, made.returncode) == ("", 0)


RACE = """
import msgspec, os, sys, threading
from pipeline import documents
from pipeline.exports.export import Export, Result
from pipeline.pdf.tally import Skipped
from pipeline.exports.encoding import decode_export, decode_plan, encode
from pipeline.web.api import ExportBody

documents.load(["pipeline.documents.photos"])

chunk = {"number": 0, "first_page": 0, "pages": 1, "start": 0, "stop": 1}
plan = msgspec.json.encode({"records": 1, "pages": 1, "chunks": [chunk]})
result = Result("k", "n", 1, 1, 1, 0, (Skipped(1, "s", "r"),))
export = encode(Export("1", "photos", {}, "shop", 1.0, result=result))
photos = documents.find("photos").params

def read(barrier):
    barrier.wait()
    for _ in range(20):
        decode_export(export)
        decode_plan(plan)
        msgspec.convert({"photos": [{"source": "s"}]}, photos)
        msgspec.convert({"document": "photos", "params": {}}, ExportBody)

for _ in range(30):
    child = os.fork()
    if not child:
        sys.setswitchinterval(1e-5)
        barrier = threading.Barrier(8)
        threads = [threading.Thread(target=read, args=(barrier,)) for _ in range(8)]
        for step in (threading.Thread.start, threading.Thread.join):
            for thread in threads:
                step(thread)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status:
        sys.exit(f"a process ended with signal {status}")
"""

"""A store that copies the parts of a file slowly, one at a time. Named by DOCUMENTS in the processes under test."""

from __future__ import annotations

import threading
import time

from pipeline.adapters.bucket.s3_upload import S3Upload

SECONDS = 0.8  # for each part: a busy machine must see that three are stored and the others not
_copy = S3Upload.copy
_one_at_a_time = threading.Lock()


def _slow_copy(upload: S3Upload, part: int, key: str, start: int, stop: int, etag: str) -> None:
    with _one_at_a_time:
        time.sleep(SECONDS)
        _copy(upload, part, key, start, stop, etag)


S3Upload.copy = _slow_copy  # type: ignore[assignment, method-assign]

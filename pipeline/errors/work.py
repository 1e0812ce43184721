"""Errors of the work on an export. Pure."""

from __future__ import annotations

from .base import PipelineError


class QueryFailed(PipelineError):
    """A database refuses a registered query."""

    exit_code = 4
    advice = "Try the query's statement in the database's own client, then correct it where it is registered."


class SnapshotGone(PipelineError):
    """The transaction that exported a snapshot of a database has ended, so no other one can read it."""

    exit_code = 4
    advice = "Request the export again."


class OverLimit(PipelineError):
    """A step used all the time or memory that it may use."""

    retry = True
    exit_code = 4
    advice = "Request less in one export, or raise SOFT_TIME_LIMIT, TIME_LIMIT and VISIBILITY_TIMEOUT."


class ResourceShort(PipelineError):
    """A machine lacks disk space, memory or file descriptors for a step."""

    retry = True
    exit_code = 4
    advice = "Look at what else runs on the machine, or use larger dynos."


class ChunkFailed(PipelineError):
    """A range of pages could not be rendered, even in the smallest pieces."""

    exit_code = 4


class ExportFailed(PipelineError):
    """An export ended without a file."""

    exit_code = 4


class NotExact(ExportFailed):
    """A strict export would have a warning: something was guessed, repaired, cut or left out."""

    advice = (
        "Correct the input, or say what was guessed by a parameter, such as `encoding`. Of photos, take other "
        "files out of the folder, and print a PDF that has forms, layers, tags or scripts to a new PDF. Or ask for "
        "the export without `strict`: the warning then stands in its result."
    )


class PreviewFailed(PipelineError):
    """The first page cannot be shown before the document is asked for."""

    http_status = 422
    advice = "Ask for the PDF itself: workers have more time and memory."


class DamagedExport(PipelineError):
    """The stored record of an export cannot be read."""

    advice = "Another version wrote it, or it was edited. To stop work on it, remove active/<id> from the bucket."


class DamagedSegment(PipelineError):
    """A stored segment does not match its index. It is rendered again."""

    retry = True


class TimedOut(PipelineError):
    """The time to wait is over, but the export is not."""

    retry = True
    exit_code = 8
    http_status = 504
    advice = "The export continues; check again later."


class Interrupted(PipelineError):
    """Ctrl-C on the command line."""

    exit_code = 130


class Conflict(PipelineError):
    """Another process changed the object first. Read it again before writing."""

    retry = True
    http_status = 409


class UploadGone(Conflict):
    """Another process aborted the multipart upload."""

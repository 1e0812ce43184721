"""Progress of running exports, a Redis hash for each:

c17        pages drawn of chunk 17
t17-340    seconds that drawing the piece of chunk 17 that begins at page 340 took
w17-340    when it was drawn, the number of the attempt, and the process: "1790000000.5 1 worker.2, process 9"
f3         seconds that storing share 3 of the input as lines took
m4         seconds that measuring range 4 of the listing took
h12        what happened, as JSON (exports/log.py); the last MAX_EVENTS
h          how many events there were
bytes      bytes of the file that are joined
total      bytes of the file in all

Beside it, a bit for each chunk: whether an attempt at it has begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .connection import DAY, Client, redis_errors
from .polls import send_change

MAX_EVENTS = 200


@dataclass(frozen=True)
class Drawn:
    """A piece of a chunk that was drawn.

    It begins at page `first`; `process` drew it in `seconds`, until `ended`. `attempt` is the name under which the
    attempt was counted, `tries` its number. `pages` is how many pages of the whole chunk are drawn now.
    """

    export: str
    chunk: int
    first: int
    pages: int
    seconds: float
    attempt: str
    tries: int
    ended: float
    process: str

    def fields(self) -> dict[str, float | str]:
        """Return the fields of the hash."""
        piece = f"{self.chunk}-{self.first}"
        return {
            chunk_field(self.chunk): self.pages,
            f"t{piece}": round(self.seconds, 3),
            f"w{piece}": f"{self.ended:.3f} {self.tries} {self.process}",
        }


@dataclass(frozen=True)
class Piece:
    """A piece of a chunk as the hash has it: it begins at page `first`; `process` drew it in `seconds`, until
    `ended`, at the attempt `tries`."""

    chunk: int
    first: int
    seconds: float
    ended: float
    tries: int
    process: str


def pieces(values: Mapping[str, str]) -> list[Piece]:
    """Return the pieces that a hash tells of, in the order in which they were drawn."""
    found = []
    for name, value in values.items():
        if name.startswith("w"):
            chunk, first = map(int, name[1:].split("-"))
            ended, tries, process = value.split(" ", 2)
            seconds = float(values.get(f"t{name[1:]}", 0))
            found.append(Piece(chunk, first, seconds, float(ended), int(tries), process))
    return sorted(found, key=lambda piece: piece.ended)


def events(values: Mapping[str, str]) -> list[str]:
    """Return the events that a hash tells of, in no order."""
    return [value for name, value in values.items() if name.startswith("h") and name.rstrip("r") != "h"]


def pages_drawn(values: Mapping[str, str]) -> dict[int, int]:
    """Return how many pages of each chunk are drawn, by its number."""
    return {int(name[1:]): int(value) for name, value in values.items() if name.startswith("c")}


@dataclass(frozen=True)
class Progress:
    """Pages drawn; bytes joined and bytes in all; seconds that drawing took, and in how many pieces.

    `frozen` and `measured`: how long storing shares as lines took, and measuring ranges, and how many they are.
    """

    pages: int
    bytes: int
    bytes_total: int
    seconds: float = 0.0
    timed: int = 0
    frozen: tuple[float, int] = (0.0, 0)
    measured: tuple[float, int] = (0.0, 0)

    @classmethod
    def from_fields(cls, values: Mapping[str, str]) -> Progress:
        """Return the progress that a hash holds."""
        pages = sum(pages_drawn(values).values())
        times = [float(value) for key, value in values.items() if key.startswith("t") and key != "total"]
        frozen, measured = (
            [float(value) for key, value in values.items() if key.startswith(letter)] for letter in "fm"
        )
        return cls(
            pages, int(values.get("bytes", 0)), int(values.get("total", 0)), sum(times), len(times),
            (sum(frozen), len(frozen)), (sum(measured), len(measured)),
        )  # fmt: skip


class ProgressNotes:
    """Writes and reads the progress of exports, and whether they are over."""

    def __init__(self, client: Client) -> None:
        self._redis = client

    def load(self, export: str) -> Progress | None:
        """Return the progress of an export; None when Redis has none."""
        values = self.fields(export)
        return Progress.from_fields(values) if values else None

    def fields(self, export: str) -> dict[str, str]:
        """Return the whole hash of an export, empty if there is none."""
        with redis_errors():
            values: dict[str, str] = self._redis.hgetall(progress_key(export))
        return values

    def note_pages(self, export: str, chunk: int, pages: int) -> None:
        """Note how many pages of a chunk are drawn."""
        self._note(export, {chunk_field(chunk): pages})

    def note_frozen(self, export: str, number: int, seconds: float) -> None:
        """Note how long storing a share as lines took."""
        self._note(export, {f"f{number}": round(seconds, 3)})

    def note_measured(self, export: str, number: int, seconds: float) -> None:
        """Note how long measuring a range took."""
        self._note(export, {f"m{number}": round(seconds, 3)})

    def note_event(self, export: str, event: str) -> None:
        """Note what happened, in the place of the oldest event when there are MAX_EVENTS."""
        with redis_errors():
            number = int(self._redis.hincrby(progress_key(export), "h", 1))
        self._note(export, {f"h{number % MAX_EVENTS}": event})

    def note_bytes(self, export: str, done: int, total: int) -> None:
        """Note how many bytes of the file are joined, and how many there are in all."""
        self._note(export, {"bytes": done, "total": total})

    def restore_pages(self, export: str, pages: Mapping[int, int]) -> None:
        """Note pages drawn of each chunk, as the bucket has them, after Redis was wiped."""
        if pages:
            self._note(export, {chunk_field(chunk): count for chunk, count in pages.items()})

    def begun(self, export: str, chunks: Iterable[int]) -> bool:
        """Return whether pages of one of these chunks are drawn, as far as Redis knows."""
        with redis_errors():
            return any(self._redis.hmget(progress_key(export), [chunk_field(chunk) for chunk in chunks]))

    def forget(self, export: str) -> None:
        """Remove the progress of an export; its other keys expire."""
        with redis_errors(), self._redis.pipeline() as pipe:
            pipe.delete(progress_key(export), _begun_key(export))
            send_change(pipe, export)
            pipe.execute()

    def note_over(self, export: str) -> None:
        """Note that an export is over, so that what is still drawn of it need not be stored."""
        with redis_errors():
            self._redis.set(over_key(export), 1, ex=DAY)

    def note_retried(self, export: str) -> None:
        """Take `note_over` back."""
        with redis_errors():
            self._redis.delete(over_key(export))

    def is_over(self, export: str) -> bool:
        """Return whether `note_over` was called. Only the bucket knows for certain."""
        with redis_errors():
            return bool(self._redis.exists(over_key(export)))

    def _note(self, export: str, values: Mapping[str, float | str]) -> None:
        with redis_errors(), self._redis.pipeline() as pipe:
            send_note(pipe, export, values)
            pipe.execute()


def send_note(client: Client, export: str, values: Mapping[str, float | str]) -> None:
    """Send the commands that write fields of an export's progress."""
    client.hset(progress_key(export), mapping=values)
    client.expire(progress_key(export), DAY)
    send_change(client, export)


def send_begin(client: Client, export: str, chunk: int) -> None:
    """Send the commands that note an attempt at a chunk.

    They have three answers: whether there was an attempt before, one to ignore, and whether pages are noted.
    """
    client.setbit(_begun_key(export), chunk, 1)
    client.expire(_begun_key(export), DAY)
    client.hexists(progress_key(export), chunk_field(chunk))


def progress_key(export: str) -> str:
    """Return the key of an export's hash."""
    return f"pipeline:progress:{export}"


def _begun_key(export: str) -> str:
    """Return the key of the bits of an export's chunks."""
    return f"pipeline:begun:{export}"


def over_key(export: str) -> str:
    """Return the key that exists once an export is over."""
    return f"pipeline:over:{export}"


def chunk_field(chunk: int) -> str:
    """Return the name of the field with the pages drawn of a chunk."""
    return f"c{chunk}"

"""TLS connections whose every read ends at a deadline."""

from __future__ import annotations

import ssl
from functools import cache
from time import monotonic


class TimedSocket(ssl.SSLSocket):
    """A TLS socket whose every read ends at the deadline.

    With a time-out for each read, a server that sends one byte at a time (of the head, a chunk size or the body)
    would never be cut off.
    """

    deadline: float

    def recv_into(self, *args: object, **kwargs: object) -> int:
        self.settimeout(seconds_left(self.deadline))
        return super().recv_into(*args, **kwargs)  # type: ignore[arg-type]


@cache
def client_context(ca_certs: str | None) -> ssl.SSLContext:
    """Return what connections are made with: the certificates of a file, or of the system.

    Made when the first one is needed: reading the certificates takes 30 ms, and few processes fetch URLs.
    """
    context = ssl.create_default_context(cafile=ca_certs)
    context.sslsocket_class = TimedSocket
    return context


def seconds_left(deadline: float) -> float:
    """Return the seconds until the deadline; raises TimeoutError when it has passed."""
    if (left := deadline - monotonic()) > 0:
        return left
    raise TimeoutError

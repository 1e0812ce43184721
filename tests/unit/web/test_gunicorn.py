"""Where gunicorn listens, and bodies that arrive one byte at a time."""

from __future__ import annotations

import runpy
import socket
import sys
from types import SimpleNamespace

import pytest
from gunicorn.http.unreader import SocketUnreader

from pipeline.web import gunicorn


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        (None, None, "127.0.0.1:5000"), ("", "", "127.0.0.1:5000"), (None, "80", "0.0.0.0:80"),
        ("", "80", "0.0.0.0:80"), ("10.0.0.1", "", "10.0.0.1:5000"),
    ],
)  # fmt: skip
def test_an_empty_address_is_unset(
    host: str | None, port: str | None, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gunicorn takes an empty host for all addresses of the machine."""
    for name, value in (("HOST", host), ("PORT", port)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, gunicorn.__name__)
    assert runpy.run_module(gunicorn.__name__)["bind"] == address


def test_a_slow_body_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn, "BODY_SECONDS", 0.2)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        request = SimpleNamespace(unreader=SocketUnreader(ours))
        gunicorn.pre_request(None, request)
        with pytest.raises(TimeoutError):
            while True:
                theirs.sendall(b"x")
                assert request.unreader.chunk() == b"x"
        gunicorn.post_request(None, request, {}, None)
        assert request.unreader.sock is ours and ours.gettimeout() is None


def test_a_stalled_body_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn, "BODY_SECONDS", 0.1)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        request = SimpleNamespace(unreader=SocketUnreader(ours))
        gunicorn.pre_request(None, request)
        with pytest.raises(TimeoutError):
            request.unreader.chunk()

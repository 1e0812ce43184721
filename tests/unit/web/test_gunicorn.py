"""Bodies that arrive one byte at a time."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest
from gunicorn.http.unreader import SocketUnreader

from pipeline.web import gunicorn


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

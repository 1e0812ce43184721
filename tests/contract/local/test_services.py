"""The local servers are real, refuse what real ones refuse, and leave nothing behind."""

from __future__ import annotations

import smtplib
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from local import services
from local.__main__ import LOCK, emptied
from local.laptop import laptop
from pipeline.errors import PipelineError, RedisDown, ServiceDown

from ...waiting import until
from .stage import SECONDS, running


def test_valkey_answers_and_is_gone_after_the_block(tmp_path: Path) -> None:
    with services.valkey(tmp_path) as valkey:
        assert _command(valkey.port, b"PING\r\n") == b"+PONG\r\n"
        assert valkey.url == f"redis://127.0.0.1:{valkey.port}/0"
    assert not psutil.pid_exists(valkey.pid)
    with pytest.raises(ConnectionRefusedError):
        _command(valkey.port, b"PING\r\n")


def test_valkey_takes_arguments_and_writes_no_disk(tmp_path: Path) -> None:
    with services.valkey(tmp_path, extra=("--maxclients", "20")) as valkey:
        assert _command(valkey.port, b"CONFIG GET maxclients\r\n").endswith(b"$2\r\n20\r\n")
        assert _command(valkey.port, b"CONFIG GET save\r\n").endswith(b"$0\r\n\r\n")
        assert _command(valkey.port, b"CONFIG GET bind\r\n").endswith(b"$9\r\n127.0.0.1\r\n")


def test_valkey_is_gone_even_if_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), services.valkey(tmp_path) as valkey:
        raise KeyError
    assert not psutil.pid_exists(valkey.pid)


def test_a_failed_start_of_valkey_names_its_log(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(RedisDown, match=r"valkey\.log"):
        port: int = other.getsockname()[1]
        with services.valkey(tmp_path, port=port):
            pass
    assert "in use" in (tmp_path / "valkey.log").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_valkey_dies_with_a_parent_but_not_with_its_thread(
    tmp_path: Path,
) -> None:
    program = """
import contextlib, sys, threading, time
from pathlib import Path
from local import services
from local.__main__ import LOCK, emptied
from local.laptop import laptop
servers = contextlib.ExitStack()
def begin():
    print(servers.enter_context(services.valkey(Path(sys.argv[1]))).pid, flush=True)
thread = threading.Thread(target=begin)
thread.start()
thread.join()
time.sleep(0.3)
print("still there", flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert parent.stdout.readline() == "still there\n"
        outlived_the_thread = running(pid)
        parent.kill()
    assert outlived_the_thread
    until(lambda: not running(pid))


def test_s3_refuses_a_request_without_a_signature(tmp_path: Path) -> None:
    with services.s3(tmp_path, key_id="local", secret="not-a-secret", bucket="papers") as s3:
        connection = HTTPConnection(urlsplit(s3.endpoint_url).netloc, timeout=SECONDS)
        connection.request("PUT", "/papers")
        assert connection.getresponse().status == 403
        connection.close()
        assert s3.bucket == "papers"
        assert "not-a-secret" not in repr(s3)
    assert not psutil.pid_exists(s3.pid)


def test_mail_is_stored_in_order(tmp_path: Path) -> None:
    with services.smtp(tmp_path) as mail, _login(mail) as client:
        client.sendmail("a@example.com", ["b@example.com"], "Subject: first\r\n\r\nOne\r\n")
        client.sendmail("a@example.com", ["b@example.com"], "Subject: second\r\n\r\nTwo\r\n")
        assert sorted(path.name for path in mail.folder.iterdir()) == ["0001.eml", "0002.eml"]
        assert (mail.folder / "0001.eml").read_bytes() == b"Subject: first\r\n\r\nOne\r\n"


def test_mail_to_a_refused_recipient_is_answered_550(tmp_path: Path) -> None:
    with services.smtp(tmp_path) as mail, _login(mail) as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
            client.sendmail("a@example.com", ["refused@example.com"], "Subject: no\r\n\r\n")
        assert refusal.value.recipients["refused@example.com"][0] == 550
        assert not list(mail.folder.iterdir())


def test_mail_without_the_right_password_is_refused(tmp_path: Path) -> None:
    with services.smtp(tmp_path) as mail, _connect(mail) as client:
        with pytest.raises(smtplib.SMTPSenderRefused) as refusal:
            client.sendmail("a@example.com", ["b@example.com"], "Subject: no\r\n\r\n")
        assert refusal.value.smtp_code == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("demo", "guess")
        assert not list(mail.folder.iterdir())


def test_a_second_run_in_a_folder_is_refused(tmp_path: Path) -> None:
    with emptied(tmp_path / "up") as folder:
        (folder / "album.pdf").write_bytes(b"%PDF")
        (folder / "logs").mkdir()
        with pytest.raises(PipelineError, match=r"Another run uses .*up") as told, emptied(folder):
            pass
        assert "Ctrl-C" in told.value.advice
        assert (folder / "album.pdf").exists()
    with emptied(folder):
        assert [path.name for path in folder.iterdir()] == [LOCK]


def _connect(mail: services.Smtp) -> smtplib.SMTP:
    address = urlsplit(mail.url)
    return smtplib.SMTP(address.hostname or "", address.port or 0, timeout=SECONDS)


def _login(mail: services.Smtp) -> smtplib.SMTP:
    address = urlsplit(mail.url)
    client = _connect(mail)
    client.login(address.username or "", address.password or "")
    return client


def _command(port: int, command: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.sendall(command)
        return connection.recv(4096)


def test_another_program_at_the_port_is_not_taken_for_the_web_process(tmp_path: Path) -> None:
    """Two runs that start at once find the port free, and one of them gets it."""
    with (
        laptop(tmp_path / "first") as first,
        pytest.raises(ServiceDown, match="web process did not start"),
        laptop(tmp_path / "second", port=urlsplit(first.url).port or 0),
    ):
        pass
    assert "in use" in (tmp_path / "second/logs/web.log").read_text()

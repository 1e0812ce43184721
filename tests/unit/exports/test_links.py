"""Links cannot be forged, expire, and survive a change of keys."""

from __future__ import annotations

import dataclasses
import time

import pytest
from itsdangerous import URLSafeTimedSerializer

from pipeline.errors import InvalidSetting, LinkExpired, LinkRefused
from pipeline.exports.links import DownloadLinks
from pipeline.settings import Settings

SETTINGS = Settings.from_env({"SECRET_KEY": "first-key", "BASE_URL": "https://pdf.example.org"})


def token(settings: Settings, export_id: str = "an-export") -> str:
    return DownloadLinks(settings).sign(export_id).rsplit("/", 1)[1]


def keys(*names: str) -> Settings:
    return dataclasses.replace(SETTINGS, secret_keys=names)


def test_a_link_leads_to_its_export_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    signed = token(SETTINGS)
    assert DownloadLinks(SETTINGS).read(signed) == "an-export"
    assert DownloadLinks(SETTINGS).read(signed) == "an-export", "mail scanners fetch every link"
    later = time.time() + SETTINGS.link_seconds
    monkeypatch.setattr(time, "time", lambda: later - 1)
    assert DownloadLinks(SETTINGS).read(signed) == "an-export"
    monkeypatch.setattr(time, "time", lambda: later + 2)
    with pytest.raises(LinkExpired, match="This link has expired"):
        DownloadLinks(SETTINGS).read(signed)


def test_a_changed_link_is_refused() -> None:
    signed = token(SETTINGS)
    foreign = token(SETTINGS, "another-export")
    forged = [
        foreign.split(".")[0] + signed[signed.index(".") :],
        signed[:-2] + ("A" if signed[-2] != "A" else "B") + signed[-1],  # two bits of the last one do not count
        signed.rsplit(".", 1)[0],
        "",
        "é",
        "a.b.c",
    ]
    for wrong in forged:
        with pytest.raises(LinkRefused):
            DownloadLinks(SETTINGS).read(wrong)


def test_a_new_key_signs_and_the_old_one_is_accepted() -> None:
    old = token(keys("old"))
    new = token(keys("new", "old"))
    assert DownloadLinks(keys("new", "old")).read(old) == "an-export"
    assert DownloadLinks(keys("new")).read(new) == "an-export"
    for removed, signed in ((keys("new"), old), (keys("old"), new)):
        with pytest.raises(LinkRefused):
            DownloadLinks(removed).read(signed)


def test_what_was_signed_for_another_purpose_is_no_link() -> None:
    for salt in ("session", "cookie-session", "itsdangerous"):
        other = str(URLSafeTimedSerializer("first-key", salt=salt).dumps("an-export"))
        with pytest.raises(LinkRefused):
            DownloadLinks(SETTINGS).read(other)


def test_without_a_key_nothing_is_signed() -> None:
    with pytest.raises(InvalidSetting, match="SECRET_KEY is not set"):
        DownloadLinks(keys())

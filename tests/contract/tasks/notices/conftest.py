"""The services of a stage whose mail server does what it is told."""

from __future__ import annotations

import dataclasses

import pytest

from pipeline.adapters.mail import Mailer
from pipeline.services import Services

from ....mails import Running
from ..stage import Stage
from .mailing import LEASE


@pytest.fixture
def s(stage: Stage, moody: Running) -> Services:
    """The services of the stage, with a mail server that does what it is told."""
    settings = dataclasses.replace(stage.s.settings, smtp_url=moody.url, lease_seconds=LEASE)
    stage.s = dataclasses.replace(stage.s, settings=settings, mailer=Mailer(settings))
    return stage.s

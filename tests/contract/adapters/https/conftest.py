"""A certificate, and sites that use it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pipeline.adapters.public_addresses import Address

from .sites import HOME, Answer, Certificate, Open, Site, make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is needed to make a certificate")
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def opened(certificate: Certificate) -> Iterator[Open]:
    """Opens sites, and closes them after the test."""
    with ExitStack() as stack:

        def open_site(answer: Answer, address: Address = HOME) -> Site:
            site = Site(certificate, answer, address)
            stack.callback(site.close)
            return site

        yield open_site

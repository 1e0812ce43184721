"""The services of a web process with a real child process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from pipeline.services import Services, open_services
from pipeline.settings import Settings
from pipeline.tasks.child.beside import Beside
from pipeline.tasks.child.pipe import ChildPipe

from ....conftest import Environ, SentMessages
from ....waiting import until
from .asking import SCALED, UNHURRIED, Web, ended


@pytest.fixture
def web(environ: Environ, messages: SentMessages) -> Iterator[Web]:
    """Opens the services of a web process whose workers are scaled, unless the variables say otherwise."""
    with ExitStack() as stack:

        def open_web(**variables: str) -> Services:
            own = environ | SCALED | UNHURRIED | variables
            services = open_services(Settings.from_env(own), messages)
            queue = Beside(services, ChildPipe(services.settings, own))
            stack.callback(services.redis.client.connection_pool.disconnect)
            stack.callback(until, lambda: ended(queue))
            return replace(services, queue=queue)

        yield open_web

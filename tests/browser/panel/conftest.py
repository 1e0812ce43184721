"""The panel, served over HTTP, with a thread in the workers' place."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from pipeline.errors import PipelineError
from pipeline.services import Message, Services, open_services
from pipeline.settings import Settings
from pipeline.tasks import flow
from pipeline.tasks.outcomes import Outcome
from pipeline.web import create_app
from pipeline.web.previews import EXTENSION as PREVIEWS

from ..parts import PATIENCE, served, uncomplaining

PAUSE = 0.1  # seconds a worker needs for a step
PASSWORD = "open sesame"

Step = Callable[..., Outcome]


class Workers:
    """Messages that a thread of this process works off, one step after another."""

    def __init__(self) -> None:
        self._steps: queue.Queue[tuple[str, Step] | None] = queue.Queue()
        self.gate = threading.Event()
        self.gate.set()
        self._left = 0  # steps until the gate closes again; 0: it stays as it is

    def send(self, message: Message) -> None:
        if message.step == "render":
            for chunk in message.chunks:
                self._steps.put((message.export_id, partial(flow.take, step="render", part=chunk)))
            self.send(Message("assemble", message.export_id))
        else:
            self._steps.put((message.export_id, partial(flow.take, step=message.step)))

    def let(self, steps: int) -> None:
        """Open the gate for so many steps."""
        self._left = steps
        self.gate.set()

    @contextmanager
    def working(self, services: Services) -> Iterator[None]:
        """Work until the block ends. Closing `gate` holds them up."""
        thread = threading.Thread(target=self._work, args=(services,))
        thread.start()
        try:
            yield
        finally:
            self.gate.set()
            self._steps.put(None)
            thread.join()

    def _work(self, services: Services) -> None:
        while message := self._steps.get():
            export_id, step = message
            time.sleep(PAUSE)
            self.gate.wait()
            try:
                step(services, export_id=export_id)
            except PipelineError as error:
                flow.fail(services, export_id, error)
            finally:
                self._left, closes = max(0, self._left - 1), self._left == 1
                if closes:
                    self.gate.clear()
                self._steps.task_done()

    def wait_until_done(self) -> None:
        """Wait until no message is left, the last step of an export included."""
        self._steps.join()


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
def stage(settings: Settings, workers: Workers) -> Services:
    """The services of the web process and of the workers."""
    return open_services(settings, workers)


@pytest.fixture
def address(stage: Services, workers: Workers) -> Iterator[str]:
    app = create_app(stage)
    with workers.working(stage), served(app) as url:
        yield url
    app.extensions[PREVIEWS].stop()


@pytest.fixture
def context(browser: Browser, address: str) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=address, viewport={"width": 1000, "height": 900})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that must not complain."""
    page = context.new_page()
    with uncomplaining(page):
        yield page


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.goto("/")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state("networkidle")  # the scripts have come, and with them what buttons do

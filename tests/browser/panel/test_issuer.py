"""Signing in at an issuer of identities, and what each role sees."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect

from local.services import free_port
from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id
from pipeline.exports.links import DownloadLinks
from pipeline.services import Services, open_services
from pipeline.settings import Settings
from pipeline.web import create_app

from ...conftest import Environ
from ...heroku_cli import PATH
from ...issuer import Issuer, serving
from ..parts import PATIENCE, served, uncomplaining, violations
from .conftest import Workers
from .test_pages import ready

pytestmark = pytest.mark.xdist_group("panel")  # one Chromium for all, whoever runs them
PutPhotos = Callable[[int], str]
ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".issuer"
SECRET = "a secret of 100%+ for the provider"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving(Issuer()) as issuer:
        yield issuer


@pytest.fixture
def settings(environ: Environ, issuer: Issuer) -> Settings:
    """The issuer must know the address of the app before it is served."""
    base = f"http://127.0.0.1:{free_port()}"
    issuer.redirect_uris = [f"{base}/sign-in/oidc"]
    return Settings.from_env(environ | issuer.environ() | {"BASE_URL": base, "PANEL_PASSWORD": ""})


@pytest.fixture
def address(stage: Services, workers: Workers) -> Iterator[str]:
    port = urlsplit(stage.settings.base_url).port or 0
    with workers.working(stage), served(create_app(stage), port) as url:
        yield url


@pytest.fixture
def written_by_others(environ: Environ, workers: Workers) -> Iterator[Settings]:
    """The settings of an app whose people sign in at the npm package oidc-provider, which is certified."""
    if not (FOLDER / "ready").exists():
        reason = "AN ISSUER THAT OTHERS WROTE IS NOT TESTED. Install it: make .issuer/ready"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    port, base = free_port(), f"http://127.0.0.1:{free_port()}"
    words = ["node", str(ROOT / "tests/issuer.mjs"), str(FOLDER), str(port), "pdfs", SECRET, f"{base}/sign-in/oidc"]
    env = os.environ | {"PATH": PATH}
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as node:
        assert node.stdout and node.stdout.readline().startswith("http")
        yield Settings.from_env(
            environ
            | {
                "BASE_URL": base, "OIDC_ISSUER": f"http://127.0.0.1:{port}", "OIDC_CLIENT_ID": "pdfs",
                "OIDC_CLIENT_SECRET": SECRET, "OIDC_ROLES": "view=group:ann operate=domain:example.net",
            }
        )  # fmt: skip
        node.terminate()


def enter(page: Page, person: str, path: str = "/") -> None:
    page.goto(path)
    page.get_by_role("button", name="Sign in with 127.0.0.1").click()
    page.get_by_role("button", name=person).click()
    page.wait_for_load_state("networkidle")


@contextmanager
def other(browser: Browser, address: str) -> Iterator[Page]:
    """A page in a browser of its own; closed before the server is, which waits for its clients."""
    context = browser.new_context(base_url=address)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    try:
        with uncomplaining(page):
            yield page
    finally:
        context.close()


def test_a_mail_link_leads_through_an_issuer_that_others_wrote(
    written_by_others: Settings, browser: Browser, workers: Workers, put_photos: PutPhotos
) -> None:
    stage = open_services(written_by_others, workers)
    port = urlsplit(written_by_others.base_url).port or 0
    with (
        workers.working(stage),
        served(create_app(stage), port) as address,
        other(browser, address) as page,
    ):
        export_id = ready(stage, put_photos(1))
        page.goto(DownloadLinks(stage.settings).sign(export_id).removeprefix(address))
        assert violations(page) == []
        button = page.get_by_role("button", name="Sign in with 127.0.0.1")
        button.click()
        page.get_by_role("link", name="Cancel").click()
        expect(page.get_by_role("alert")).to_contain_text("did not sign you in, or you did not agree")
        assert violations(page) == []
        button.click()
        page.get_by_placeholder("Enter any login").fill("ann")
        page.get_by_placeholder("and password").fill("any")
        page.get_by_role("button", name="Sign-in").click()
        with page.expect_download() as coming:
            page.get_by_role("button", name="Continue").click()
        assert Path(coming.value.path()).read_bytes().startswith(b"%PDF-")
        page.goto("/")
        expect(page).to_have_url(re.compile("/all$"))
        expect(page.get_by_role("banner")).to_contain_text("ann@example.org, view")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Yes, sign me out").click()
        expect(page.get_by_text("Sign-out Success")).to_be_visible()
        page.goto("/")
        button.click()
        expect(page.get_by_placeholder("Enter any login")).to_be_visible()


def cancelled(s: Services, name: str, owner: str, subject: str = "") -> str:
    """Store an export that was cancelled. Returns its id."""
    export = Export(new_id(), "photos", {}, owner, 1e9, State.CANCELLED, name=name, subject=subject)
    s.exports.accept(replace(export, request_key=name), None, lasting=False)
    return export.id


def test_each_role_sees_what_it_may_do(browser: Browser, address: str, stage: Services) -> None:
    of_bob = cancelled(stage, "Of Bob", "panel", "bob@example.org")
    of_shop = cancelled(stage, "Of the shop", "shop")
    visible = {  # per person: the pages, and whether it may delete each export
        "eve": (["Exports", "Workers"], False, False),
        "bob": (["New PDF", "Exports", "Workers"], True, False),
        "ann": (["New PDF", "Exports", "Workers"], True, True),
    }
    for person, (pages, own, foreign) in visible.items():
        with other(browser, address) as page:
            enter(page, person, "/all")
            expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(pages)
            expect(page.locator("#exports .name")).to_have_count(2)
            assert violations(page) == []
            for export_id, may in ((of_bob, own), (of_shop, foreign)):
                page.goto(f"/export/{export_id}")
                expect(page.locator("#words")).to_have_text("Cancelled")
                for name in ("Delete", "Ask again"):
                    expect(page.get_by_role("button", name=name)).to_be_visible(visible=may)
                assert violations(page) == []
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_text("Sign out of all apps of the house?")).to_be_visible()
            page.goto("/all")
            expect(page.get_by_role("button", name="Sign in with 127.0.0.1")).to_be_visible()


def test_a_person_asks_for_an_export_and_it_is_its_own(page: Page, stage: Services) -> None:
    enter(page, "bob")
    page.locator("#files").set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": b"Name\nTea\n"})
    expect(page.locator("#sent-words")).to_contain_text("a.csv,")
    page.get_by_role("button", name="Make the PDF").click()
    expect(page.locator("#asked")).to_contain_text("panel: bob@example.org")
    (export,) = stage.exports.all()
    assert (export.owner, export.subject) == ("panel", "bob@example.org")


def test_it_fits_a_phone_in_the_dark_and_speaks_korean(page: Page, issuer: Issuer) -> None:
    issuer.people["ann"]["email"] = f"{'ann-of-a-long-name' * 3}@example.org"
    page.set_viewport_size({"width": 375, "height": 740})
    page.emulate_media(color_scheme="dark")
    page.set_extra_http_headers({"Accept-Language": "ko"})
    page.goto("/sign-in")
    button = page.get_by_role("button", name="로그인")
    expect(button).to_be_focused()
    assert violations(page) == []
    button.press("Enter")
    page.get_by_role("button", name="deny").click()
    expect(page.get_by_role("alert")).to_contain_text("동의하지 않았습니다")
    assert violations(page) == []
    page.get_by_role("button", name="로그인").click()
    page.get_by_role("button", name="ann").click()
    for path in ("/", "/all"):
        page.goto(path)
        expect(page.get_by_role("banner")).to_contain_text("운영")
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        assert violations(page) == []

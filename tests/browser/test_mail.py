"""A mail as a phone shows it."""

from __future__ import annotations

import base64
from contextlib import closing

import pytest
from playwright.sync_api import Browser

from pipeline.exports.export import Channel, Export, Notice, Recipient, Result, State
from pipeline.exports.ids import new_id
from pipeline.settings import Settings
from pipeline.tasks.notices.mail import message

from .parts import violations

pytestmark = pytest.mark.xdist_group("browser")
NOW = 1_700_000_000.0
NAME = 'Shop & "Söhne"'
HOUSE = {
    "SECRET_KEY": "first-key",
    "BASE_URL": "https://pdf.example.org",
    "HOUSE_NAME": NAME,
    "HOUSE_COLOUR": "#ffd400",
}
LOGO = "https://shop.example.org/logo.png?a=1&b=2"
DOT = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def html_of(settings: Settings, title: str) -> str:
    result = Result("k", f"{title}.pdf", 48_200_000, 12_400, 49_600, 49_600, warnings=("One photo was cut.",))
    export = Export(
        new_id(), "photos", {"locale": "de"}, "shop", NOW, State.READY, name=title, finished_at=NOW, result=result,
        return_url="https://shop.example.org/exports",
    )  # fmt: skip
    notice = Notice(1, Channel.MAIL, Recipient("a@example.org", "signed"), State.READY, NOW, NOW)
    part = message(export, notice, settings).get_body(("html",))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize("logo", ["", LOGO], ids=["name", "logo"])
def test_a_mail_fits_a_phone_and_has_the_colours_of_the_house(browser: Browser, logo: str) -> None:
    settings = Settings.from_env(HOUSE | ({"HOUSE_LOGO": logo} if logo else {}))
    with closing(browser.new_page(viewport={"width": 375, "height": 700})) as page:
        page.route("https://shop.example.org/logo.png**", lambda route: route.fulfill(body=DOT))
        page.set_content(html_of(settings, "W" * 150))
        assert page.evaluate("document.documentElement.scrollWidth") == 375
        button = page.get_by_role("link", name="Herunterladen")
        colours = button.evaluate("e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]")
        assert colours == ["rgb(255, 212, 0)", "rgb(0, 0, 0)"]
        box = button.bounding_box()
        assert box is not None and box["height"] >= 44
        if logo:
            assert page.get_by_role("img").get_attribute("alt") == NAME
        else:
            assert page.locator("p").first.inner_text() == NAME
        assert violations(page) == []

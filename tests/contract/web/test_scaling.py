"""Estimates, charges and the state of the scaler."""

from __future__ import annotations

from dataclasses import asdict, replace
from unittest.mock import ANY

import pytest
from flask.testing import FlaskClient

from pipeline.exports.export import Charge
from pipeline.scaler.learned import Learned
from pipeline.scaler.usage import Due
from pipeline.services import Services
from pipeline.web import create_app

from .conftest import SHOP, ask

LEARNED = Learned(page={"photos": 0.5}, pages={"photos": 100.0}, boot=15.0)


def test_an_estimate_has_numbers_and_words(client: FlaskClient, services: Services) -> None:
    assert client.get("/v1/estimate?document=photos&pages=100", headers=SHOP).json == {
        "learned": False,
        "quotes": ANY,
    }
    services.usage.write_learned(LEARNED.encode())
    answer = client.get("/v1/estimate?document=photos&pages=100", headers=SHOP).json
    assert answer and answer["learned"]
    cheapest, fastest = answer["quotes"][0], answer["quotes"][-1]
    assert cheapest["workers"] == 1 < fastest["workers"]
    assert cheapest["seconds"] > fastest["seconds"] > LEARNED.boot
    assert cheapest["dollars"] < fastest["dollars"]
    assert cheapest["words"].startswith("about ") and "$0.00" in cheapest["words"]


@pytest.mark.parametrize("pages", ["", "0", "-1", "many", "99999999", "9" * 4301], ids=lambda pages: pages[:9])
def test_an_invalid_number_of_pages_is_refused(client: FlaskClient, pages: str) -> None:
    refused = client.get(f"/v1/estimate?document=photos&pages={pages}", headers=SHOP)
    assert (refused.status_code, refused.json["error"]["field"]) == (422, "pages")  # type: ignore[index]


def test_an_export_is_estimated_and_then_charged(client: FlaskClient, services: Services) -> None:
    services.redis.decisions.show_state({"learned": asdict(LEARNED)})
    made = ask(client, {"photos": [{"source": "inputs/1.jpg"}]}).json
    assert made and made["cost"]["charged"] is None
    assert made["cost"]["estimate"][0]["workers"] == 1
    begun_at = services.exports.load(made["id"]).begun_at
    services.usage.bill(made["id"], Due(Charge(12.0, 0.0001), begun_at))
    after = client.get(f"/v1/exports/{made['id']}", headers=SHOP).json
    assert after and after["cost"]["charged"] == {"dyno_seconds": 12.0, "dollars": 0.0001}


def test_an_unknown_price_hides_no_export(services: Services) -> None:
    """Of a size that our table lacks, Heroku is asked; a person need not wait for that."""
    own = replace(services.settings, dyno_size="private-9x")
    client = create_app(replace(services, settings=own)).test_client()
    services.redis.decisions.show_state({"learned": asdict(LEARNED)})
    made = ask(client, {"photos": [{"source": "inputs/1.jpg"}]})
    assert made.status_code == 202
    assert made.json and made.json["cost"]["estimate"] == []
    assert client.get("/v1/estimate?document=photos&pages=100", headers=SHOP).json == {"learned": ANY, "quotes": []}


def test_estimates_of_another_version_are_ignored(client: FlaskClient, services: Services) -> None:
    services.redis.decisions.show_state({"learned": {"page": 0.5, "boot": "soon"}})
    made = ask(client, {"photos": [{"source": "inputs/1.jpg"}]}).json
    assert made and made["cost"]["estimate"] == []
    assert client.get("/v1/exports", headers=SHOP).status_code == 200
    assert client.get(f"/v1/exports/{made['id']}", headers=SHOP).status_code == 200


def test_the_scaler_shows_its_last_decisions(client: FlaskClient, services: Services) -> None:
    assert client.get("/v1/scaler").status_code == 401
    services.redis.decisions.show_state({"quantity": 2, "outstanding": {"an-export": 3, "of-another-owner": 4}})
    for reason in ("first", "second"):
        services.redis.decisions.add({"reason": reason})
    seen = client.get("/v1/scaler", headers=SHOP).json
    assert seen and seen["scaler"] == {"quantity": 2, "outstanding": 7}, "no ids of other owners' exports"
    assert [decision["reason"] for decision in seen["decisions"]][:2] == ["second", "first"]


def test_schedules_are_listed_for_signed_in_users(client: FlaskClient) -> None:
    answer = client.get("/v1/schedules", headers=SHOP).json
    assert answer and answer["timezone"] == "UTC"
    assert [each["name"] for each in answer["schedules"]] == ["check", "clean-up", "report"]
    assert all(each["last"] is None and each["next"].endswith("Z") for each in answer["schedules"])
    assert client.get("/v1/schedules").status_code == 401

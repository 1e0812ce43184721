"""Addresses of the time before /v1: they lead to the new ones, with method, body and query."""

from __future__ import annotations

from flask.testing import FlaskClient

from .conftest import SHOP


def test_old_addresses_lead_to_v1(client: FlaskClient) -> None:
    kept = client.get("/exports/01abc/download/2?a=1&b=%2F", headers=SHOP)
    assert (kept.status_code, kept.headers["Location"]) == (308, "/v1/exports/01abc/download/2?a=1&b=%2F")
    for method, path in (
        ("POST", "/exports"),
        ("DELETE", "/exports/x"),
        ("POST", "/inputs/x/parts"),
        ("GET", "/scaler"),
    ):
        answer = client.open(path, method=method)
        assert (answer.status_code, answer.headers["Location"]) == (308, f"/v1{path}")
    listed = client.get("/exports?limit=5", headers=SHOP, follow_redirects=True)
    assert listed.json == {"exports": [], "next": None}


def test_an_old_address_never_leads_elsewhere(client: FlaskClient) -> None:
    for path in ("//evil.example", "/%0d%0aX:y", "/\\evil.example", "/@evil.example", "/../../x"):
        answer = client.get(f"/exports{path}", headers={"Host": "evil.example"})
        where = answer.headers.get("Location", "/v1/")
        assert where.startswith("/v1/") and "\n" not in where

"""Who a person is, and which role it gets, by its claims."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import SignInFailed
from pipeline.settings import Scope
from pipeline.settings.oidc import Oidc, Rule
from pipeline.web.people import Person, identify, role

RULES = (
    Rule(Scope.READ, "domain", "example.org"),
    Rule(Scope.ASK, "group", "staff"),
    Rule(Scope.ALL, "group", "admins"),
    Rule(Scope.ALL, "email", "chief@example.org"),
)
ANN = {"sub": "1", "email": "Ann@Example.org", "email_verified": True}


def oidc(person: str = "email", *rules: Rule) -> Oidc:
    return Oidc("https://login.example.org", "pdfs", "secret", rules or RULES, person, "groups")


@pytest.mark.parametrize(
    ("more", "scope"),
    [
        ({}, Scope.READ),
        ({"groups": ["staff"]}, Scope.ASK),
        ({"groups": ["admins", "staff"]}, Scope.ALL),
        ({"groups": "staff"}, Scope.ASK),
        ({"groups": "staff admins"}, Scope.READ),
        ({"groups": ["Staff", 7, None, ["admins"]]}, Scope.READ),
        ({"groups": {"admins": True}}, Scope.READ),
        ({"groups": None}, Scope.READ),
        ({"email": "CHIEF@example.org"}, Scope.ALL),
        ({"email": "chief@example.org.evil.example", "groups": ["staff"]}, Scope.ASK),
    ],
)
def test_the_highest_role_counts(more: dict[str, Any], scope: Scope) -> None:
    assert identify(ANN | more, oidc()).scope is scope


@pytest.mark.parametrize(
    "more",
    [
        {"email_verified": False}, {"email_verified": None}, {"email_verified": "true"}, {"email": None},
        {"email": ["ann@example.org"]}, {"email": "a" * 190 + "@example.org"}, {"email": "ann@example.org\n"},
    ],
)  # fmt: skip
def test_without_a_verified_address_there_is_no_name(more: dict[str, Any]) -> None:
    with pytest.raises(SignInFailed, match="the claim email is missing, or not verified"):
        identify(ANN | {"groups": ["admins"]} | more, oidc())


def test_a_name_has_at_most_200_characters() -> None:
    longest = "a" * 188 + "@example.org"
    assert identify(ANN | {"email": longest}, oidc()) == Person(longest, Scope.READ)
    with pytest.raises(SignInFailed, match="missing, or not verified"):
        identify(ANN | {"email": "a" + longest}, oidc())


def test_an_address_of_another_domain_gives_no_role_and_says_which_groups_were_named() -> None:
    groups = ["x" * 300, "y" * 300]
    with pytest.raises(SignInFailed) as caught:
        identify(ANN | {"email": "ann@elsewhere.org", "groups": groups}, oidc())
    assert caught.value.message.endswith(f" names: {'x' * 300}, {'y' * 198}.")


def test_each_scope_of_a_person_has_a_name() -> None:
    assert [role(scope) for scope in (Scope.READ, Scope.ASK, Scope.ALL)] == ["view", "ask", "operate"]


def test_letters_that_only_become_the_same_in_lower_case_are_another_address() -> None:
    mike = Rule(Scope.ALL, "email", "mike@example.org")
    assert identify(ANN | {"email": "MIKE@example.org"}, oidc("email", mike)).scope is Scope.ALL
    with pytest.raises(SignInFailed, match="may not use this app"):
        identify(ANN | {"email": "mi\N{KELVIN SIGN}e@example.org"}, oidc("email", mike))


def test_another_claim_can_name_people_and_an_unverified_address_gives_no_role() -> None:
    claims = ANN | {"preferred_username": "ann", "email": "chief@example.org", "email_verified": False}
    with pytest.raises(SignInFailed, match="ann may not use this app") as caught:
        identify(claims, oidc("preferred_username"))
    assert "names: -." in caught.value.message
    named = identify(claims | {"groups": ["staff"]}, oidc("preferred_username"))
    assert named == Person("ann", Scope.ASK)
    assert identify({"sub": "1"}, oidc("sub", Rule(Scope.READ, "anyone"))) == Person("1", Scope.READ)

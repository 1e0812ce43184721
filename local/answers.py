"""What the Platform API answers about each kind of thing, in the shapes of the published schema."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from .dyno import LocalDyno
from .formation import Release, Row
from .sizes import memory_units, spelled

Json = dict[str, Any]


def identity(kind: str, name: str) -> str:
    """Return the id of a thing; it is the same at every call."""
    return str(uuid5(NAMESPACE_URL, f"local:{kind}/{name}"))


def timestamp(moment: datetime) -> str:
    """Return a time as the API writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


OWNER = {"email": "owner@example.com", "id": identity("account", "owner")}


def account_json(born: datetime) -> Json:
    """Return the account of the key."""
    return {
        **OWNER,
        "allow_tracking": False,
        "beta": False,
        "country_of_residence": None,
        "created_at": timestamp(born),
        "default_organization": None,
        "default_team": None,
        "delinquent_at": None,
        "federated": False,
        "identity_provider": None,
        "last_login": None,
        "name": "Local owner",
        "sms_number": None,
        "suspended_at": None,
        "two_factor_authentication": False,
        "updated_at": timestamp(born),
        "verified": True,
    }


def collaborator_json(app: str, born: datetime) -> Json:
    """Return the only collaborator: the owner."""
    return {
        "app": {"id": identity("app", app), "name": app},
        "created_at": timestamp(born),
        "id": identity("collaborator", "owner"),
        "permissions": [],
        "role": "owner",
        "updated_at": timestamp(born),
        "user": {**OWNER, "federated": False},
    }


def release_json(app: str, release: Release, current: bool) -> Json:
    """Return a release."""
    return {
        "addon_plan_names": [],
        "app": {"id": identity("app", app), "name": app},
        "artifacts": [],
        "created_at": timestamp(release.created_at),
        "current": current,
        "description": release.description,
        "eligible_for_rollback": False,
        "id": _release_id(app, release.version),
        "output_stream_url": None,
        "slug": None,
        "status": "succeeded",
        "updated_at": timestamp(release.created_at),
        "user": OWNER,
        "version": release.version,
    }


def log_session_json(url: str) -> Json:
    """Return a log session, whose lines are at `url`."""
    now = timestamp(datetime.now(UTC))
    return {"created_at": now, "id": str(uuid4()), "logplex_url": url, "updated_at": now}


def _release_id(app: str, version: int) -> str:
    return identity("release", f"{app}/{version}")


def app_json(name: str, born: datetime) -> Json:
    """Return an app as the API shows it."""
    stack = {"id": identity("stack", "heroku-24"), "name": "heroku-24"}
    return {
        "acm": False,
        "archived_at": None,
        "build_stack": stack,
        "buildpack_provided_description": "Python",
        "created_at": timestamp(born),
        "generation": {"id": identity("generation", "cedar"), "name": "cedar"},
        "git_url": f"https://git.heroku.com/{name}.git",
        "id": identity("app", name),
        "internal_routing": None,
        "maintenance": False,
        "name": name,
        "organization": None,
        "owner": OWNER,
        "region": {"id": identity("region", "us"), "name": "us"},
        "released_at": timestamp(born),
        "repo_size": 0,
        "slug_size": 0,
        "space": None,
        "stack": stack,
        "team": None,
        "updated_at": timestamp(born),
        "web_url": None,
    }


def size_json(name: str, dollars: float) -> Json:
    """A dyno size with its price as the API shows it."""
    name = spelled(name) or name
    return {
        "architecture": "amd64",
        "compute": 1,
        "cost": {"cents": round(dollars * 100), "unit": "month"},
        "dedicated": name.startswith("Performance"),
        "generation": {"id": identity("generation", "cedar"), "name": "cedar"},
        "id": identity("dyno-size", name),
        "memory": memory_units(name) / 2,
        "name": name,
        "precise_dyno_units": round(dollars / 25, 2),
        "private_space_only": False,
    }


def row_json(app: str, row: Row) -> Json:
    """Return a process type of the formation as the API shows it."""
    return {
        "app": {"id": identity("app", app), "name": app},
        "command": row.command,
        "created_at": timestamp(row.created_at),
        "dyno_size": {"id": identity("dyno-size", row.size), "name": row.size},
        "id": row.id,
        "quantity": row.quantity,
        "size": row.size,
        "type": row.kind,
        "updated_at": timestamp(row.updated_at),
    }


def dyno_json(app: str, dyno: LocalDyno) -> Json:
    """Return a dyno as the API shows it."""
    return {
        "app": {"id": identity("app", app), "name": app},
        "attach_url": None,
        "command": dyno.spec.command,
        "created_at": timestamp(dyno.created_at),
        "id": dyno.id,
        "name": dyno.name,
        "release": {"id": _release_id(app, dyno.spec.release), "version": dyno.spec.release},
        "size": dyno.spec.size,
        "state": dyno.state.value,
        "type": dyno.kind,
        "updated_at": timestamp(dyno.updated_at),
    }

"""locks: list and release."""

from __future__ import annotations

from pipeline.services import Services
from pipeline.tasks.lease import exclusive

from .conftest import Run, answer, error


def test_locks_are_listed_and_released(run: Run, services: Services) -> None:
    leases = services.redis.leases
    with exclusive(leases, "alive", 60):
        leases.take("left", 60)
        shown = answer(run("locks", "--json"))["locks"]
        assert {each["name"]: each["alive"] for each in shown} == {"alive": True, "left": False}
        assert " (gone)" in run("locks").stdout
        refused = run("locks", "--release", "alive", "--json")
        assert (refused.exit_code, error(refused)["code"]) == (5, "IllegalStep")
        assert "--force" in error(refused)["advice"]
        assert answer(run("locks", "--release", "left", "--json")) == {"released": ["left"]}
        assert answer(run("locks", "--release", "alive", "--force", "--json")) == {"released": ["alive"]}
    missing = run("locks", "--release", "nothing", "--json")
    assert (missing.exit_code, answer(run("locks", "--json"))) == (3, {"locks": []})


def test_a_release_phase_releases_what_is_left_behind(run: Run, services: Services) -> None:
    services.redis.leases.take("left", 60)
    prepared = run("prepare", "--json")
    assert (prepared.exit_code, answer(prepared)["released"]) == (0, ["left"])
    down = run("prepare", "--json", REDIS_URL="redis://127.0.0.1:1/0")
    assert (down.exit_code, answer(down)["released"]) == (0, [])
    assert "end by themselves" in down.stderr

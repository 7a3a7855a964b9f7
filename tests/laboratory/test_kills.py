"""A real service under load, and kill -9 at random: nothing is lost, nothing is accepted twice."""

from __future__ import annotations

import pytest

from .kills.killing import run_kills
from .kills.victims import HOLDERS

KILLS = 6
pytestmark = [pytest.mark.service, pytest.mark.timeout(180, method="signal")]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_whoever_is_killed_nothing_is_lost_and_nothing_is_accepted_twice(
    kind: str, request: pytest.FixtureRequest
) -> None:
    store = str(request.getfixturevalue("postgres_url")) if kind == "postgresql" else ""
    report = run_kills(KILLS, store=store, seed=7)
    assert not report.faults, str(report)
    assert len(report.kills) == KILLS
    assert {"service", *HOLDERS} & {kill.kind for kill in report.kills}
    assert report.events > 0

"""Which version handles an event."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.errors import BadValue, Conflict, NotFound
from jupyter_fn.model.function import Function
from jupyter_fn.policy.routing import check_weights, resolve, rollback_target, route


def function(latest: int = 4, **aliases: dict[int, int]) -> Function:
    return Function(name="f", state="active", created=0.0, aliases=aliases, latest=latest)


def test_a_version_gets_its_share_of_events() -> None:
    counts = Counter(route({3: 90, 4: 10}, f"event-{number}") for number in range(10_000))
    assert set(counts) == {3, 4}
    assert 900 < counts[4] < 1100


WEIGHTS = st.dictionaries(st.integers(1, 20), st.integers(0, 100), min_size=1).filter(lambda w: any(w.values()))


@given(WEIGHTS, st.text())
def test_an_event_always_goes_to_the_same_version_and_that_one_has_weight(weights: dict[int, int], key: str) -> None:
    version = route(weights, key)
    assert weights[version] > 0
    assert version == route(dict(reversed(weights.items())), key)


def test_no_qualifier_means_live() -> None:
    assert resolve(function(live={4: 100}), "", key="e") == ("live", 4)
    assert resolve(function(live={4: 100}, old={1: 1}), "old", key="e") == ("old", 1)


def test_a_number_is_a_version_and_has_no_alias() -> None:
    assert resolve(function(live={4: 100}), "2", key="e") == ("", 2)


@pytest.mark.parametrize(
    ("qualifier", "remedy"),
    [("5", "Its versions are 1 to 4."), ("0", "Its versions are 1 to 4."), ("lvie", "Did you mean 'live'?")],
)
def test_a_qualifier_that_does_not_exist_names_what_does(qualifier: str, remedy: str) -> None:
    with pytest.raises(NotFound) as caught:
        resolve(function(live={4: 100}), qualifier, key="e")
    assert caught.value.remedy == remedy


def test_a_function_without_versions_has_nothing_to_resolve() -> None:
    with pytest.raises(NotFound, match="no alias 'live'"):
        resolve(function(0), "", key="e")
    with pytest.raises(NotFound, match="no version 1"):
        resolve(function(0), "1", key="e")


def test_weights_come_with_text_keys_from_json() -> None:
    assert check_weights(function(), {"3": 90, "4": "10"}) == {3: 90, 4: 10}


@pytest.mark.parametrize("weights", [{}, {"3": 0}, {"3": -1, "4": 2}, {"x": 1}, {"3": None}])
def test_weights_that_route_nothing_are_refused(weights: dict) -> None:
    with pytest.raises(BadValue):
        check_weights(function(), weights)


def test_weights_of_a_version_that_does_not_exist_are_refused() -> None:
    with pytest.raises(NotFound):
        check_weights(function(), {"5": 1})


def test_rolling_back_goes_one_version_before_live() -> None:
    assert rollback_target(function(live={4: 100})) == 3
    assert rollback_target(function(live={4: 10, 3: 90})) == 2


def test_there_is_nothing_before_the_first_version() -> None:
    with pytest.raises(Conflict):
        rollback_target(function(live={1: 100}))

"""Functions, versions and aliases."""

import pytest

from jupyter_fn.model.errors import BadValue, Conflict, NotFound
from jupyter_fn.store import functions


def live(store, name="f"):
    return dict(store.read(functions.get, name).aliases["live"])


def test_publishing_makes_the_function_its_first_version_and_live(store):
    version, created = store.write(functions.publish, store.draft("g", tags=(("team", "a"),)), "bundle", 7.0)
    function = store.read(functions.get, "g")
    assert (version.number, created) == (1, True)
    assert (function.state, function.created, function.latest) == ("active", 7.0, 1)
    assert function.aliases == {"live": {1: 100}}
    assert function.tags == {"team": "a"}


def test_a_version_comes_back_as_it_was_drafted(store):
    draft = store.draft("g", memory_mb=64, on=("a/*.csv",), env=(("K", "V"),))
    published, _ = store.write(functions.publish, draft, "bundle", 7.0)
    version = store.read(functions.version, "g", 1)
    assert version == published
    assert (version.options, version.captured, version.packages) == (draft.options, draft.captured, draft.packages)
    assert (version.source, version.handler, version.folder) == (draft.bundle.source, "handler", "/work")


def test_the_same_digest_gives_the_same_version_whichever_it_was(store):
    store.publish(digest="d2")
    version, created = store.write(functions.publish, store.draft(digest="d1"), "bundle", 9.0)
    assert (version.number, created) == (1, False)
    assert live(store) == {1: 100}
    assert store.publish(digest="d3").number == 3


def test_the_alias_of_the_options_moves_with_live(store):
    store.publish(digest="d2", alias="canary")
    assert store.read(functions.aliases_of, "f") == {"canary": {2: 100}, "live": {2: 100}}
    store.publish(digest="d3")
    assert store.read(functions.aliases_of, "f") == {"canary": {2: 100}, "live": {3: 100}}


def test_publishing_again_sets_the_tags_and_leaves_a_paused_function_paused(store):
    store.write(functions.set_state, "f", "paused")
    store.publish(digest="d2", tags=(("k", "v"),))
    function = store.read(functions.get, "f")
    assert (function.state, function.tags) == ("paused", {"k": "v"})


def test_an_unknown_name_names_the_nearest(store):
    store.publish("daily_delays")
    for ask in (functions.get, functions.versions_of, functions.remove):
        with pytest.raises(NotFound) as missing:
            store.write(ask, "daily_delay")
        assert "'daily_delays'" in missing.value.remedy


def test_without_any_function_the_remedy_is_to_publish_one(store):
    store.write(functions.remove, "f")
    with pytest.raises(NotFound) as missing:
        store.read(functions.get, "f")
    assert "%%fn" in missing.value.remedy


def test_a_removed_function_is_gone_its_history_is_not_and_its_name_may_be_used_again(store):
    store.publish(digest="d2")
    store.write(functions.remove, "f")
    assert store.read(functions.list_all) == []
    assert store.read(functions.version, "f", 2).number == 2
    assert store.publish(digest="d3").number == 3
    assert [version.number for version in store.read(functions.versions_of, "f")] == [3, 2, 1]


def test_all_functions_come_by_name_with_their_aliases(store):
    store.publish("b")
    store.publish("a", alias="x")
    found = store.read(functions.list_all)
    assert [function.name for function in found] == ["a", "b", "f"]
    assert found == [store.read(functions.get, function.name) for function in found]


def test_an_unknown_version_names_those_there_are(store):
    store.publish(digest="d2")
    with pytest.raises(NotFound) as missing:
        store.read(functions.version, "f", 5)
    assert missing.value.remedy == "There are: 1, 2."
    with pytest.raises(NotFound, match="no function 'h'"):
        store.read(functions.version, "h", 1)


def test_an_alias_points_at_versions_by_weight(store):
    store.publish(digest="d2")
    function = store.write(functions.set_alias, "f", "live", {2: 10, 1: 90}, 5.0)
    assert function.aliases["live"] == {1: 90, 2: 10}


@pytest.mark.parametrize("weights", [{}, {1: 0}, {1: -1}])
def test_an_alias_needs_positive_weights(store, weights):
    with pytest.raises(BadValue):
        store.write(functions.set_alias, "f", "live", weights, 5.0)


def test_an_alias_cannot_point_at_what_is_not_there(store):
    with pytest.raises(NotFound, match="no version 9"):
        store.write(functions.set_alias, "f", "live", {9: 1}, 5.0)
    assert live(store) == {1: 100}


def test_rolling_back_goes_one_step_and_again_one_further(store):
    store.publish(digest="d2")
    store.publish(digest="d3")
    assert store.write(functions.rollback, "f").number == 2
    assert store.write(functions.rollback, "f").number == 1
    assert live(store) == {1: 100}
    with pytest.raises(Conflict, match="nothing else before"):
        store.write(functions.rollback, "f")


def test_after_a_rollback_publishing_goes_forward_and_rolling_back_returns_there(store):
    store.publish(digest="d2")
    store.write(functions.rollback, "f")
    store.publish(digest="d3")
    assert store.write(functions.rollback, "f").number == 1


def test_publishing_the_same_again_is_no_step(store):
    store.publish(digest="d2")
    store.publish(digest="d2")
    assert store.write(functions.rollback, "f").number == 1


def test_rolling_back_restores_weights_and_names_the_heaviest(store):
    store.publish(digest="d2")
    store.write(functions.set_alias, "f", "live", {1: 30, 2: 70}, 5.0)
    store.publish(digest="d3")
    assert store.write(functions.rollback, "f").number == 2
    assert live(store) == {1: 30, 2: 70}


def test_rolling_back_an_alias_that_is_not_there_names_the_others(store):
    with pytest.raises(NotFound, match="canary"):
        store.write(functions.rollback, "f", "canary")


def test_a_function_has_two_states(store):
    assert store.write(functions.set_state, "f", "paused").state == "paused"
    assert store.write(functions.set_state, "f", "active").state == "active"
    with pytest.raises(BadValue):
        store.write(functions.set_state, "f", "removed")

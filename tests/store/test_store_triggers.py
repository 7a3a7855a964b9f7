"""Triggers and their positions."""

import pytest

from jupyter_fn.model.errors import NotFound
from jupyter_fn.store import functions, triggers


def states(store):
    return {trigger.id: trigger.state for trigger in store.read(triggers.of_function, "f")}


def test_a_trigger_comes_back_as_it_was(store):
    trigger = store.a_trigger("u", position={"page": 3}, created=4.0)
    assert store.write(triggers.replace, "f", "live", [trigger]) == [trigger]
    assert store.read(triggers.get, "u") == trigger


def test_replacing_sets_exactly_these(store):
    store.listen("t", "u")
    store.listen("u", "v")
    assert states(store) == {"u": "active", "v": "active"}
    assert store.read(triggers.get, "t").state == "removed"


def test_the_triggers_of_another_alias_and_of_another_function_stay(store):
    store.publish("g")
    store.listen("other", name="g")
    store.write(triggers.replace, "f", "canary", [store.a_trigger("c", alias="canary")])
    store.listen()
    assert states(store) == {"c": "active", "t": "active"}
    assert [trigger.id for trigger in store.read(triggers.of_function, "g")] == ["other"]


def test_the_same_id_keeps_its_position(store):
    store.write(triggers.set_position, "t", [1, {"a": 2}])
    store.write(triggers.replace, "f", "live", [store.a_trigger(folder="/elsewhere", position="fresh")])
    trigger = store.read(triggers.get, "t")
    assert (trigger.position, trigger.folder) == ([1, {"a": 2}], "/elsewhere")


def test_a_removed_trigger_that_comes_back_goes_on_where_it_was(store):
    store.write(triggers.set_position, "t", 41)
    store.listen("u")
    store.listen("t")
    assert (store.read(triggers.get, "t").position, states(store)) == (41, {"t": "active"})


@pytest.mark.parametrize(("state", "later"), [("failing", "active"), ("ended", "ended"), ("paused", "paused")])
def test_publishing_again_tries_a_failing_trigger_anew_and_leaves_the_others(store, state, later):
    store.write(triggers.set_state, "t", state, "why")
    store.listen()
    trigger = store.read(triggers.get, "t")
    assert trigger.state == later
    assert trigger.error == ("" if state == "failing" else "why")


def test_only_triggers_of_active_functions_are_polled_failing_ones_too(store):
    store.listen("t", "u", "v")
    store.write(triggers.set_state, "u", "failing", "no connection")
    store.write(triggers.set_state, "v", "ended")
    assert [(trigger.id, trigger.error) for trigger in store.read(triggers.list_active)] == [
        ("t", ""),
        ("u", "no connection"),
    ]
    store.write(functions.set_state, "f", "paused")
    assert store.read(triggers.list_active) == []


def test_a_removed_trigger_takes_no_position_and_no_state(store):
    store.write(triggers.remove_all, "f")
    assert store.write(triggers.set_position, "t", 1) is False
    assert store.write(triggers.set_state, "t", "active") is False
    assert states(store) == {}


def test_why_a_trigger_fails_may_name_a_file_that_is_not_utf8(store):
    assert store.write(triggers.set_state, "t", "failing", b"\xff.csv".decode("utf-8", "surrogateescape"))
    assert store.read(triggers.get, "t").error == "\\udcff.csv"


def test_a_position_may_be_forgotten(store):
    store.write(triggers.set_position, "t", 1)
    store.write(triggers.set_position, "t", None)
    assert store.read(triggers.get, "t").position is None


def test_an_unknown_trigger_is_not_found(store):
    with pytest.raises(NotFound):
        store.read(triggers.get, "nothing")

"""Events that people edit: what a new run handles in place of the one that failed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.errors import BadValue
from jupyter_fn.model.event import Event
from jupyter_fn.model.run import Run
from jupyter_fn.policy.editing import edit, event_of, own_keys
from jupyter_fn.policy.splitting import halves


def event(data, **fields):
    base = {"id": "e", "seq": 1, "function": "f", "trigger": "t", "key": "k", "type": "invoke", "source": "s"}
    return Event(**{**base, "time": 0.0, "admitted": 0.0, "data": data, **fields})


def run(**fields):
    base = {"id": "r", "function": "f", "version": 1, "alias": "live", "trigger": "t", "event_id": "e"}
    return Run(**{**base, "created": 0.0, "memory_mb": 512, "attempts": 2, **fields})


def batch(items):
    return event({"records": list(items), "shard": 7}, type="stream.batch", size=len(items))


def test_an_edit_takes_the_place_of_the_events_own_keys():
    before = event({"path": "/in/a.csv", "size": 9})
    data = edit(run(), before, {"path": "/in/b.csv"})
    after = run(data=data)
    assert own_keys(after, before) == {"path": "/in/b.csv"}
    seen = event_of(after, before)
    assert (seen["id"], seen["path"], "size" in seen) == ("e", "/in/b.csv", False)


def test_what_every_event_has_is_no_edit_of_it():
    before = event({"n": 1})
    assert edit(run(), before, event_of(run(), before)) is None
    assert edit(run(), before, {"n": 1}) is None
    assert edit(run(), before, {**event_of(run(), before), "n": 2}) == {"n": 2}
    assert edit(run(), before, {"n": 1, "id": "mine"}) == {"n": 1, "id": "mine"}


def test_an_edit_stays_until_another_one():
    edited = run(data={"n": 2})
    assert edit(edited, event({"n": 1}), {"n": 2}) == {"n": 2}
    assert edit(edited, event({"n": 1}), {"n": 3}) == {"n": 3}


@pytest.mark.parametrize("given", [None, 3, "text", [1]])
def test_an_event_is_a_json_object(given):
    with pytest.raises(BadValue, match="is no JSON object"):
        edit(run(), event({"n": 1}), given)


def test_a_replay_says_so_to_its_handler():
    assert event_of(run(replay="again"), event({}))["replay"] == "again"
    assert "replay" not in event_of(run(), event({}))


@given(size=st.integers(2, 20), rounds=st.integers(0, 4), data=st.data())
def test_the_items_of_a_part_of_a_batch_are_replaced_where_they_stood(size, rounds, data):
    before, part = batch(range(size)), run(batch_size=size)
    for _ in range(rounds):
        if part.batch_size > 1:
            part = halves(part)[data.draw(st.integers(0, 1))]
    items = own_keys(part, before)["records"]
    edited = edit(part, before, {"records": [item + 100 for item in items], "shard": 7})
    assert [item % 100 for item in edited["records"]] == list(range(size))
    after = part.replace(data=edited)
    assert own_keys(after, before)["records"] == [item + 100 for item in items]
    children = halves(after) if after.batch_size > 1 else (after,)
    assert [item for child in children for item in own_keys(child, before)["records"]] == [i + 100 for i in items]


@pytest.mark.parametrize("records", [[], [1], [1, 2, 3], None, "ab"])
def test_a_batch_keeps_its_number_of_items(records):
    with pytest.raises(BadValue, match="has not 2 records"):
        edit(run(batch_size=2), batch([1, 2]), {"records": records})

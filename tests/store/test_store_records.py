"""Topics."""

from jupyter_fn.model.run import Record
from jupyter_fn.store import records


def append(store, *pairs, **options):
    new = [Record(topic=topic, value=value, key=str(value)) for topic, value in pairs]
    return store.write(records.append, new, now=7.0, **options)


def test_records_are_read_in_the_order_they_came_each_topic_by_itself(store):
    last = append(store, ("a", 1), ("b", 2), ("a", 3))
    found = store.read(records.read, "a", after=0, limit=10)
    assert [(record.value, record.key, record.timestamp) for record in found] == [(1, "1", 7.0), (3, "3", 7.0)]
    assert found[-1].seq == last == store.read(records.last, "a")
    assert store.read(records.topics) == {"a": 2, "b": 1}


def test_reading_goes_on_after_a_position(store):
    append(store, *(("a", n) for n in range(10)))
    page = store.read(records.read, "a", after=0, limit=4)
    rest = store.read(records.read, "a", after=page[-1].seq, limit=100)
    assert [record.value for record in (*page, *rest)] == list(range(10))
    assert len({record.id for record in (*page, *rest)}) == 10


def test_an_empty_topic_is_at_0(store):
    assert append(store) == 0
    assert store.read(records.last, "a") == 0
    assert store.read(records.read, "a", after=0, limit=10) == []


def test_large_values_and_odd_keys_are_kept(store):
    odd = b"\xff".decode("utf-8", "surrogateescape")
    store.write(records.append, [Record(topic="a", value="x" * 100_000, key=odd)], now=1.0, cause="run", hops=3)
    (record,) = store.read(records.read, "a", after=0, limit=1)
    assert (record.value, record.cause, record.hops) == ("x" * 100_000, "run", 3)
    assert record.key == "\\udcff"

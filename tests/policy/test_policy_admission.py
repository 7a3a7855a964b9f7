"""Which queued runs are claimed, and by which worker."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.event import NewEvent
from jupyter_fn.model.run import Run
from jupyter_fn.policy.admission import (
    MAX_PER_SLOT,
    PIPELINED_S,
    Limits,
    VersionKey,
    WorkerLoad,
    admit,
    place,
    room,
    saturated,
    skip_overlaps,
    take_turns,
)


@dataclass(frozen=True)
class Waiting:
    function: str
    version: int = 1
    number: int = 0
    concurrency_key: str = ""
    lost: int = 0
    interrupted: int = 0


def queue(functions: str) -> list[Waiting]:
    return [Waiting(name, number=number) for number, name in enumerate(functions)]


def names(runs: list[Waiting]) -> str:
    return "".join(run.function for run in runs)


# --- admission


def test_a_fire_time_is_skipped_while_a_run_of_its_schedule_is_under_way():
    def fired(key):
        return NewEvent(key=key, type="schedule.fired", source="rate(1s)", time=1.0, data={})

    two = [fired("1"), fired("2")]
    assert [event.skip for event in skip_overlaps(two, under_way=False)] == ["", "Overlap"]
    assert [event.skip for event in skip_overlaps(two, under_way=True)] == ["Overlap", "Overlap"]


def test_candidates_are_taken_in_order_while_there_is_room() -> None:
    assert names(admit(queue("abcab"), running={}, limits={}, room=3)) == "abc"


def test_a_function_at_its_limit_does_not_hold_up_the_others() -> None:
    chosen = admit(queue("aaaabb"), running={"a": 1}, limits={"a": Limits(total=2), "b": Limits()}, room=10)
    assert names(chosen) == "abb"


def test_a_limit_of_zero_admits_nothing() -> None:
    assert admit(queue("aa"), running={}, limits={"a": Limits(total=0)}, room=10) == []


def test_saturated_functions_need_not_be_read_from_the_queue() -> None:
    limits = {"a": Limits(total=2), "b": Limits(total=2), "c": Limits(total=0), "d": Limits(per_key=1)}
    assert saturated(running={"a": 2, "b": 1, "d": 5}, limits=limits) == {"a", "c"}


def test_a_key_at_its_limit_does_not_hold_up_the_other_keys() -> None:
    runs = [Waiting("f", number=n, concurrency_key=key) for n, key in enumerate("xxyxyz")]
    chosen = admit(
        runs, running={"f": 1}, limits={"f": Limits(total=4, per_key=1)}, running_of_key={("f", "y"): 1}, room=10
    )
    assert [run.concurrency_key for run in chosen] == ["x", "z"]


def test_lines_take_turns_whatever_their_length() -> None:
    def run(seq: int, lane: str = "", function: str = "f", priority: int = 0) -> Run:
        facts = {"id": str(seq), "version": 1, "alias": "live", "trigger": "t", "event_id": "e"}
        return Run(**facts, function=function, seq=seq, lane=lane, priority=priority, created=0.0, memory_mb=1)

    long = [run(n, "a") for n in range(5)]
    others = [run(10, "b"), run(11, "b"), run(12, function="g"), run(13, function="g"), run(9, "c", priority=2)]
    assert [r.seq for r in take_turns([*long, *others])] == [0, 10, 12, 1, 11, 13, 2, 3, 4, 9]


FUNCTIONS = st.text("abcd", max_size=40)
LIMITS = st.dictionaries(st.sampled_from("abcd"), st.builds(Limits, total=st.none() | st.integers(0, 5)))
COUNTS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 6))


@given(FUNCTIONS, LIMITS, COUNTS, st.integers(0, 30))
def test_no_limit_is_ever_exceeded_and_no_room_is_wasted(
    functions: str, limits: dict, running: dict, free: int
) -> None:
    candidates = queue(functions)
    chosen = admit(candidates, running=running, limits=limits, room=free)
    after = Counter(running) + Counter(run.function for run in chosen)
    assert len(chosen) <= free
    assert [run.number for run in chosen] == sorted(run.number for run in chosen)
    for name in {run.function for run in chosen}:
        assert name not in limits or limits[name].total is None or after[name] <= limits[name].total
    if len(chosen) < free:
        left = {run.function for run in candidates} - {run.function for run in chosen}
        full = saturated(running=after, limits=limits)
        assert left <= full
        assert all(run in chosen or run.function in full for run in candidates)


# --- placement

SHORT = {("a", 1): 0.001, ("b", 1): 0.02, ("z", 1): 0.0}
LONG = {("l", 1): 3.0}


def worker(name: str, slots: int = 4, *, warm: tuple = (), **held: int) -> WorkerLoad:
    return WorkerLoad(id=name, slots=slots, warm=warm, held={(key, 1): count for key, count in held.items()})


def spread(runs: list[Waiting], workers: list[WorkerLoad], durations: dict[VersionKey, float]) -> Counter:
    return Counter(worker_id for _, worker_id in place(runs, workers, durations_s=durations))


def test_runs_of_unknown_duration_get_a_slot_each() -> None:
    assert spread(queue("u" * 20), [worker("w1"), worker("w2", 2)], {}) == {"w1": 4, "w2": 2}


def test_long_runs_get_a_slot_each() -> None:
    assert spread(queue("l" * 20), [worker("w1", l=3), worker("w2")], LONG) == {"w1": 1, "w2": 4}


def test_short_runs_are_queued_up_to_fifty_milliseconds_per_slot() -> None:
    assert spread(queue("a" * 1000), [worker("w1", 4)], SHORT) == {"w1": 200}
    assert spread(queue("b" * 1000), [worker("w1", 4)], SHORT) == {"w1": 10}


def test_the_shortest_runs_are_queued_64_per_slot() -> None:
    assert spread(queue("z" * 1000), [worker("w1", 2)], SHORT) == {"w1": 2 * MAX_PER_SLOT}


def test_what_a_worker_holds_already_counts() -> None:
    assert spread(queue("a" * 1000), [worker("w1", 4, a=150)], SHORT) == {"w1": 50}


def test_short_runs_are_not_queued_behind_long_ones() -> None:
    durations = {**SHORT, **LONG}
    assert spread(queue("a" * 10), [worker("w1", 2, l=2)], durations) == {}
    assert spread(queue("a" * 1000), [worker("w1", 2, l=1)], durations) == {"w1": 50}


def test_a_long_run_is_not_starved_by_a_stream_of_short_ones() -> None:
    assert spread(queue("l"), [worker("w1", 1, a=50)], {**SHORT, **LONG}) == {"w1": 1}


def test_one_version_without_room_does_not_hold_up_another() -> None:
    placed = place(queue("lla"), [worker("w1", 2, l=1)], durations_s={**SHORT, **LONG})
    assert [run.function for run, _ in placed] == ["l"]
    placed = place(queue("la"), [worker("w1", 2, l=1, a=0)], durations_s={**SHORT, **LONG})
    assert names([run for run, _ in placed]) == "l"
    placed = place(queue("aal"), [worker("w1", 2, l=1)], durations_s={**SHORT, **LONG})
    assert names([run for run, _ in placed]) == "aal"


def test_warm_workers_come_first_then_the_least_loaded() -> None:
    workers = [worker("w1", u=1), worker("w2"), worker("w3", warm=(("f", 1),), u=2)]
    placed = place([Waiting("f", number=n) for n in range(4)], workers, durations_s={})
    assert [worker_id for _, worker_id in placed] == ["w3", "w3", "w2", "w1"]


def test_nothing_is_placed_without_workers() -> None:
    assert place(queue("aaa"), [], durations_s=SHORT) == []
    assert room([], durations_s=SHORT) == 0


DURATIONS = st.dictionaries(st.sampled_from([(name, 1) for name in "abcd"]), st.floats(0, 2))
WORKERS = st.lists(
    st.tuples(st.integers(1, 4), st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3))), max_size=4
).map(lambda found: [worker(f"w{number}", slots, **held) for number, (slots, held) in enumerate(found)])


@given(FUNCTIONS, WORKERS, DURATIONS)
def test_no_worker_gets_more_than_it_has_room_for(functions: str, workers: list[WorkerLoad], durations: dict) -> None:
    runs = queue(functions)
    placed = place(runs, workers, durations_s=durations)
    assert len({run.number for run, _ in placed}) == len(placed) <= room(workers, durations_s=durations)
    for one in workers:
        got = Counter((run.function, run.version) for run, worker_id in placed if worker_id == one.id)
        check_worker(one, got, durations)


def check_worker(one: WorkerLoad, got: Counter, durations: dict) -> None:
    after = Counter(one.held) + got

    def short(key: VersionKey) -> bool:
        return key in durations and durations[key] * 2 <= PIPELINED_S

    own_slots = sum(count for key, count in after.items() if not short(key))
    if any(not short(key) for key in got):
        assert own_slots <= one.slots
    if any(short(key) for key in got):
        queued_s = sum(count * durations[key] for key, count in after.items() if short(key))
        assert sum(one.held.get(key, 0) for key in one.held if not short(key)) < one.slots
        assert queued_s <= PIPELINED_S * one.slots * 1.001
        assert sum(count for key, count in after.items() if short(key)) <= MAX_PER_SLOT * one.slots


# --- what may be what kills its workers


def suspect(number: int = 0) -> Waiting:
    return Waiting("s", number=number, lost=3, interrupted=1)


def test_a_suspect_gets_a_worker_of_its_own() -> None:
    assert place([suspect(), *queue("uu")], [worker("w1", u=1), worker("w2")], durations_s={}) == [
        (suspect(), "w2"),
        *((run, "w1") for run in queue("uu")),
    ]


def test_while_all_are_at_work_the_emptiest_is_kept_free_for_a_suspect() -> None:
    placed = place([suspect(), *queue("uuuu")], [worker("w1", u=1), worker("w2", u=2)], durations_s={})
    assert {where for _, where in placed} == {"w2"}
    assert len(placed) == 2


def test_the_worker_of_a_suspect_takes_nothing_more() -> None:
    closed = WorkerLoad(id="w1", slots=4, held={("s", 1): 1}, closed=True)
    assert place(queue("uu"), [closed], durations_s={}) == []
    assert room([closed], durations_s={}) == 0


def test_losses_that_the_service_is_to_blame_for_make_no_suspect() -> None:
    innocent = Waiting("s", lost=3, interrupted=2)
    assert place([innocent], [worker("w1", u=1)], durations_s={}) == [(innocent, "w1")]

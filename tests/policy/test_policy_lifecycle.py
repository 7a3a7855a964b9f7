"""The life of a run: by table, by story and by property."""

import dataclasses
from collections.abc import Iterable
from decimal import Decimal
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_fn.model.cost import AWS_X86, price
from jupyter_fn.model.errors import (
    EnvironmentDied,
    HandlerFailed,
    LoadFailed,
    OutOfMemory,
    ResultNotSerializable,
    RunCancelled,
    RunError,
    RunTimedOut,
    Throttled,
    WorkerLost,
)
from jupyter_fn.model.function import Options
from jupyter_fn.model.run import Outcome, Reason, Record, Run, Staged, State, Usage
from jupyter_fn.model.units import money
from jupyter_fn.policy.instructions import (
    Discard,
    EmitRecords,
    Finished,
    Instruction,
    Kill,
    PublishFiles,
    RecordAttempt,
    WakeAt,
)
from jupyter_fn.policy.lifecycle import Step, advance
from jupyter_fn.policy.pricing import billed_attempts, price_run
from jupyter_fn.policy.retry import parse_backoff
from jupyter_fn.policy.stimuli import (
    CancelRequested,
    Claimed,
    ClockSetBack,
    Ended,
    Lost,
    Published,
    PublishFailed,
    Recovered,
    Returned,
    Started,
    Stimulus,
)
from jupyter_fn.policy.verdict import Rules, rules_of

NOW = 1_000.0
RULES = Rules(retries=2, backoff=parse_backoff("fixed(10s)"))
FILES = (Staged(staged="out/.a.r1.1.staged", target="out/a", size=3),)
NEWS = (Record(topic="news", value=1),)


def new_run(**changes: object) -> Run:
    base = {"id": "r1", "function": "f", "version": 1, "alias": "live", "trigger": "t", "event_id": "e1"}
    return Run(**{**base, "created": NOW, "memory_mb": 512, **changes})


def outcome(token: int, error: RunError | None = None, **changes: object) -> Outcome:
    usage = changes.pop("usage", Usage(duration_ms=15.74))
    told = error.to_dict() if error else None
    base = {"run_id": "r1", "token": token, "started": NOW, "ended": NOW + 1, "usage": usage, "error": told}
    return Outcome(**{**base, **changes})


def play(run: Run, *stimuli: Stimulus, now: float = NOW, rules: Rules = RULES) -> Step:
    """The run after all stimuli, with the instructions of the last one."""
    return reduce(lambda step, stimulus: advance(step[0], stimulus, now, rules), stimuli, (run, ()))


def kinds(instructions: Iterable[Instruction]) -> list[type]:
    return [type(instruction) for instruction in instructions]


def running(**changes: object) -> Run:
    return play(new_run(**changes), Claimed("w1"), Started(1, NOW))[0]


def publishing() -> Run:
    return play(running(), Ended(outcome(1, staged=FILES, emitted=NEWS, result=7)))[0]


# --- claims and starts


def test_a_claim_takes_a_new_token_and_counts_an_attempt() -> None:
    run, instructions = play(new_run(), Claimed("w1"))
    assert (run.state, run.token, run.attempts, run.worker) == (State.CLAIMED, 1, 1, "w1")
    assert instructions == ()


def test_a_run_that_is_not_due_is_not_claimed() -> None:
    waiting = new_run(state=State.WAITING, due=NOW + 1)
    assert play(waiting, Claimed("w1"))[0] is waiting
    assert play(waiting, Claimed("w1"), now=NOW + 1)[0].state is State.CLAIMED


@given(
    failures=st.integers(1, 6),
    error=st.sampled_from([HandlerFailed("no").to_dict(), Throttled().to_dict() | {"retry_after": 3600.0}]),
    ago_s=st.floats(-1e8, 1e4),
)
def test_a_clock_that_was_set_back_makes_no_retry_wait_for_longer_than_its_own_delay_or_for_less(
    failures: int, error: dict[str, object], ago_s: float
) -> None:
    """`ago_s`: how long ago the last attempt failed, as the clock says now."""
    run, now, rules = new_run(), NOW, Rules(retries=9)
    for token in range(1, failures + 1):
        now += 10_000
        ended = Ended(dataclasses.replace(outcome(token), error=error))
        run, _ = play(run, Claimed("w1"), ended, now=now, rules=rules)
    delay_s = run.due - now
    after, instructions = play(run, ClockSetBack(), now=now + ago_s, rules=rules)
    assert after.replace(due=0.0) == run.replace(due=0.0)
    assert after.due == pytest.approx(now + min(ago_s, 0.0) + delay_s)
    assert instructions == (() if after == run else (WakeAt(after.due),))


@pytest.mark.parametrize("back", [Returned(1), Lost("w1"), Recovered()])
def test_what_has_waited_and_comes_back_to_the_queue_does_not_wait_again_when_the_clock_was_set_back(
    back: Stimulus,
) -> None:
    claimed, _ = play(new_run(state=State.WAITING, due=NOW), Claimed("w1"))
    queued, _ = play(claimed, back, now=NOW - 700)
    again, _ = play(queued, Claimed("w2"), now=NOW - 700)
    assert (queued.state, again.state, again.worker) == (State.QUEUED, State.CLAIMED, "w2")


def test_a_start_makes_it_running_once_and_only_with_its_token() -> None:
    claimed, _ = play(new_run(), Claimed("w1"))
    assert play(claimed, Started(2, NOW))[0] is claimed
    started, _ = play(claimed, Started(1, NOW + 5))
    assert (started.state, started.started) == (State.RUNNING, NOW + 5)
    assert play(started, Started(1, NOW + 9))[0] is started


def test_a_claim_that_never_reached_its_worker_leaves_no_trace_but_the_token() -> None:
    run, instructions = play(new_run(), Claimed("w1"), Returned(1))
    assert (run.state, run.token, run.attempts, run.lost) == (State.QUEUED, 1, 0, 0)
    assert instructions == (WakeAt(NOW),)


def test_a_returned_run_that_is_not_wanted_any_more_is_cancelled() -> None:
    run, instructions = play(new_run(), Claimed("w1"), CancelRequested(), Returned(1))
    assert (run.state, run.attempts) == (State.CANCELLED, 0)
    assert kinds(instructions) == [Finished]


# --- success


def test_success_without_files_ends_the_run_and_emits_its_records() -> None:
    run, instructions = play(new_run(), Claimed("w1"), Ended(outcome(1, result={"rows": 3}, emitted=NEWS)))
    assert (run.state, run.result, run.error, run.ended) == (State.SUCCEEDED, {"rows": 3}, None, NOW)
    assert kinds(instructions) == [RecordAttempt, EmitRecords, Finished]


def test_success_with_files_publishes_them_first_and_emits_nothing_yet() -> None:
    run, instructions = play(running(), Ended(outcome(1, staged=FILES, emitted=NEWS)))
    assert (run.state, run.staged) == (State.PUBLISHING, FILES)
    assert kinds(instructions) == [RecordAttempt, PublishFiles]
    done, instructions = play(run, Published(1))
    assert (done.state, done.staged, done.emitted) == (State.SUCCEEDED, (), ())
    assert instructions == (EmitRecords(NEWS), Finished())


@pytest.mark.parametrize("stimulus", [Recovered(), Lost("w1"), Lost("another")])
def test_publishing_goes_on_after_a_crash_of_anything(stimulus: Stimulus) -> None:
    run = publishing()
    assert play(run, stimulus) == (run, (PublishFiles(FILES),))


def test_files_that_cannot_be_published_are_a_failed_attempt() -> None:
    error = HandlerFailed("disk full").to_dict()
    run, instructions = play(publishing(), PublishFailed(1, error))
    assert (run.state, run.result, run.staged, run.emitted) == (State.WAITING, None, (), ())
    assert kinds(instructions) == [Discard, WakeAt]
    assert billed_attempts(run) == 1


def test_publishing_is_too_late_to_cancel() -> None:
    run = publishing()
    assert play(run, CancelRequested()) == (run, ())


def test_publishing_answers_only_to_its_token() -> None:
    run = publishing()
    assert play(run, Published(2)) == (run, ())
    assert play(run, PublishFailed(2, {})) == (run, ())


# --- failure


def test_a_failure_waits_and_comes_back_behind_live_runs() -> None:
    run, instructions = play(running(), Ended(outcome(1, HandlerFailed("no", kind="ValueError"))))
    assert (run.state, run.due, run.priority, run.error["type"]) == (State.WAITING, NOW + 10, 1, "ValueError")
    assert kinds(instructions) == [RecordAttempt, WakeAt]
    assert instructions[-1] == WakeAt(NOW + 10)


def test_a_failed_attempt_discards_what_it_staged_and_emits_nothing() -> None:
    failed = outcome(1, HandlerFailed("no"), staged=FILES, emitted=NEWS)
    _, instructions = play(running(), Ended(failed))
    assert kinds(instructions) == [RecordAttempt, Discard, WakeAt]


def fail_until_terminal(error: RunError, rules: Rules) -> Run:
    run = new_run()
    while not run.state.terminal:
        run, _ = play(run, Claimed("w1"), Ended(outcome(run.token + 1, error)), now=run.due, rules=rules)
    return run


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_retries_are_counted_beside_the_first_attempt(retries: int) -> None:
    run = fail_until_terminal(HandlerFailed("no"), Rules(retries=retries))
    assert (run.state, run.reason, run.attempts) == (State.DEAD, Reason.RETRIES_EXHAUSTED, retries + 1)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RunTimedOut("60 s"), Reason.TIMEOUT),
        (OutOfMemory("512 MB"), Reason.OUT_OF_MEMORY),
        (EnvironmentDied("signal 11"), Reason.ENVIRONMENT_DIED),
    ],
)
def test_a_limit_that_was_hit_stays_the_reason_to_the_end(error: RunError, reason: Reason) -> None:
    waiting, _ = play(running(), Ended(outcome(1, error)))
    assert (waiting.state, waiting.reason) == (State.WAITING, reason)
    assert fail_until_terminal(error, RULES).reason == reason


@pytest.mark.parametrize("error", [LoadFailed("no module pandsa"), ResultNotSerializable("$.x is a socket")])
def test_a_fatal_error_is_not_retried(error: RunError) -> None:
    run, instructions = play(running(), Ended(outcome(1, error)))
    assert (run.state, run.reason, run.attempts) == (State.DEAD, Reason.FATAL, 1)
    assert kinds(instructions) == [RecordAttempt, Finished]


def test_a_handler_may_say_when_to_try_again() -> None:
    error = {**HandlerFailed("busy").to_dict(), "retry_after": 2.5}
    failed = dataclasses.replace(outcome(1), error=error)
    run, _ = play(running(), Ended(failed))
    assert run.due == NOW + 2.5


def test_success_after_a_failure_forgets_the_error_but_not_the_cost() -> None:
    waiting, _ = play(running(), Ended(outcome(1, RunTimedOut("slow"))))
    run, _ = play(waiting, Claimed("w2"), Ended(outcome(2)), now=NOW + 10)
    assert (run.state, run.error, run.reason, run.attempts) == (State.SUCCEEDED, None, "", 2)
    assert run.billed_ms == 32
    assert run.cost_usd == money(price(AWS_X86, requests=2, mb_ms=32 * 512))


# --- losses


def test_a_lost_worker_gives_its_runs_back_at_once_and_costs_no_retry() -> None:
    run, instructions = play(running(), Lost("w1"))
    assert (run.state, run.lost, run.attempts, run.worker) == (State.QUEUED, 1, 1, "")
    assert kinds(instructions) == [RecordAttempt, WakeAt]
    record = instructions[0]
    assert isinstance(record, RecordAttempt)
    assert (record.attempt.state, record.attempt.billed_ms, record.attempt.worker) == ("lost", 0, "w1")


def test_the_loss_of_another_worker_means_nothing() -> None:
    run = running()
    assert play(run, Lost("w2")) == (run, ())


def test_the_third_loss_is_one_too_many() -> None:
    run = new_run()
    for _ in range(3):
        run, instructions = play(run, Claimed("w1"), Lost("w1"))
    assert (run.state, run.reason, run.cost_usd) == (State.DEAD, Reason.WORKER_LOST, "0")
    assert run.error is not None
    assert run.error["class"] == "WorkerLost"
    assert kinds(instructions) == [RecordAttempt, Finished]


def test_losses_and_failures_have_budgets_of_their_own() -> None:
    story = [Claimed("w1"), Lost("w1"), Claimed("w1"), Lost("w1")]
    run, _ = play(new_run(), *story)
    run = run.replace(created=NOW)
    for token in (3, 4):
        run, _ = play(run, Claimed("w1"), Ended(outcome(token, HandlerFailed("no"))), now=run.due + NOW)
        assert run.state is State.WAITING
    run, _ = play(run, Claimed("w1"), Ended(outcome(5, HandlerFailed("no"))), now=run.due)
    assert (run.state, run.reason) == (State.DEAD, Reason.RETRIES_EXHAUSTED)


def test_the_death_of_the_service_itself_never_kills_a_run() -> None:
    run = new_run()
    for _ in range(10):
        run, _ = play(run, Claimed("w1"), Recovered())
        assert run.state is State.QUEUED
    run, _ = play(run, Claimed("w1"), Lost("w1"))
    assert (run.state, run.lost, run.interrupted) == (State.QUEUED, 11, 10)


def test_an_outcome_that_says_worker_lost_is_a_loss() -> None:
    run, instructions = play(running(), Ended(outcome(1, WorkerLost("gone"), staged=FILES)))
    assert (run.state, run.lost) == (State.QUEUED, 1)
    assert kinds(instructions) == [Discard, RecordAttempt, WakeAt]


# --- fencing


@pytest.mark.parametrize("error", [None, HandlerFailed("no")])
def test_an_outcome_with_an_old_token_only_has_its_files_discarded(error: RunError | None) -> None:
    run, _ = play(running(), Lost("w1"), Claimed("w2"))
    assert play(run, Ended(outcome(1, error, staged=FILES))) == (run, (Discard(FILES),))
    assert play(run, Ended(outcome(1, error))) == (run, ())


def test_an_outcome_after_its_worker_was_lost_comes_too_late() -> None:
    run, _ = play(running(), Lost("w1"))
    assert play(run, Ended(outcome(1, staged=FILES))) == (run, (Discard(FILES),))


def test_the_winners_outcome_told_twice_keeps_its_files() -> None:
    run = publishing()
    again = Ended(outcome(1, staged=FILES))
    assert play(run, again) == (run, ())
    done, _ = play(run, Published(1))
    assert play(done, again) == (done, ())


# --- cancelling


@pytest.mark.parametrize("state", [State.QUEUED, State.WAITING])
def test_a_run_nobody_works_on_is_cancelled_at_once(state: State) -> None:
    run, instructions = play(new_run(state=state), CancelRequested())
    assert (run.state, run.reason, run.ended) == (State.CANCELLED, Reason.CANCELLED, NOW)
    assert kinds(instructions) == [Finished]


def test_a_held_run_is_killed_first() -> None:
    run, instructions = play(running(), CancelRequested())
    assert (run.state, run.cancel_requested) == (State.RUNNING, True)
    assert instructions == (Kill("w1", "r1", 1),)
    assert play(run, CancelRequested()) == (run, instructions)
    done, instructions = play(run, Ended(outcome(1, RunCancelled("killed"), staged=FILES)))
    assert (done.state, done.reason) == (State.CANCELLED, Reason.CANCELLED)
    assert kinds(instructions) == [RecordAttempt, Discard, Finished]


@pytest.mark.parametrize("end", [Lost("w1"), Recovered(), Ended(outcome(1, HandlerFailed("no")))])
def test_no_new_attempt_is_made_of_an_unwanted_run(end: Stimulus) -> None:
    run, instructions = play(running(), CancelRequested(), end)
    assert run.state is State.CANCELLED
    assert Finished in kinds(instructions)


def test_success_that_comes_before_the_kill_counts() -> None:
    assert play(running(), CancelRequested(), Ended(outcome(1)))[0].state is State.SUCCEEDED


# --- rules


def test_rules_come_from_the_options_of_the_version() -> None:
    rules = rules_of(Options(retries=7, backoff="fixed(3s)"))
    assert (rules.retries, rules.backoff, rules.book) == (7, parse_backoff("fixed(3s)"), AWS_X86)


# --- properties

ERRORS = [HandlerFailed("no"), RunTimedOut("no"), LoadFailed("no"), RunCancelled("no"), WorkerLost("no"), None, None]
TOKENS = st.integers(-1, 1)  # relative to the run's own
USAGES = st.builds(
    Usage,
    duration_ms=st.floats(0, 5_000),
    max_memory_mb=st.integers(0, 900),
    bytes_read=st.integers(0, 10**9),
    cold=st.booleans(),
)
MAKERS = st.one_of(
    st.builds(lambda w: lambda run: Claimed(w), st.sampled_from(["w1", "w2"])),
    st.builds(lambda d: lambda run: Returned(run.token + d), TOKENS),
    st.builds(lambda d: lambda run: Started(run.token + d, NOW), TOKENS),
    st.builds(lambda d: lambda run: Published(run.token + d), TOKENS),
    st.builds(lambda d: lambda run: PublishFailed(run.token + d, HandlerFailed("no").to_dict()), TOKENS),
    st.builds(lambda w: lambda run: Lost(w), st.sampled_from(["w1", "w2"])),
    st.just(lambda run: Recovered()),
    st.just(lambda run: CancelRequested()),
    st.builds(
        lambda d, error, usage, staged, emitted: (
            lambda run: Ended(outcome(run.token + d, error, usage=usage, staged=staged, emitted=emitted))
        ),
        TOKENS,
        st.sampled_from(ERRORS),
        USAGES,
        st.sampled_from([(), FILES]),
        st.sampled_from([(), NEWS]),
    ),
)
STORIES = st.lists(MAKERS, max_size=60)
ALL_RULES = st.builds(Rules, retries=st.integers(0, 4), max_lost=st.integers(1, 4), backoff=st.just(RULES.backoff))


@settings(max_examples=300, deadline=None)
@given(STORIES, ALL_RULES)
def test_whatever_happens(story: list, rules: Rules) -> None:
    """Terminal is final, tokens rise, budgets hold, one success at most, the cost is that of the attempts' sum."""
    run, now, seen = new_run(), NOW, []
    for make in story:
        now += 7.0
        before = run
        run, instructions = advance(run, make(run), now, rules)
        seen += instructions
        assert not before.state.terminal or run is before
        assert run.token - before.token in (0, 1)
        assert (run.token > before.token) == (before.state is not State.CLAIMED and run.state is State.CLAIMED)
        assert (Finished in kinds(instructions)) == (run.state.terminal and not before.state.terminal)
        assert (EmitRecords in kinds(instructions)) <= (run.state is State.SUCCEEDED)
        assert (WakeAt in kinds(instructions)) == (run is not before and run.state in (State.QUEUED, State.WAITING))
        assert before.staged == () or before.state is State.PUBLISHING
    rows = [i.attempt for i in seen if isinstance(i, RecordAttempt)]
    assert run.attempts <= rules.retries + 1 + run.lost
    assert run.lost - run.interrupted <= rules.max_lost
    assert kinds(seen).count(Finished) <= 1
    assert kinds(seen).count(EmitRecords) <= 1
    assert [row.token for row in rows] == sorted({row.token for row in rows})
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert_sums(run, rows, rules)


def assert_sums(run: Run, rows: list, rules: Rules) -> None:
    billed = [row for row in rows if row.state != "lost"]
    assert billed_attempts(run) == len(billed)
    assert run.billed_ms == sum(row.billed_ms for row in billed)
    assert run.bytes_read == sum(row.usage.bytes_read for row in billed)
    assert run.max_memory_mb == max((row.usage.max_memory_mb for row in billed), default=0)
    each = (price(rules.book, requests=1, mb_ms=row.billed_ms * run.memory_mb) for row in billed)
    assert Decimal(run.cost_usd) == sum(each, Decimal(0))
    assert run.cost_usd == price_run(run, rules.book)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["fail", "die", "lose", "publish", "unpublish"]), min_size=12), ALL_RULES)
def test_every_run_comes_to_an_end_while_it_is_given_chances(fates: list[str], rules: Rules) -> None:
    run, now = new_run(), NOW
    for fate in fates:
        now += 1_000
        for stimulus in chance(fate, run.token + 1):
            run, _ = advance(run, stimulus, now, rules)
    assert run.state.terminal


def chance(fate: str, token: int) -> list[Stimulus]:
    ends: dict[str, list[Stimulus]] = {
        "fail": [Ended(outcome(token, HandlerFailed("no")))],
        "die": [Ended(outcome(token, EnvironmentDied("no")))],
        "lose": [Lost("w1")],
        "publish": [Ended(outcome(token, staged=FILES)), Published(token)],
        "unpublish": [Ended(outcome(token, staged=FILES)), PublishFailed(token, {})],
    }
    return [Claimed("w1"), *ends[fate]]

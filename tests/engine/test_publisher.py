"""Publishing: a draft is checked, stored once, and its triggers are followed."""

import asyncio
import threading

import pytest

from jupyter_fn.model.errors import BadTrigger, BadValue, HomeRefused, MissingExtra, NotFound, PackageMismatch
from jupyter_fn.model.target import FILE_SCHEMES
from jupyter_fn.runtime.loading import pack
from jupyter_fn.sources.registry import FILES, KINDS
from jupyter_fn.store import functions, triggers

pytestmark = pytest.mark.anyio
OTHER = "def handler(event):\n    return 2\n"


def published(stage):
    return [function.name for function in stage.read(functions.list_all)]


async def test_the_same_draft_twice_is_one_version(stage):
    first = await stage.publish()
    again = await stage.publish()
    assert (first["created"], again["created"]) == (True, False)
    assert first["version"] == again["version"]
    assert [version["number"] for version in await stage.engine.questions.versions("f")] == [1]


async def test_another_content_is_the_next_version_and_live_points_at_it(stage):
    await stage.publish()
    second = await stage.publish("f", OTHER)
    assert (second["created"], second["version"]["number"]) == (True, 2)
    function = await stage.engine.questions.function("f")
    assert (function["version"], function["aliases"]["live"]) == (2, {"2": 100})


async def test_an_earlier_content_again_is_its_version_again_and_live_goes_back_to_it(stage):
    await stage.publish()
    await stage.publish("f", OTHER)
    back = await stage.publish()
    assert (back["created"], back["version"]["number"]) == (False, 1)
    assert (await stage.engine.questions.function("f"))["version"] == 1


async def test_alias_names_one_more_alias_that_moves_along(stage):
    await stage.publish("f", alias="beta")
    await stage.publish("f", OTHER)
    aliases = (await stage.engine.questions.function("f"))["aliases"]
    assert aliases == {"beta": {"1": 100}, "live": {"2": 100}}


async def test_a_dry_run_says_what_would_be_and_stores_nothing(stage):
    would_be = await stage.engine.publisher.publish(stage.draft(on=("topic:t",)), dry_run=True)
    assert (would_be["dry_run"], would_be["created"], would_be["version"]["number"]) == (True, True, 1)
    assert [trigger["uri"] for trigger in would_be["triggers"]] == ["topic:t"]
    assert published(stage) == []
    with pytest.raises(NotFound):
        await stage.engine.questions.function("f")


async def test_a_dry_run_of_what_is_published_already_names_its_version(stage):
    await stage.publish()
    await stage.publish("f", OTHER)
    would_be = await stage.engine.publisher.publish(stage.draft(), dry_run=True)
    assert (would_be["created"], would_be["version"]["number"]) == (False, 1)
    assert (await stage.engine.questions.function("f"))["version"] == 2


@pytest.mark.parametrize(
    ("name", "options", "error", "says"),
    [
        ("1f", {}, BadValue, "'1f' cannot name a function"),
        ("f", {"on": ("topic:t", "kafak://h/t")}, BadTrigger, "'kafak'"),
        ("f", {"on": ("topic:t bach=3",)}, BadTrigger, "bach"),
        ("f", {"on": ("cron(61 * * * *)",)}, BadTrigger, "cron"),
        ("f", {"backoff": "linear"}, BadValue, "'linear' is not a backoff"),
    ],
)
async def test_what_cannot_be_read_is_refused_before_anything_is_stored(stage, name, options, error, says):
    with pytest.raises(error, match=says) as refused:
        await stage.publish(name, **options)
    assert refused.value.remedy
    assert published(stage) == []


async def test_a_package_that_workers_have_in_another_version_is_named_with_both(stage):
    with pytest.raises(PackageMismatch) as refused:
        await stage.publish(packages={"httpx": "0.0.1"})
    assert all(part in str(refused.value) for part in ("f cannot run", "httpx 0.0.1", "has httpx "))
    assert published(stage) == []


async def test_a_package_that_workers_lack_is_named(stage):
    with pytest.raises(PackageMismatch, match="no-such-thing is missing"):
        await stage.publish(packages={"no-such-thing": "1.0"})


async def test_another_python_is_refused(stage):
    with pytest.raises(PackageMismatch, match=r"Python 2\.7\.18"):
        await stage.publish(python="2.7.18")


async def test_the_packages_of_workers_elsewhere_are_their_own_business(stage):
    stage.engine.publisher._check_here = False
    assert (await stage.publish(packages={"no-such-thing": "1.0"}))["created"]


# --- triggers ---


async def test_a_version_takes_its_triggers_from_its_own_options(stage):
    await stage.publish(on=("topic:a", "topic:b"))
    await stage.publish("f", OTHER, on=("topic:b", "topic:c"))
    assert {trigger.uri for trigger in stage.triggers()} == {"topic:b", "topic:c"}


async def test_a_trigger_that_stays_goes_on_where_it_was(stage):
    await stage.publish(on=("topic:a",))
    await stage.engine.invocations.emit("a", [{"value": 1}])
    await stage.until(lambda: len(stage.runs()) == 1)
    before = stage.trigger()
    await stage.publish("f", OTHER, on=("topic:a", "topic:b"))
    after = next(trigger for trigger in stage.triggers() if trigger.uri == "topic:a")
    assert (after.id, after.position, after.created) == (before.id, before.position, before.created)
    await stage.engine.invocations.emit("a", [{"value": 2}])
    await stage.until(lambda: len(stage.runs()) == 2)
    assert [run.version for run in stage.runs()] == [1, 2]


async def test_batch_and_window_are_defaults_of_those_triggers_that_know_them(stage):
    await stage.publish(on=("topic:a batch=7", "topic:b", "fn:c", "rate(1 hour)"), batch=3, window_s=2.0)
    options = {trigger.uri.split()[0]: dict(trigger.options) for trigger in stage.triggers()}
    assert options == {
        "topic:a": {"batch": "7", "window": "2.0s"},
        "topic:b": {"batch": "3", "window": "2.0s"},
        "fn:c": {"batch": "3", "window": "2.0s"},
        "rate(1": {},
    }


@pytest.mark.parametrize(("options", "flag"), [({"batch": 3}, "--batch"), ({"window_s": 2.0}, "--window")])
async def test_batch_and_window_are_refused_where_no_trigger_makes_batches(stage, options, flag):
    with pytest.raises(BadTrigger, match=rf"{flag} has no effect on rate\(1 hour\), cron"):
        await stage.publish(on=("rate(1 hour)", "cron(0 6 * * *)"), **options)
    await stage.publish(on=(), **options)


async def test_a_paused_function_stays_paused_when_it_is_published_again(stage):
    await stage.publish(on=("topic:a",))
    await stage.engine.operations.set_state("f", "paused")
    await stage.publish("f", OTHER, on=("topic:a",))
    function = await stage.engine.questions.function("f")
    assert (function["state"], function["triggers"][0]["state"]) == ("paused", "paused")


# --- what the store refuses ---


async def test_a_version_that_was_undone_is_not_remembered_under_the_number_that_another_one_gets(busy, monkeypatch):
    """Publishing shares its transaction with a claim, which reads the new version; then the disk is full."""
    await busy.publish()
    replace, calls = triggers.replace, []

    def full_at_the_second_time(*words):
        calls.append(words)
        if len(calls) == 2:
            raise HomeRefused("The disk is full.", "Free some space.")
        return replace(*words)

    def fail(conn):
        raise HomeRefused("The disk is full.", "Free some space.")

    monkeypatch.setattr(triggers, "replace", full_at_the_second_time)
    held_up, together = threading.Event(), threading.Event()
    busy.database.submit(lambda conn: (held_up.set(), together.wait(60)))
    await asyncio.to_thread(held_up.wait)
    packed = []
    monkeypatch.setattr("jupyter_fn.engine.publisher.pack", lambda bundle: packed.append(1) or pack(bundle))
    publishing = asyncio.ensure_future(busy.publish("f", OTHER, concurrency=1))
    await busy.until(lambda: packed)
    read = busy.engine.catalog
    busy.database.submit(lambda conn: (read.limits(conn), read.function(conn, "f")))  # as claims and invocations do
    failing = busy.database.submit(fail)
    together.set()
    with pytest.raises(HomeRefused):
        await publishing
    with pytest.raises(HomeRefused):
        await asyncio.wrap_future(failing)
    await busy.invoke()
    (given,) = await busy.sent(1)
    assert given.terms.version == 1
    third = await busy.publish("f", "def handler(event):\n    return 3\n")
    assert third["version"]["number"] == 2
    await busy.invoke()
    given = (await busy.sent(2))[-1]
    assert (given.terms.version, given.terms.bundle) == (2, third["version"]["bundle"])


async def test_a_destination_whose_filesystem_is_not_installed_is_refused_with_what_to_install(stage, monkeypatch):
    monkeypatch.setattr("jupyter_fn.engine.publisher.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="'s3://bucket/dead/' needs s3fs") as caught:
        await stage.publish(on_failure=("s3://bucket/dead/",))
    assert caught.value.remedy == 'Run: pip install "jupyter-fn[s3]"'
    assert published(stage) == []


def test_destinations_lie_on_the_filesystems_that_triggers_know():
    assert set(FILE_SCHEMES) == {scheme for scheme, kind in KINDS.items() if kind.path == FILES}

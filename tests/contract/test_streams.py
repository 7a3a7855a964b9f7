"""Topics, chains of functions and schedules: each thing that happens is an event once, in order."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest


def emit(house, topic, values):
    lines = "".join(json.dumps(value) + "\n" for value in values)
    return house.ok(f"emit {topic} --json", stdin=lines).json["accepted"]


def times(runs, key):
    return sorted(datetime.fromisoformat(run["event"][key]) for run in runs)


def whole(house, function, count):
    return [house.get(f"runs/{run['id']}") for run in house.all_ended(function, count)]


# --- topics


def test_a_hundred_thousand_records_are_summed_in_batches_of_five_hundred(house):
    house.publish(
        """
        @fn(on="topic:numbers batch=500 window=1s", concurrency=2)
        def total(event):
            return {"sum": sum(record["value"] for record in event.records), "first": event.records[0]["offset"]}
        """
    )
    accepted = sum(emit(house, "numbers", range(start, start + 25_000)) for start in range(0, 100_000, 25_000))
    assert accepted == 100_000
    runs = house.all_ended("total", 200)
    assert sum(run["batch_size"] for run in runs) == 100_000
    assert sum(run["result"]["sum"] for run in runs) == sum(range(100_000))
    assert max(run["batch_size"] for run in runs) <= 500
    assert len({run["result"]["first"] for run in runs}) == len(runs)
    audit = house.ok("audit total --json").json
    assert (audit["done"], audit["balanced"]) == (100_000, True)


def test_records_have_their_keys_values_and_places_and_become_a_frame(house):
    house.publish(
        """
        @fn(on="topic:orders window=100ms")
        def orders(event):
            return {"records": event.records, "columns": sorted(event.frame().columns)}
        """
    )
    house.ok(["emit", "orders", "--record", '{"key": "k", "value": {"n": 1, "who": "ä"}}', "--record", '{"n": 2}'])
    (run,) = house.all_ended("orders", 1)
    one, two = run["result"]["records"]
    assert set(one) >= {"id", "key", "value", "timestamp", "partition", "offset"}
    assert (one["key"], one["value"], two["value"]) == ("k", {"n": 1, "who": "ä"}, {"n": 2})
    assert one["offset"] < two["offset"]
    assert run["result"]["columns"] == ["n", "who"]


def test_what_handlers_emit_reaches_the_topic_once_and_only_when_they_succeed(house):
    house.publish(
        """
        @fn(retries=1, backoff="fixed(50ms)")
        def speaker(event, context):
            context.emit({"attempt": event.attempt}, "spoken", key="k")
            if event.attempt == 1:
                raise ValueError("said too early")
            return "said"

        @fn(on="topic:spoken window=100ms")
        def listener(event):
            return [record["value"] for record in event.records]
        """
    )
    assert house.invoke("speaker").out == '"said"\n'
    (run,) = house.all_ended("listener", 1)
    assert run["result"] == [{"attempt": 2}]


def test_latest_leaves_out_what_was_said_before(house):
    emit(house, "news", ["old"])
    house.publish(
        """
        @fn(on="topic:news start=latest")
        def late(event):
            return [record["value"] for record in event.records]

        @fn(on="topic:news start=earliest")
        def early(event):
            return [record["value"] for record in event.records]
        """
    )
    house.all_ended("early", 1)
    house.until(lambda: house.get("functions/late")["triggers"][0]["state"] == "active", "the first look")
    emit(house, "news", ["new"])
    seen = [value for run in house.all_ended("early", 2) for value in run["result"]]
    assert sorted(seen) == ["new", "old"]
    assert [run["result"] for run in house.all_ended("late", 1)] == [["new"]]


# --- chains


def test_results_go_to_who_follows(house):
    house.publish(
        """
        @fn(retries=0)
        def first(event):
            return {"n": 10 / event.n}

        @fn(on="fn:first")
        def second(event):
            return {"n": event.data["n"] + 1, "of": event.run}

        @fn(on="fn:second")
        def third(event):
            return event.data["n"] * 100

        @fn(on="fn:first on=failure")
        def sorry(event):
            return [event.run, event.data["type"], event.data["message"]]
        """
    )
    good, bad = house.submit("first", {"n": 5}), house.submit("first", {"n": 0})
    (second,) = house.all_ended("second", 1)
    assert second["result"] == {"n": 3.0, "of": good}
    assert [run["result"] for run in house.all_ended("third", 1)] == [300.0]
    assert [run["result"] for run in house.all_ended("sorry", 1)] == [[bad, "ZeroDivisionError", "division by zero"]]


def test_functions_that_follow_each_other_in_a_circle_are_stopped(house):
    house.publish(
        """
        @fn(on="fn:pong")
        def ping(event):
            return "ping"

        @fn(on="fn:ping")
        def pong(event):
            return "pong"
        """
    )
    house.submit("ping")
    (stopped,) = house.until(
        lambda: [n for n in ("ping", "pong") if house.get(f"functions/{n}/audit")["dead"] == 1], "the end"
    )
    assert len(house.runs("ping")) + len(house.runs("pong")) == 18
    (dead,) = house.ok(f"failures {stopped} --json").json
    assert dead["reason"] == "LoopDetected"
    assert dead["error"]["message"].endswith("pong → ping → pong.")
    assert house.ok(f"audit {stopped} --json").json["balanced"] is True


# --- schedules


def test_a_rate_fires_once_for_each_of_its_times_also_across_a_restart(house):
    house.publish(
        """
        @fn(on="rate(1 second) misfire=all")
        def tick(event):
            return [event.scheduled_for, event.interval_start, event.interval_end]
        """
    )
    house.all_ended("tick", 3)
    house.stop()
    house.start()
    runs = house.all_ended("tick", 8)
    fires = times((house.get(f"runs/{run['id']}") for run in runs), "scheduled_for")
    assert {later - earlier for earlier, later in pairwise(fires)} == {timedelta(seconds=1)}
    for scheduled_for, start, end in (run["result"] for run in runs):
        assert end == scheduled_for
        assert datetime.fromisoformat(end) - datetime.fromisoformat(start) == timedelta(seconds=1)
    house.ok("rm tick")


def test_at_fires_once_when_its_time_comes_and_never_for_the_past(house):
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    house.publish(
        f"""
        @fn(on="at({soon.isoformat()})")
        def soon(event):
            return event.scheduled_for

        @fn(on="at(2020-01-01T00:00:00)")
        def past(event):
            return 1
        """
    )
    (run,) = house.all_ended("soon", 1)
    assert datetime.fromisoformat(run["result"]) == soon
    states = house.until(
        lambda: (
            (s := [house.get(f"functions/{n}")["triggers"][0]["state"] for n in ("soon", "past")]) == ["ended"] * 2
            and s
        ),
        "both triggers to have ended",
    )
    assert states
    assert house.runs("past") == []


@pytest.mark.parametrize(
    ("trigger", "moment", "fires"),
    [
        ("cron(0 6 * * *)", "2090-05-04T06:00:00Z", True),
        ("cron(0 6 * * *)", "2090-05-04T07:00:00Z", False),
        ("cron(0 6 * * *) tz=Europe/Berlin", "2090-01-04T05:00:00Z", True),
        ("cron(0 6 ? * MON-FRI *)", "2090-05-04T06:00:00Z", True),
        ("cron(0 6 ? * MON-FRI *)", "2090-05-06T06:00:00Z", False),
    ],
)
def test_explain_says_when_a_schedule_fires(house, trigger, moment, fires):
    house.publish(f"@fn(on={trigger!r})\ndef clock(event):\n    return 1\n")
    house.until(lambda: house.get("functions/clock")["triggers"][0]["uri"] == trigger, "the trigger")
    sentences = house.until(
        lambda: (
            (said := house.get(f"functions/clock/explain?subject={moment}")["sentences"])
            and not any("not been looked at" in one for one in said)
            and said
        ),
        "the first look",
    )
    said = " ".join(sentences)
    assert ("is no fire time" not in said) is fires
    assert moment.removesuffix("Z") in said

"""What was there before a function was published."""

import os

SOURCE = """
@fn({options})
def {name}(event):
    return event.get("name") or event.get("scheduled_for")
"""


def old(house, name, at):
    path = house.write(name, "12345")
    os.utime(path, (at, at))


def test_a_folder_runs_once_whatever_finds_its_files(house):
    for number in range(3):
        old(house, f"archive/{number}.csv", 1_600_000_000 + number)
    house.publish(SOURCE.format(name="late", options='on="incoming/*.csv settle=50ms"'), name="late.py")
    dry = house.ok(["backfill", "late", "--on", "archive/*.csv", "--dry-run", "--json"]).json
    assert (dry["count"], dry["bytes"], dry["runs"]) == (3, 15, [])
    assert house.runs("late") == []
    made = house.ok(["backfill", "late", "--on", "archive/*.csv", "--json"]).json
    assert {house.ended(run_id)["result"] for run_id in made["runs"]} == {"0.csv", "1.csv", "2.csv"}
    assert (
        float(house.ok(["backfill", "late", "--on", "other/*.csv", "--dry-run", "--json"]).json["estimated_cost_usd"])
        == 0
    )
    assert house.ok(["backfill", "late", "--on", "archive/**/*.csv", "--json"]).json["count"] == 0
    assert house.ok("audit late --json").json == {
        "observed": 3, "done": 3, "pending": 0, "dead": 0, "skipped": 0, "superseded": 0, "balanced": True
    }  # fmt: skip


def test_what_the_first_look_has_passed_over_is_run_later(house):
    old(house, "landing/a.csv", 1_600_000_000)
    house.publish(SOURCE.format(name="picky", options='on="landing/*.csv settle=50ms existing=skip"'), name="picky.py")
    house.until(lambda: house.ok("audit picky --json").json["skipped"] == 1)
    made = house.ok(["backfill", "picky", "--on", "landing/*.csv", "--json"]).json
    assert [house.ended(run_id)["result"] for run_id in made["runs"]] == ["a.csv"]
    house.write("landing/b.csv", "12345")
    house.until(lambda: house.ok("audit picky --json").json["done"] == 2)


def test_every_fire_time_of_a_span_is_run(house):
    house.publish(SOURCE.format(name="report", options=""), name="report.py")
    words = [
        "backfill",
        "report",
        "--on",
        "cron(0 6 * * *)",
        "--since",
        "2026-01-01",
        "--until",
        "2026-01-04",
        "--json",
    ]
    made = house.ok(words).json
    fired = sorted(house.ended(run_id)["result"] for run_id in made["runs"])
    assert [text[:16] for text in fired] == [f"2026-01-0{day}T06:00" for day in (1, 2, 3)]
    assert house.ok(words).json["count"] == 0
    said = house.fn(["backfill", "report", "--on", "cron(0 6 * * *)"])
    assert said.code == 2
    assert "--since T --until T" in said.two_lines[1]

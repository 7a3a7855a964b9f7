"""Versions, aliases by weight and rollback; pause, resume and removal."""

import re

SOURCE = """
@fn(on="{name}-in/*.txt settle=50ms")
def {name}(event):
    return {number}
"""


def publish(house, name, number, **options):
    return house.publish(SOURCE.format(name=name, number=number), **options)[0]["number"]


def test_versions_are_listed_newest_first_with_what_they_hold(house):
    assert [publish(house, "stages", number) for number in (10, 20, 30)] == [1, 2, 3]
    versions = house.ok("versions stages --json").json
    assert [version["number"] for version in versions] == [3, 2, 1]
    assert "return 20" in versions[1]["source"]
    assert len({version["digest"] for version in versions}) == 3


def test_live_is_the_newest_until_somebody_rolls_back(house):
    for number in (10, 20, 30):
        publish(house, "deploy", number)
    assert house.invoke("deploy").out == "30\n"
    assert "live" in house.ok("rollback deploy").out
    assert house.invoke("deploy").out == "20\n"
    house.ok("rollback deploy")
    assert house.invoke("deploy").out == "10\n"
    said = house.fn("rollback deploy")
    assert said.code == 1
    assert said.two_lines
    assert house.invoke("deploy:3").out == "30\n"


def test_an_alias_is_moved_and_shared_by_weight(house):
    for number in (10, 20):
        publish(house, "shared", number)
    house.ok("alias shared prod=1")
    assert house.invoke("shared:prod").out == "10\n"
    facts = house.ok("alias shared prod=1:1 prod=2:1 old=1 --json").json
    assert facts["aliases"]["prod"] == {"1": 1, "2": 1}
    assert facts["aliases"]["old"] == {"1": 1}
    answer = house.http(
        "POST", "/api/v1/functions/shared/map", json={"events": [{"n": n} for n in range(40)], "qualifier": "prod"}
    )
    runs = [house.ended(run_id) for run_id in answer.json()]
    assert {run["version"] for run in runs} == {1, 2}
    assert {(run["version"], run["result"]) for run in runs} == {(1, 10), (2, 20)}
    assert {run["alias"] for run in runs} == {"prod"}


def test_an_alias_cannot_point_where_nothing_is(house):
    publish(house, "lonely", 1)
    for words in ("alias lonely prod=7", "alias lonely prod=1:0"):
        said = house.fn(words)
        assert said.code != 0
        assert said.two_lines


def test_weights_of_live_hold_for_triggers_too(house):
    for number in (1, 2):
        publish(house, "split", number)
    house.ok("alias split live=1:1 live=2:1")
    for number in range(24):
        house.write(f"split-in/{number}.txt", "x")
    assert {run["version"] for run in house.all_ended("split", 24)} == {1, 2}


def test_a_paused_function_keeps_its_backlog_and_runs_it_when_it_is_resumed(house):
    publish(house, "rest", 1)
    assert "paused" in house.ok("pause rest").out
    assert {f["name"]: f["state"] for f in house.ok("ls --json").json}["rest"] == "paused"
    for number in range(3):
        house.write(f"rest-in/{number}.txt", "x")
    publish(house, "busy", 1)
    house.write("busy-in/later.txt", "x")
    house.all_ended("busy", 1)
    assert all(run["state"] not in ("running", "succeeded") for run in house.runs("rest"))
    assert house.ok("audit rest --json").json["balanced"] is True
    assert "active" in house.ok("resume rest").out
    assert {run["state"] for run in house.all_ended("rest", 3)} == {"succeeded"}


def test_what_is_removed_is_gone_and_its_name_is_free(house):
    publish(house, "brief", 1)
    house.write("brief-in/a.txt", "x")
    house.all_ended("brief", 1)
    assert house.ok("rm brief").out == "Removed brief.\n"
    assert house.fn("show brief").code == 1
    assert house.invoke("brief").code == 1
    assert "brief" not in [row["name"] for row in house.ok("ls --json").json]
    house.write("brief-in/b.txt", "x")
    publish(house, "other", 1)
    house.write("other-in/b.txt", "x")
    house.all_ended("other", 1)
    publish(house, "brief", 2)
    assert house.invoke("brief").out == "2\n"


def test_the_text_of_a_function_shows_its_source_and_triggers(house):
    publish(house, "shown", 77)
    text = house.ok("show shown").out
    assert "return 77" in text
    assert "shown-in/*.txt" in text
    assert re.search(r"live\W+1", text)

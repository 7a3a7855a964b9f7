"""Files in local folders: real files, with the time of the look as an argument."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from jupyter_fn.model.errors import BadTrigger, SourceUnreachable
from jupyter_fn.model.trigger import Trigger
from jupyter_fn.model.units import iso
from jupyter_fn.sources import files, registry
from jupyter_fn.sources.protocol import Poll, Source

Build = Callable[..., Source]


def later() -> float:
    """A look at which everything written so far has settled."""
    return time.time() + 60


def write(folder: Path, name: str, text: str = "1,2\n") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def names(poll: Poll) -> list[str]:
    return [event.data["name"] for event in poll.events]


def test_an_event_tells_all_about_its_file(tmp_path: Path, source_of: Build) -> None:
    path = write(tmp_path, "incoming/day.one.csv")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    (event,) = source_of("incoming/*.csv", tmp_path).poll(None, later()).events
    version = event.data["version"]
    assert event.data == {
        "path": str(path),
        "name": "day.one.csv",
        "stem": "day.one",
        "suffix": ".csv",
        "size": 4,
        "version": version,
        "modified": iso(1_000_000_000),
    }
    assert event.key == f"{path}@{version}"
    assert event.type == "file.created"
    assert event.source == str(tmp_path / "incoming")
    assert event.time == path.stat().st_ctime


def test_a_file_waits_until_it_has_settled_and_the_source_says_when(tmp_path: Path, source_of: Build) -> None:
    path = write(tmp_path, "a.csv")
    os.utime(path, (1_000_000_000, 1_000_000_000))  # a copy that keeps its old time is new all the same
    changed = path.stat().st_ctime
    source = source_of("*.csv settle=3s", tmp_path)
    early = source.poll(None, changed + 2.9)
    assert not early.events
    assert early.wake_at == changed + 3
    look = source.look("a.csv", changed + 2.9)
    assert not look.takes
    assert look.verdict == f"a.csv waits to settle until {iso(changed + 3)}."
    assert names(source.poll(early.position, changed + 3)) == ["a.csv"]


def test_a_time_in_the_future_does_not_keep_a_file_waiting(tmp_path: Path, source_of: Build) -> None:
    path = write(tmp_path, "a.csv")
    os.utime(path, (4_000_000_000, 4_000_000_000))
    assert names(source_of("*.csv", tmp_path).poll(None, later())) == ["a.csv"]


def test_without_anything_to_wait_for_the_next_look_is_at_the_usual_time(tmp_path: Path, source_of: Build) -> None:
    assert source_of("*.csv", tmp_path).poll(None, 100.0).wake_at == 105.0


def test_a_folder_may_come_later(tmp_path: Path, source_of: Build) -> None:
    source = source_of("not/yet/*.csv", tmp_path)
    first = source.poll(None, later())
    assert not first.events
    write(tmp_path, "not/yet/a.csv")
    assert names(source.poll(first.position, later())) == ["a.csv"]


def test_files_come_in_the_order_in_which_they_arrived(tmp_path: Path, source_of: Build) -> None:
    for name in ("c", "a", "b"):
        write(tmp_path, f"{name}.csv")
        while Path(tmp_path, f"{name}.csv").stat().st_ctime_ns == time.time_ns():
            pass
    poll = source_of("*.csv", tmp_path).poll(None, later())
    assert [event.time for event in poll.events] == sorted(event.time for event in poll.events)


def test_many_files_come_in_pages_of_one_listing(
    tmp_path: Path, source_of: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PAGE", 2)
    for number in range(5):
        write(tmp_path, f"{number}.csv")
    source, position, pages = source_of("*.csv", tmp_path), None, []
    while True:
        poll = source.poll(position, later())
        pages.append(len(poll.events))
        position = poll.position
        if not poll.more:
            break
    assert pages == [2, 2, 1]


# --- what counts as another version -------------------------------------------------------------------------------


def change(path: Path, how: str) -> None:
    if how == "overwrite":
        path.write_text("something else")
    elif how == "same-size edit":
        path.write_text("3,4\n")
    elif how == "rename into place":
        beside = path.with_name("beside")
        beside.write_text("5,6\n")
        beside.rename(path)
    elif how == "chmod":
        path.chmod(0o600)
    elif how == "hard link":
        os.link(path, path.with_name("link"))
    elif how == "away and back":
        path.rename(path.with_name("away")).rename(path)


@pytest.mark.parametrize("how", ["overwrite", "same-size edit", "rename into place"])
def test_other_bytes_are_another_version(tmp_path: Path, source_of: Build, how: str) -> None:
    path = write(tmp_path, "a.csv")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    source = source_of("*.csv", tmp_path)
    first = source.poll(None, later())
    change(path, how)
    (event,) = source.poll(first.position, later()).events
    assert event.type == "file.modified"
    assert event.key != first.events[0].key


@pytest.mark.parametrize("how", ["chmod", "hard link", "away and back"])
def test_what_leaves_the_bytes_alone_is_no_other_version(tmp_path: Path, source_of: Build, how: str) -> None:
    path = write(tmp_path, "a.csv")
    source = source_of("*.csv", tmp_path)
    first = source.poll(None, later())
    change(path, how)
    assert not source.poll(first.position, later()).events
    restarted = source_of("*.csv", tmp_path).poll(first.position, later())
    assert restarted.events[0].key == first.events[0].key


def test_a_file_that_was_removed_comes_again_as_a_new_one(tmp_path: Path, source_of: Build) -> None:
    path = write(tmp_path, "a.csv")
    source = source_of("*.csv", tmp_path)
    first = source.poll(None, later())
    path.unlink()
    gone = source.poll(first.position, later())
    write(tmp_path, "a.csv")
    (event,) = source.poll(gone.position, later()).events
    assert event.type == "file.created"


def test_overwriting_is_ignored_where_asked_also_after_a_restart(tmp_path: Path, source_of: Build) -> None:
    path = write(tmp_path, "a.csv")
    text = "*.csv on_overwrite=ignore"
    source = source_of(text, tmp_path)
    first = source.poll(None, later())
    change(path, "overwrite")
    assert not source.poll(first.position, later()).events
    (offered,) = source_of(text, tmp_path).poll(first.position, later()).events
    assert offered.key == first.events[0].key  # the ledger has it already


# --- the first look -----------------------------------------------------------------------------------------------


def test_what_lies_there_can_be_skipped_and_what_comes_after_is_not(
    tmp_path: Path, source_of: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PAGE", 2)
    for number in range(3):
        write(tmp_path, f"{number}.csv")
    source = source_of("*.csv existing=skip", tmp_path)
    now = time.time()  # not settled: they lie there all the same
    first = source.poll(None, now)
    write(tmp_path, "new.csv")  # between two pages of the first look
    second = source.poll(first.position, now)
    assert [event.skip for event in (*first.events, *second.events)] == ["existing"] * 3
    assert not source.poll(second.position, now).events
    (event,) = source.poll(second.position, later()).events
    assert (event.data["name"], event.skip) == ("new.csv", "")


def test_a_first_look_that_was_cut_off_is_taken_again(
    tmp_path: Path, source_of: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PAGE", 2)
    for number in range(5):
        write(tmp_path, f"{number}.csv")
    text = "*.csv existing=skip"
    source = source_of(text, tmp_path)
    position = source.poll(source.poll(None, later()).position, later()).position
    restarted, skips = source_of(text, tmp_path), []
    for _ in range(3):
        poll = restarted.poll(position, later())
        skips += [event.skip for event in poll.events]
        position = poll.position
    assert skips == ["existing"] * 5
    assert not restarted.poll(position, later()).events


def test_after_a_restart_nothing_is_existing_any_more(tmp_path: Path, source_of: Build) -> None:
    text = "*.csv existing=skip"
    position = source_of(text, tmp_path).poll(None, later()).position
    write(tmp_path, "new.csv")  # while the service was down
    assert [event.skip for event in source_of(text, tmp_path).poll(position, later()).events] == [""]


# --- what is left out ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("in/.a.csv", "is skipped: its name starts with "),
        ("in/_a.csv", "is skipped: its name starts with _"),
        ("in/a.csv.part", "does not match in/**/*.csv"),
        ("in/.ipynb_checkpoints/a.csv", "is skipped: its folder .ipynb_checkpoints is hidden"),
        ("in/gone.csv", "does not exist"),
        ("out/a.csv", "does not match in/**/*.csv"),
    ],
)
def test_look_says_why_a_file_is_left_out_and_poll_leaves_it_out(
    tmp_path: Path, source_of: Build, name: str, why: str
) -> None:
    if "gone" not in name:
        write(tmp_path, name)
    source = source_of("in/**/*.csv", tmp_path)
    look = source.look(name, later())
    assert look.verdict == f"{name} {why}."
    assert not look.takes
    assert not source.poll(None, later()).events
    assert not source.survey(later())


def test_an_empty_file_is_left_out_until_it_holds_something(tmp_path: Path, source_of: Build) -> None:
    write(tmp_path, "a.csv", "")
    source = source_of("*.csv", tmp_path)
    first = source.poll(None, later())
    assert not first.events
    assert source.look("a.csv", later()).verdict == "a.csv is skipped: it is empty."
    write(tmp_path, "a.csv")
    assert names(source.poll(first.position, later())) == ["a.csv"]


def test_what_is_no_file_is_no_event(tmp_path: Path, source_of: Build) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "broken.csv").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "good.csv").symlink_to(write(tmp_path, "elsewhere.txt"))
    assert names(source_of("*.csv", tmp_path).poll(None, later())) == ["good.csv"]


def test_a_circle_of_links_is_walked_once(tmp_path: Path, source_of: Build) -> None:
    write(tmp_path, "in/a.csv")
    (tmp_path / "in" / "self").symlink_to(tmp_path / "in")
    assert names(source_of("in/**/*.csv", tmp_path).poll(None, later())) == ["a.csv"]


def test_a_half_written_parquet_file_waits_for_its_end(tmp_path: Path, source_of: Build) -> None:
    whole = tmp_path / "whole"
    parquet.write_table(pa.table({"x": list(range(100))}), whole)
    target = tmp_path / "a.parquet"
    target.write_bytes(whole.read_bytes()[:-10])
    source = source_of("*.parquet", tmp_path)
    first = source.poll(None, later())
    assert not first.events
    assert source.look("a.parquet", later()).verdict == "a.parquet is not complete: a Parquet file ends with PAR1."
    target.write_bytes(whole.read_bytes())
    assert names(source.poll(first.position, later())) == ["a.parquet"]


def test_a_folder_that_cannot_be_read_is_an_error_with_a_remedy(
    tmp_path: Path, source_of: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SourceUnreachable, match="Permission denied") as caught:
        source_of("*.csv", tmp_path).poll(None, later())
    assert caught.value.remedy


# --- where it looks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["in/*.csv", "{}/in/*.csv", "file://{}/in/*.csv", "x/../in/*.csv", "i[n]/a.{{csv,txt}}"]
)
def test_relative_absolute_and_url_patterns_find_the_same_file(tmp_path: Path, source_of: Build, text: str) -> None:
    path = write(tmp_path, "in/a.csv")
    source = source_of(text.format(tmp_path), tmp_path)
    assert [event.data["path"] for event in source.poll(None, later()).events] == [str(path)]
    for subject in ("in/a.csv", str(path), f"file://{path}"):
        assert source.look(subject, later()).takes


def test_wildcards_in_the_name_of_the_folder_itself_mean_nothing(tmp_path: Path, source_of: Build) -> None:
    folder = tmp_path / "a[1]*{x}"
    path = write(folder, "in/a.csv")
    source = source_of("in/*.csv", folder)
    assert [event.data["path"] for event in source.poll(None, later()).events] == [str(path)]
    assert "a[[]1][*][{]x}/in/*.csv" in registry.watched(registry.check("in/*.csv", str(folder)))


def test_folders_that_the_pattern_cannot_reach_are_not_listed(
    tmp_path: Path, source_of: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("in/2026-01/a.csv", "in/2025-01/a.csv", "in/2026-01/deep/a.csv", "out/a.csv"):
        write(tmp_path, name)
    listed: list[str] = []
    scandir = os.scandir

    def record(path: str) -> object:
        listed.append(os.path.relpath(path, tmp_path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", record)
    assert len(source_of("in/2026-*/*.csv", tmp_path).poll(None, later()).events) == 1
    assert listed == ["in", "in/2026-01"]


@pytest.mark.parametrize("text", ["in", "in/", "file:///"])
def test_a_folder_instead_of_files_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(BadTrigger, match="is a folder"):
        registry.check(text, str(tmp_path))


def test_what_a_trigger_watches_is_an_absolute_pattern(tmp_path: Path) -> None:
    def watched(text: str) -> str:
        trigger: Trigger = registry.check(text, str(tmp_path))
        return registry.watched(trigger)

    assert watched("in/*.csv settle=1s") == f"{tmp_path}/in/*.csv"
    assert watched("s3://bucket/in/**/*.csv") == "s3://bucket/in/**/*.csv"
    assert watched("rate(1 minute)") == ""

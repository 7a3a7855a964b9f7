"""`%%fn` and `%fn` in a real IPython shell, with a client that keeps what it is sent."""

import pytest

from jupyter_fn.capture.options import OPTIONS
from jupyter_fn.client.handle import Function
from jupyter_fn.magics.extension import load, unload
from jupyter_fn.model.errors import NoHandler, UndefinedName, UnknownOption, UnshippableValue, UsageError

CELL = "%%fn daily --on 'in/*.csv' --memory 1GB\ndef handler(event):\n    return event.x * K\n"


def test_a_cell_is_published_and_its_name_becomes_a_handle(shell, run, client, tmp_path):
    run("K = 3")
    assert run(CELL) is None
    (draft,) = client.drafts
    assert (draft.function, draft.options.memory_mb, draft.folder) == ("daily", 1024, str(tmp_path))
    assert [value.name for value in draft.captured] == ["K"]
    assert isinstance(shell.user_ns["daily"], Function)


def test_lines_count_from_the_magic_as_the_cell_shows_them(run, client):
    run("K = 3")
    run(CELL)
    assert client.drafts[0].bundle.source.splitlines()[0] == "# %%fn daily --on 'in/*.csv' --memory 1GB"
    error = run("%%fn daily\ndef handler(event):\n    return Q")
    assert "line 3" in error.cause


def test_the_card_says_what_happened_and_what_was_captured(run, capsys):
    run("import math\nK = 3")
    run(CELL.replace("* K", "* K * math.pi"))
    card = capsys.readouterr().out
    assert card.startswith("daily · version 1 · new")
    assert "in/*.csv" in card
    assert "K (int, 5 B), math" in card
    run(CELL.replace("* K", "* K * math.pi") + "# a comment")
    assert capsys.readouterr().out.startswith("daily · version 1 · unchanged")


def test_a_dry_run_shows_the_same_and_publishes_nothing(shell, run, client, capsys):
    run("K = 3")
    run(CELL.replace("daily", "daily --dry-run", 1))
    assert capsys.readouterr().out.startswith("daily · version 1 · dry run: would be new")
    assert client.drafts == []
    assert "daily" not in shell.user_ns


def test_the_cell_is_not_executed_in_the_kernel(shell, run):
    assert run("%%fn daily\nleft_behind = 1\ndef handler(event): return 1") is None
    assert "left_behind" not in shell.user_ns


def test_braces_and_dollars_are_left_alone(run, client):
    run("name = 'x'")
    assert run("%%fn daily --env A={name} --env B=$name\ndef handler(event): return 1") is None
    assert dict(client.drafts[0].options.env) == {"A": "{name}", "B": "$name"}


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("%%fn daily --memroy 1GB\ndef handler(event): return 1", UnknownOption),
        ("%%fn daily\ndef handler(event): return missing", UndefinedName),
        ("%%fn daily\ndef handler(event): return conn", UnshippableValue),
        ("%%fn daily\nx = 1", NoHandler),
        ("%%fn daily", NoHandler),
        ("%%fn", UsageError),
        ("%%fn two names\ndef handler(event): return 1", UsageError),
        ("%fn lss", UsageError),
    ],
)
def test_an_error_is_an_exception_of_two_lines(run, client, capsys, cell, kind):
    run("import sqlite3\nconn = sqlite3.connect(':memory:')")
    capsys.readouterr()
    error = run(cell)
    assert type(error) is kind
    lines = error._render_traceback_()
    assert len(lines) == 2
    assert capsys.readouterr().out.splitlines() == lines
    assert client.drafts == []
    run("conn.close()")


@pytest.mark.parametrize("cell", ["%%fn --help", "%%fn --help\n\n", "%%fn daily -h\ndef handler(e): return 1"])
def test_help_is_the_table_of_options(run, client, capsys, cell):
    assert run(cell) is None
    shown = capsys.readouterr().out
    assert all(f"--{option.flag}" in shown for option in OPTIONS)
    assert client.drafts == []


def test_the_question_mark_shows_the_same_table(run, shell, capsys):
    run("%%fn?")
    shown = capsys.readouterr().out
    assert all(f"--{option.flag}" in shown for option in OPTIONS)


def test_a_name_that_is_no_identifier_is_published_without_a_handle(shell, run, client):
    assert run("%%fn daily-report\ndef handler(event): return 1") is None
    assert client.drafts[0].function == "daily-report"
    assert "daily-report" not in shell.user_ns


def test_a_command_says_its_answer_in_the_cell(run, capsys, monkeypatch):
    said = []
    monkeypatch.setattr("jupyter_fn.magics.magic.run_line", lambda line, client, output: said.append((line, client)))
    assert run("%fn ls --json") is None
    assert said[0][0] == "ls --json"


def test_the_handle_runs_the_cells_own_copy_in_this_kernel(shell, run):
    run("K = 3")
    run(CELL)
    run("K = 100")
    assert shell.user_ns["daily"].local({"x": 2}) == 6


def test_the_decorator_finds_its_source_in_a_cell(shell, run, client, fn, capsys):
    shell.user_ns["fn"] = fn
    run("K = 3")
    assert run("@fn(retries=5)\ndef clean(event):\n    return event.x * K") is None
    (draft,) = client.drafts
    assert draft.bundle.source.startswith("# @fn(retries=5)\ndef clean")
    assert [value.name for value in draft.captured] == ["K"]
    assert "clean · version 1 · new" in capsys.readouterr().err


def test_loading_again_changes_nothing(shell, fn):
    before = [len(shell.Completer.custom_matchers), len(shell.input_transformers_cleanup)]
    load(shell, fn)
    load(shell, fn)
    assert [len(shell.Completer.custom_matchers), len(shell.input_transformers_cleanup)] == before


def test_unloading_leaves_nothing_behind(shell, run):
    unload(shell)
    unload(shell)
    assert "fn" not in shell.magics_manager.magics["cell"]
    assert "fn" not in shell.magics_manager.magics["line"]
    assert shell.Completer.custom_matchers == []


def test_a_magic_of_somebody_elses_is_left_alone(shell):
    unload(shell)
    shell.register_magic_function(print, "line", "fn")
    unload(shell)
    assert "fn" in shell.magics_manager.magics["line"]


def test_a_subscript_of_fn_where_there_is_no_fn_says_which_import_is_missing(run):
    error = run('fn["weekly"]')
    assert isinstance(error, UsageError)
    assert (error.cause, error.remedy) == ("fn is not defined in this kernel.", "Run from jupyter_fn import fn first.")

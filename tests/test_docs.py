"""The docs say everything that there is, and nothing that there is not."""

import ast
import inspect
import json
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from fastapi.openapi.utils import get_openapi

from jupyter_fn.capture.draft import capture_cell, cell_text
from jupyter_fn.capture.options import OPTIONS, given_by_words, split_line
from jupyter_fn.client.local import run_draft
from jupyter_fn.commands.table import TABLE
from jupyter_fn.model import errors
from jupyter_fn.model.cost import PRICE_BOOKS
from jupyter_fn.model.run import SHOWN_STATES
from jupyter_fn.policy.filter_rules import OPERATORS
from jupyter_fn.policy.filters import parse_filter
from jupyter_fn.policy.pricing import book_from_dict
from jupyter_fn.policy.retry import parse_backoff
from jupyter_fn.runtime.context import Context
from jupyter_fn.service.http import PREFIX, make_app
from jupyter_fn.settings import Settings
from jupyter_fn.sources.registry import KINDS, options

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ROUTE = re.compile(r"`(GET|POST|PUT|DELETE|PATCH) (/[^`?]*)")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")

everywhere = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
commands = pytest.mark.parametrize("command", TABLE.commands.values(), ids=lambda command: command.name)


def read(name):
    return (DOCS / name).read_text()


def blocks(page, *languages):
    return [text for language, text in BLOCK.findall(page.read_text()) if language in languages]


def lines(name):
    """Every row of the tables of a page."""
    return [line for line in read(name).splitlines() if line.startswith("| ")]


def rows(name):
    """The first cell of each of them, as it stands."""
    return [line.split(" | ")[0].removeprefix("| ") for line in lines(name)]


def anchors(page):
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


# --- commands


@commands
def test_a_command_has_its_row_with_all_its_flags(command):
    told = "\n".join(row for row in rows("commands.md") if re.match(rf"`{command.name}\b", row))
    assert told, command.name
    whole = "\n".join(line for line in read("commands.md").splitlines() if f"`{command.name}" in line)
    of_options = {f"--{option.flag}" for option in OPTIONS} - {"--on"} if command.name == "schedule" else set()
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not set(parameter.opts) & ({"--home"} | of_options):
            for name in parameter.opts:
                assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", whole), f"{command.name} {name}"


@commands
def test_a_row_has_no_flag_that_its_command_has_not(command):
    known = {name for parameter in command.params for name in parameter.opts}
    for row in rows("commands.md"):
        if re.match(rf"`{command.name}\b", row):
            assert set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", row)) <= known


def test_there_is_no_row_of_another_command():
    first = set(re.findall(r"^`(\w+)", "\n".join(rows("commands.md")), re.MULTILINE))
    assert first == set(TABLE.commands)
    assert "--home" in read("commands.md")


def test_every_state_is_named():
    assert all(f"`{state}`" in read("commands.md") for state in SHOWN_STATES)


# --- options, triggers, settings, errors


def test_every_option_has_its_row():
    assert {row.strip("`").split(" ")[0] for row in rows("options.md") if row.startswith("`--")} == {
        f"--{option.flag}" for option in OPTIONS
    }


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.flag)
def test_an_option_is_told_with_what_it_takes(option):
    assert f"`--{option.flag} {option.metavar}".rstrip() + "`" in read("options.md")


@pytest.mark.parametrize("scheme", KINDS)
def test_a_scheme_is_told_with_its_options_and_what_it_needs(scheme):
    text = read("triggers.md")
    assert re.search(rf"`{scheme}`|`{scheme}[:(]", text), scheme
    for name, option in options(scheme).items() if KINDS[scheme].path.split(":")[0] != "files" else ():
        assert f"`{name}`" in text, f"{name}: {option.meaning}"
    if KINDS[scheme].install:
        assert f"pip install {KINDS[scheme].install}" in text


def test_the_options_of_files_are_told_with_their_defaults():
    told = "\n".join(line for line in read("triggers.md").splitlines() if line.startswith("| `"))
    for name in options("file"):
        assert f"| `{name}` |" in told


def test_every_setting_has_its_row_and_there_is_no_other():
    told = [row.strip("`") for row in rows("settings.md") if row.startswith("`")]
    assert sorted(told) == sorted(Settings.model_fields)


def test_defaults_of_settings_are_true():
    for line in read("settings.md").splitlines():
        cells = [cell.strip("` ") for cell in line.split(" | ")]
        field = Settings.model_fields.get(cells[0].removeprefix("| `"))
        if field is not None and field.default not in ("", None) and not field.is_required():
            assert cells[1] == f"{field.default:g}" if isinstance(field.default, float) else str(field.default)


def classes():
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.FnError)]
    return {cls.__name__ for cls in found}


def test_every_error_has_its_row_and_there_is_no_other():
    told = [row.strip("`") for row in rows("errors.md") if row.startswith("`")]
    assert sorted(told) == sorted(classes())


# --- what can be tried


def test_every_part_of_the_context_is_told():
    attributes = re.findall(r"self\.([a-z]\w+)(?= =|:)", inspect.getsource(Context.__init__))
    told = read("handlers.md")
    for name in {*attributes, *(name for name in vars(Context) if not name.startswith("_"))}:
        assert re.search(rf"`{name}[`(]", told), name


def test_every_backoff_that_is_named_can_be_read():
    specs = [row.strip("`") for row in rows("options.md") if row.startswith("`") and not row.startswith("`--")]
    assert len([parse_backoff(spec) for spec in specs]) == 5


def test_every_rule_of_filters_takes_what_is_told():
    table = [line.split(" | ") for line in lines("filters.md") if len(line.split(" | ")) == 3]
    shown = [[list(map(json.loads, re.findall(r"`([^`]+)`", cell))) for cell in cells] for cells in table[1:]]
    assert {name for (rule,), *_ in shown if isinstance(rule, dict) for name in rule} == set(OPERATORS)
    for (rule,), taken, others in shown:
        read = parse_filter({"x": [rule]})
        assert all(read.matches({"x": value}) for value in taken), rule
        assert not any(read.matches({"x": value}) for value in others), rule


def test_patterns_of_filters_can_be_read():
    assert [parse_filter(text) for text in blocks(DOCS / "filters.md", "json")]


def test_price_books_have_the_prices_that_are_told():
    told = {row.strip("`"): line for line, row in zip(lines("cost.md"), rows("cost.md"), strict=True)}
    assert {name for name in told if name in PRICE_BOOKS} == set(PRICE_BOOKS)
    for name, book in PRICE_BOOKS.items():
        for price in (book.per_million_requests, book.per_gb_s, book.per_worker_hour):
            assert not price or f"${price}" in told[name], name


def test_the_price_book_that_is_shown_is_one():
    book = book_from_dict(tomllib.loads(blocks(DOCS / "cost.md", "toml")[0]), name="file")
    assert (book.name, book.since) == ("our-cluster", "2026-01-01")


def test_the_twins_of_triggers_make_triggers():
    exec(blocks(DOCS / "triggers.md", "python")[0], {})


def test_the_cell_of_the_readme_does_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cell = next(text for text in blocks(ROOT / "README.md", "python") if text.startswith("%%fn "))
    line, _, body = cell.removeprefix("%%fn ").partition("\n")
    given = given_by_words(split_line(line))
    draft = capture_cell(given.words[0], cell_text(line, body), {}, options=given.options, folder=tmp_path)
    (tmp_path / "a.csv").write_text("carrier,dep_delay\nUA,2\nAA,4\n")
    assert run_draft(draft, {"path": str(tmp_path / "a.csv"), "stem": "a"}) == {"rows": 2}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.parquet"]


# --- the HTTP API


def told_routes():
    """`GET /api/v1/status` and so on; `POST …/pause` · `/resume` are short for siblings."""
    for line in read("architecture.md").splitlines():
        cell = line.split(" | ")[0] if line.startswith("| `") else ""
        for method, path in ROUTE.findall(cell):
            yield method, path
            for sibling in re.findall(r"· `(/\w+)`", cell):
                yield method, path.rpartition("/")[0] + sibling


def test_every_route_stands_in_the_table_and_the_table_has_no_other():
    document = get_openapi(title="", version="", routes=make_app(None).routes)
    there = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert nameless(told_routes()) == nameless(there | {("GET", f"{PREFIX}/openapi.json")})


def nameless(routes):
    """What a parameter is called is nobody's business."""
    return {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in routes}


# --- examples, links, tests


@everywhere
def test_python_compiles(page):
    for text in blocks(page, "python", "py"):
        lines = [line for line in text.splitlines() if not re.match(r"\s*%", line)]
        ast.parse("\n".join(lines), page.name)


@everywhere
def test_commands_in_examples_exist(page):
    for line in "\n".join(blocks(page, "bash", "sh")).splitlines():
        for part in re.split(r"&&|\||;", line) if "jupyter fn" in line else ():
            words = shlex.split(part)
            if words[:2] == ["jupyter", "fn"]:
                assert words[2] in TABLE.commands, part
                known = {name for parameter in TABLE.commands[words[2]].params for name in parameter.opts}
                assert {word.split("=")[0] for word in words[3:] if word.startswith("-")} <= known, part


@everywhere
def test_relative_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@everywhere
def test_tests_that_are_named_exist(page):
    for path, name in TEST.findall(page.read_text()):
        file = ROOT / path
        assert file.exists(), path
        assert re.search(rf"^\s*(async )?def {name}\(", file.read_text(), re.MULTILINE), f"{path}::{name}"


def test_the_readme_has_two_commands_that_do_everything():
    told = [text.strip() for text in blocks(ROOT / "README.md", "bash")]
    assert told[0] == 'pip install ".[demo]" && jupyter fn demo'
    assert told[1] == 'pip install -e ".[test]" && python -m pytest'
    assert told[1] in (ROOT / ".ci" / "run").read_text()


def test_every_page_is_linked_from_the_readme():
    linked = set(LINK.findall((ROOT / "README.md").read_text()))
    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} - {"docs/benchmarks.md"} <= linked

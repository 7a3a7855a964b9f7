"""What Tab offers on our lines."""

import pytest
from IPython.core.completer import provisionalcompleter

from jupyter_fn.magics.completion import last_word


@pytest.fixture
def complete(shell):
    def offered(text: str) -> list[str]:
        with provisionalcompleter():
            found = list(shell.Completer.completions(text, len(text)))
        return [text[: one.start] + one.text + text[one.end :] for one in found]

    return offered


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("%%fn daily --mem", "%%fn daily --memory"),
        ("%%fn daily --on x --allow", "%%fn daily --on x --allow-loop"),
        ("%%fn daily --memory 51", "%%fn daily --memory 512MB"),
        ("%%fn daily --memory=51", "%%fn daily --memory=512MB"),
        ("%%fn daily --on top", "%%fn daily --on topic:"),
        ("%%fn daily --on 'ra", "%%fn daily --on 'rate(5 minutes)"),
        ("%%fn daily --on fn:dai", "%%fn daily --on fn:daily_delays"),
        ("%fn explai", "%fn explain"),
        ("%fn runs weekly --st", "%fn runs weekly --state"),
        ("%fn show week", "%fn show weekly"),
        ("%fn cost weekly --by tr", "%fn cost weekly --by trigger"),
        ("%fn runs --state dea", "%fn runs --state dead"),
        ("x = 1\n%fn show week", "x = 1\n%fn show weekly"),
    ],
)
def test_the_one_thing_that_fits(complete, typed, whole):
    assert complete(typed) == [whole]


def test_flags_that_are_given_are_not_offered_again_unless_they_repeat(complete):
    offered = complete("%%fn daily --memory 1GB --on a --")
    assert "%%fn daily --memory 1GB --on a --memory" not in offered
    assert "%%fn daily --memory 1GB --on a --on" in offered


def test_a_value_with_blanks_comes_in_quotes(complete):
    assert '%%fn daily --on "rate(5 minutes)"' in complete("%%fn daily --on ")


def test_an_unknown_command_has_no_flags(complete):
    assert "%fn nonsense --state" not in complete("%fn nonsense --st")


@pytest.mark.parametrize("typed", ["impor", "%%tim", "x = 1\n%%fn daily --mem"])
def test_other_lines_are_left_to_others(complete, typed):
    assert typed + "--memory" not in complete(typed)
    assert complete("impor") == ["import"]


def test_a_service_that_does_not_answer_breaks_nothing(complete, client, monkeypatch):
    from jupyter_fn.model.errors import ServiceNotRunning

    def down():
        raise ServiceNotRunning("down")

    monkeypatch.setattr(client, "functions", down)
    assert complete("%fn show week") == []


@pytest.mark.parametrize(
    ("line", "word"),
    [("a b", "b"), ("a ", ""), ("--on 'a b", "a b"), ("--on 'a b' c", "c"), ("--memory=5", "5"), ('--on "x', "x")],
)
def test_the_word_that_is_being_typed(line, word):
    assert last_word(line) == word

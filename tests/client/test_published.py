"""The card of a publish."""

import pytest

from jupyter_fn.client.published import Published
from jupyter_fn.client.tables import Row
from jupyter_fn.model.function import Options
from jupyter_fn.model.version import Bundle, Captured, Draft


@pytest.fixture
def draft():
    return Draft(
        function="daily",
        bundle=Bundle(
            kind="cell", source="", handler="handler", filename="x", modules={"tools": "", "pack.__init__": ""}
        ),
        options=Options(on=("in/*.csv",), retries=1),
        folder="/work",
        python="3.11.7",
        packages={"pandas": "3.0"},
        captured=(
            Captured(name="K", type="int", size=5, preview="3", digest=""),
            Captured(name="pd", type="module", size=50, preview="module pandas", digest=""),
            Captured(name="evil", type="<b>", size=1_500_000, preview="", digest=""),
        ),
        digest="d",
    )


def test_it_says_everything_in_a_few_lines(draft):
    answer = Row(created=True, dry_run=False, version=Row(number=3), triggers=[{"uri": "in/*.csv", "state": "active"}])
    assert repr(Published(draft, answer)).splitlines() == [
        "daily · version 3 · new",
        "  on        in/*.csv",
        "  handler   handler",
        "  limits    512 MB, 60 s, 1 retries",
        "  captured  K (int, 5 B), pd, evil (<b>, 1.5 MB)",
        "  modules   tools, pack",
        "  packages  pandas 3.0",
        "  folder    /work",
    ]


@pytest.mark.parametrize(
    ("created", "dry_run", "outcome"),
    [
        (True, False, "new"),
        (False, False, "unchanged"),
        (True, True, "dry run: would be new"),
        (False, True, "dry run: would be unchanged"),
    ],
)
def test_the_outcome(draft, created, dry_run, outcome):
    published = Published(draft, Row(created=created, dry_run=dry_run, version=Row(number=3), triggers=[]))
    assert published.outcome == outcome
    assert published.created is created


def test_the_html_is_static_and_escaped(draft):
    page = Published(draft, Row(created=True, dry_run=False, version=Row(number=3), triggers=[]))._repr_html_()
    assert "daily · version 3" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "<script" not in page


def test_a_trigger_that_is_not_active_shows_its_state(draft):
    answer = Row(created=True, dry_run=False, version=Row(number=3), triggers=[{"uri": "in/*", "state": "paused"}])
    assert "in/* (paused)" in repr(Published(draft, answer))

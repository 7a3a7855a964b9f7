"""Floor 7: the README's main job, real flights from a landing folder to a monthly report, and its own proof."""

from __future__ import annotations

from pathlib import Path


def run(home: Path, keep: str | None) -> None:
    """Play the demo in the service of `home`: in the folder `keep`, or in one that is removed at the end.

    Progress goes to standard error; the report, the costs and the checks to standard output. Lasts about a minute.

    Raises:
        FnError: the data are not installed, the service cannot be reached for long, or a check did not hold.
    """
    from .story import play

    play(home, keep)

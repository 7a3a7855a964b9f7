"""Files come, and are written anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ..drive import DRIVE
from ..scenario import Scenario, Stage, draft
from ..world import Nature


class Files(Scenario):
    """`filer` takes what lies on a drive that is only ever listed."""

    drafts = (draft("filer", on=("lab://in/*.csv settle=1s",), retries=1, backoff="fixed(1s)"),)
    natures = {"filer": Nature(fails=0.1)}

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        DRIVE.clear(stage.time.wall)

    def acts(self) -> Sequence[Callable[[], None]]:
        """Files come."""
        return [*[self._write] * 4, self._fail]

    def _write(self) -> None:
        name = f"in/{self.stage.chance.randint(1, 6)}.csv"
        DRIVE.write(name, f"{self.stage.number()}".encode())
        self.stage.note(f"the file {name} is written")

    def _fail(self) -> None:
        DRIVE.broken = True
        self.stage.time.after(self.stage.chance.uniform(0.1, 5), self.calm_down)

    def calm_down(self) -> None:
        """The drive answers."""
        DRIVE.broken = False

    def settled(self) -> bool:
        """Every file that lies there has an event for what it holds now."""
        return not self._missing()

    def _missing(self) -> set[str]:
        keys = [row[0] for row in self.stage.rows("SELECT key FROM events WHERE function = 'filer'")]
        there = {name: version for name, version in DRIVE.versions().items() if name.startswith("in/")}
        return {name for name, version in there.items() if not any(_is(key, name, version) for key in keys)}

    def check(self) -> None:
        """That, and no version of a file has two events."""
        require = self.stage.require
        require("G1", not self._missing(), f"Files without an event: {sorted(self._missing())}.")
        hashes = Counter(
            key.rpartition("-")[2] for (key,) in self.stage.rows("SELECT key FROM events WHERE function = 'filer'")
        )
        require("G2", all(number == 1 for number in hashes.values()), f"A version of a file has two events: {hashes}.")


def _is(key: str, name: str, version: str) -> bool:
    return key.startswith(f"lab://{name}@") and key.endswith(version)

"""Hints that something changed below a local folder. They only say when to look; a listing decides."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..policy.discovery import matches

DEBOUNCE_MS = 50
_CHECK_MS = 5000  # so often it is checked that the watch is still on the folder that bears the name


def watch_folder(
    base: str, pattern: str, hint: Callable[[], None], rest_s: Callable[[], float]
) -> Callable[[], None] | None:
    """Call `hint` from a thread after changes to what fits `pattern` below `base`, which need not exist yet.

    Between two hints `rest_s()` seconds pass at least; changes meanwhile are kept, and hinted then. Gives the stopper.
    Where the system's notifications are exhausted or missing the thread ends, and polling remains.
    """
    stop = threading.Event()
    watcher = _Watcher(Path(base), pattern, hint, rest_s, stop)
    thread = threading.Thread(target=watcher.run, name=f"jupyter-fn watch {base}", daemon=True)
    thread.start()

    def stopper() -> None:
        stop.set()
        thread.join(timeout=5)

    return stopper


class _Watcher:
    def __init__(
        self, base: Path, pattern: str, hint: Callable[[], None], rest_s: Callable[[], float], stop: threading.Event
    ) -> None:
        self._base, self._pattern, self._hint, self._rest_s, self._stop = base, pattern, hint, rest_s, stop

    def run(self) -> None:
        """Watch the folder, or the nearest parent that exists, until told to stop."""
        was: tuple[Path, int] | None = None
        while not self._stop.is_set():
            place = self._place()
            if was is not None and place is not None and place[0] == self._base:
                self._hint()  # the folder has come into being, with files in it maybe
            was = place
            if place is None or not self._watch(place):
                return

    def _place(self) -> tuple[Path, int] | None:
        """What to watch, and its inode: a folder that another has been moved over is another one."""
        for folder in (self._base, *self._base.parents):
            try:
                return folder, os.stat(folder).st_ino  # noqa: PTH116
            except OSError:
                continue
        return None

    def _watch(self, place: tuple[Path, int]) -> bool:
        """Hint until another place is to be watched or the stop; False when the system cannot watch."""
        from watchfiles import Change, watch

        folder = place[0]
        own = folder == self._base
        try:
            for changes in watch(
                folder,
                watch_filter=self._matters if own else None,
                debounce=DEBOUNCE_MS,
                stop_event=self._stop,
                rust_timeout=_CHECK_MS,
                yield_on_timeout=True,
                recursive=own and "/" in self._pattern,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                if self._place() != place or (Change.deleted, str(folder)) in changes:
                    return True  # a folder made anew can bear the old inode number
                if own and changes:
                    self._hint()
                    self._stop.wait(self._rest_s())
        except (OSError, RuntimeError):
            return self._place() != place  # it went away while being watched: go on with what is there now
        return True

    def _matters(self, change: Any, path: str) -> bool:
        """Folders count too: one that is moved in brings files without a word about them."""
        if path == str(self._base) or "/" in self._pattern:
            return True
        return matches(self._pattern, Path(path).name)

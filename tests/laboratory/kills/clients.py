"""Those who keep the house busy, and remember what they were told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import httpx

from .house import House

_PACE_S = 0.15  # between two requests of one client


class Clients:
    """Three threads: one invokes with a key until it has an answer, one emits and takes what it gets, one writes files."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._stopping = threading.Event()
        works = (self._invoke, self._emit, self._write)
        self._threads = [threading.Thread(target=self._loop, args=(work,)) for work in works]
        self.invoked: dict[int, set[str]] = {}  # number → the runs that were named
        self.emitted: dict[int, bool] = {}  # value → acknowledged
        self.written: set[str] = set()  # stems of files
        self.broken: list[BaseException] = []

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _loop(self, work: Callable[[int], None]) -> None:
        try:
            for number in count(1):
                if self._stopping.is_set():
                    return
                work(number)
                time.sleep(_PACE_S)
        except BaseException as error:  # told in the report
            self.broken.append(error)

    def _invoke(self, number: int) -> None:
        body = {"event": {"n": number}, "run_key": f"k{number}", "wait_s": 2.0 if number % 7 == 0 else 0.0}
        named = self.invoked.setdefault(number, set())
        for _ in range(2 if number % 5 == 0 else 1):  # some ask twice
            named.add(self._house.insist("POST", "functions/doubler/invoke", body)["id"])

    def _emit(self, number: int) -> None:
        values = [10 * number + step for step in range(4)]
        self.emitted.update(dict.fromkeys(values, False))
        records: list[dict[str, Any]] = [{"value": {"n": value}} for value in values]
        with suppress(httpx.HTTPError):
            self._house.ask("POST", "topics/numbers", {"records": records})
            self.emitted.update(dict.fromkeys(values, True))

    def _write(self, number: int) -> None:
        path = self._house.work / "in" / f"{number}.csv"
        aside = path.with_name(f".{path.name}")
        aside.write_text(f"content {number};")
        aside.replace(path)
        self.written.add(path.stem)

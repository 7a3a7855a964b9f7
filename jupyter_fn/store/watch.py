"""A thread that says that this service lives, and hears what others have done to the store."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection

from sqlalchemy import Connection

from . import leases
from .bell import News, heard
from .faults import is_broken, translate
from .leases import Service, Standing
from .postgres import CHANNEL, Postgres

log = logging.getLogger(__name__)
_SLICE_S = 0.2  # how long the thread may take to see that it is closed
_AGAIN_S = 0.3
_IDLE_SHARE = 0.4  # of a lease: one that is stopped in the middle of a beat must not hold up those of others for longer
Hear = Callable[[Standing | None, Collection[News]], None]


class Watch:
    """Beats until it is closed. `hear` is called in its thread: with what holds after a beat, with news of others, or both.
    After a connection broke all there could be is news, for nobody knows what was missed."""

    def __init__(self, kind: Postgres, service: Service, hear: Hear, *, beat_s: float, lease_s: float) -> None:
        self._kind = kind
        self._service = service
        self._hear = hear
        self._beat_s, self._lease_s = beat_s, lease_s
        self._closing = threading.Event()
        self._leaves = True
        self._thread = threading.Thread(target=self._run, name="jupyter-fn-watch", daemon=True)
        self._thread.start()

    def close(self, *, leave: bool = True) -> None:
        """Beat no more. With `leave` others may lead at once what this service has led, else when its leases run out."""
        self._leaves = leave
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        engine = self._kind.listening(idle_s=_IDLE_SHARE * self._lease_s)
        while not self._closing.is_set():
            try:
                with engine.connect() as conn:
                    self._attend(conn)
            except Exception as error:
                said = translate(error, self._kind.place)
                log.warning("Other services are not heard at present: %s", said, exc_info=not is_broken(error))
                self._closing.wait(_AGAIN_S)
        engine.dispose()

    def _attend(self, conn: Connection) -> None:
        with conn.begin():
            conn.exec_driver_sql(f"LISTEN {CHANNEL}")
        news: Collection[News] = tuple(News)
        while not self._closing.is_set():
            with conn.begin():
                standing = leases.beat(conn, self._service, self._lease_s)
            self._hear(standing, news)
            news = ()
            self._listen(conn, standing.led, time.monotonic() + self._beat_s)
        if self._leaves:
            with conn.begin():
                leases.leave(conn, self._service.id)

    def _listen(self, conn: Connection, led: frozenset[int], until: float) -> None:
        """Hear what others say, until it is time for the next beat."""
        raw = conn.connection.driver_connection
        assert raw is not None
        while not self._closing.is_set() and (left_s := until - time.monotonic()) > 0:
            said = [notify.payload for notify in raw.notifies(timeout=min(left_s, _SLICE_S), stop_after=1)]
            others = [text for text in said if not text.startswith(self._kind.id)]
            news = {one for text in others for one in heard(text, led)}
            if news:
                self._hear(None, news)

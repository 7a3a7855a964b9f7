"""One kept-alive connection to the service of a home. Errors come back as the exceptions that the service raised."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.codec import dumps
from ..model.errors import FnError, ServiceError, ServiceNotRunning, error_from_dict
from .address import Address, not_running, read_address, resolve_home, start_service
from .sse import Pushed, lines_of, parse_events

if TYPE_CHECKING:
    import httpx

PATIENCE_S = 30.0  # for an answer that waits for nothing
_UNAUTHORIZED = 401
_KEEP_ALIVE_S = 4.0  # below uvicorn's five, so that we never write into a connection that is just being closed


class Connection:
    """Finds the service, starts it on demand, and finds it again once when it was restarted.

    `transport` replaces the network. Safe to use from several threads.
    """

    def __init__(
        self, home: Path | str | None = None, *, start: bool = True, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.home = resolve_home(home)
        self._start = start
        self._transport = transport
        self._http: httpx.Client | None = None
        self._lock = threading.Lock()

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        wait_s: float = 0.0,
        repeatable: bool = False,
    ) -> Any:
        """The JSON answer of one call under `/api/v1`. `wait_s` is how long the service was asked to wait.

        A call that never reached a service is made once more, at a fresh address; one that broke off half way only
        when it is `repeatable`. GETs are.

        Raises:
            FnError: what the service answered, as the class it raised.
            ServiceNotRunning: nothing answers and nothing may be started.
        """
        content = None if body is None else dumps(body).encode()
        given = {key: value for key, value in (query or {}).items() if value not in (None, "")}
        answer = self._answered(method, path, content, given, wait_s + PATIENCE_S, repeatable or method == "GET")
        if answer.is_error:
            raise _error(answer.status_code, answer.text)
        return json.loads(answer.content)

    def stream(self, path: str, *, query: Mapping[str, Any] | None = None) -> Iterator[Pushed]:
        """Server-sent events of one call, until the caller stops or the connection breaks.

        Raises:
            ServiceError: the stream broke off.
        """
        import httpx

        self.request("GET", "status")  # finds the service again where it moved; a stream itself is not repeated
        http = self._connected(None)
        given = {key: value for key, value in (query or {}).items() if value not in (None, "")}
        patience = httpx.Timeout(PATIENCE_S, read=None)
        try:
            with http.stream("GET", path, params=given, timeout=patience) as answer:
                if answer.is_error:
                    raise _error(answer.status_code, answer.read().decode())
                yield from parse_events(lines_of(answer.iter_text()))
        except httpx.TransportError as error:
            raise ServiceError(f"The stream of events broke off: {error}.", "Follow again.") from None

    def close(self) -> None:
        """Close the sockets; the next call opens them again."""
        with self._lock:
            http, self._http = self._http, None
        if http:
            http.close()

    def _answered(
        self, method: str, path: str, content: bytes | None, query: dict[str, Any], patience_s: float, repeatable: bool
    ) -> httpx.Response:
        import httpx

        http = self._connected(None)
        for again in (True, False):
            try:
                answer = http.request(method, path, content=content, params=query, timeout=patience_s)
            except (httpx.ReadTimeout, httpx.PoolTimeout, httpx.WriteTimeout):
                raise ServiceError(
                    f"The service did not answer within {patience_s:.0f} s.", f"Look into {self.home / 'service.log'}."
                ) from None
            except httpx.TransportError as error:
                reached = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if not again or (reached and not repeatable):
                    raise self._broken(error, reached=reached) from None
            else:
                if not (again and answer.status_code == _UNAUTHORIZED):
                    return answer
            http = self._connected(http)
        raise AssertionError("unreachable")

    def _broken(self, error: Exception, *, reached: bool) -> FnError:
        if not reached:
            return not_running(self.home)
        return ServiceError(
            f"The connection broke before the answer came: {error}.", "Look with `jupyter fn runs` whether it was done."
        )

    def _connected(self, broken: httpx.Client | None) -> httpx.Client:
        """The open client; a new one, at an address looked up afresh, when it is the `broken` one."""
        with self._lock:
            if self._http is None or self._http is broken:
                if self._http:
                    self._http.close()
                    self._http = None
                self._http = self._open(self._address(afresh=broken is not None))
            return self._http

    def _address(self, *, afresh: bool) -> Address:
        try:
            if not (afresh and self._start):
                return read_address(self.home)
        except ServiceNotRunning:
            if not self._start:
                raise
        return start_service(self.home)

    def _open(self, address: Address) -> httpx.Client:
        import httpx

        # httpcore switches TCP_NODELAY on for every socket. No proxies or netrc: the service is on this machine.
        return httpx.Client(
            base_url=f"{address.url}/api/v1/",
            headers={"Authorization": f"Bearer {address.token}", "Content-Type": "application/json"},
            limits=httpx.Limits(keepalive_expiry=_KEEP_ALIVE_S),
            transport=self._transport,
            trust_env=False,
        )


def _error(status: int, text: str) -> FnError:
    try:
        return error_from_dict(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return ServiceError(
            f"The service answered {status}: {text.strip()[:200]}", "Look into service.log of the home."
        )

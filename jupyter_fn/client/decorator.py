"""`fn`: the decorator, and the way back to what is published.

In a kernel or a script `@fn(...)` publishes; while `jupyter fn publish` collects it only records.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from ..capture.collect import record
from ..capture.draft import capture_function
from ..capture.options import OPTIONS, Given, given_by_keywords
from ..model.errors import FnError
from .client import Client
from .handle import Function
from .published import Published, show
from .tables import Row, Table

if TYPE_CHECKING:
    from ..model.version import Draft


class Fn:
    """The object `fn` of `from jupyter_fn import fn`.

    `@fn` or `@fn(on="incoming/*.csv", memory="512MB")` above a `def` publishes it; the options are those of `%%fn`, with
    `_` for `-`, a list where a flag repeats, and `name=` (default: the function's own). `fn["name"]` re-attaches.

    Args:
        clients: makes the client, once, when it is first needed; `start=False` gives one that launches no service.
        dashboard: what `fn.dashboard()` shows, given the client.
    """

    def __init__(
        self,
        *,
        clients: Callable[..., Client] = Client,
        dashboard: Callable[[Client], Any] | None = None,
    ) -> None:
        self._clients = clients
        self._dashboard = dashboard
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """The client that everything here goes through."""
        if self._client is None:
            self._client = self._clients()
        return self._client

    @overload
    def __call__(self, function: Callable[..., Any], /, *, name: str | None = None, **options: Any) -> Function: ...

    @overload
    def __call__(
        self, function: None = None, /, *, name: str | None = None, **options: Any
    ) -> Callable[[Callable[..., Any]], Function]: ...

    def __call__(
        self, function: Callable[..., Any] | None = None, /, *, name: str | None = None, **options: Any
    ) -> Any:
        """Publish a function, or give the decorator that does; the function becomes a `Function` handle.

        Raises:
            UsageError: an option that does not exist or does not fit.
            CaptureError: the function cannot become a version.
        """
        given = given_by_keywords(options)

        def decorate(decorated: Callable[..., Any]) -> Any:
            return self._decorated(decorated, name or str(getattr(decorated, "__name__", "function")), given)

        return decorate if function is None else decorate(function)

    def _decorated(self, function: Callable[..., Any], name: str, given: Given) -> Any:
        if record(function, name, given.options) or _is_inside(function):
            return function
        draft = capture_function(function, options=given.options, folder=Path.cwd(), name=name)
        show(self.publish(draft, dry_run=given.dry_run))
        return self.handle(draft)

    def publish(self, draft: Draft, *, dry_run: bool = False) -> Published:
        """Make a draft a version of its function, or only say what would happen."""
        return Published(draft, self.client.publish(draft, dry_run=dry_run))

    def handle(self, draft: Draft) -> Function:
        """The handle of a draft that this process has captured; `.local` needs no service."""
        return Function(draft.function, self.client, draft=draft)

    def __getitem__(self, name: str) -> Function:
        """The handle of a published function.

        Raises:
            NotFound: there is no function of that name.
        """
        self.client.function(name)
        return Function(name, self.client)

    def names(self) -> list[str]:
        """The names of the published functions, for completion: never starts a service, never fails."""
        try:
            return [str(row["name"]) for row in self._clients(start=False).functions()]
        except FnError:
            return []

    _ipython_key_completions_ = names

    def functions(self) -> Table:
        """Every published function."""
        return self.client.functions()

    def emit(self, topic: str, records: Any) -> Row:
        """Append one record, or a list of them, to a topic: `{"accepted", "last"}`.

        A record is any value that JSON can say, or `{"key", "value"}`.
        """
        many = isinstance(records, Iterable) and not isinstance(records, str | bytes | Mapping)
        return self.client.emit(topic, list(records) if many else [records])

    def dashboard(self) -> Any:
        """Functions, runs and costs, live.

        Raises:
            FnError: this process has no dashboard.
        """
        if self._dashboard is None:
            raise FnError("There is no dashboard here.", "Use fn from jupyter_fn: from jupyter_fn import fn.")
        return self._dashboard(self.client)

    def __reduce__(self) -> tuple[Any, ...]:
        """A handler that uses `fn` gets the `fn` of the process that it runs in."""
        return _own_fn, ()

    def __repr__(self) -> str:
        return "<fn: @fn(on=…) above a def publishes it; fn['name'] is a published function>"


def _own_fn() -> Fn:
    found: Fn = import_module("jupyter_fn").fn
    return found


def _is_inside(function: Callable[..., Any]) -> bool:
    """It was defined while a handler was built: a cell's source, or a module that travelled with one. Workers publish nothing."""
    code = getattr(function, "__code__", None)
    return code is not None and code.co_filename.startswith(("<fn ", "<shipped "))


def _signature() -> inspect.Signature:
    """The keywords of the table, so that an editor offers them."""
    kinds = inspect.Parameter
    words = [
        kinds("self", kinds.POSITIONAL_ONLY),
        kinds("function", kinds.POSITIONAL_ONLY, default=None),
        kinds("name", kinds.KEYWORD_ONLY, default=None),
        *(kinds(option.keyword, kinds.KEYWORD_ONLY, default=None) for option in OPTIONS),
    ]
    return inspect.Signature(words)


Fn.__call__.__signature__ = _signature()  # type: ignore[attr-defined]

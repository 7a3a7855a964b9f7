"""What a handler says of the items of its batch that failed.

AWS's way is to return `{"batchItemFailures": [{"itemIdentifier": id}, …]}`, see
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting. As there,
an empty list and a null say that all is well. What cannot be read is a failure of the whole batch there, without a word;
here it is an error that names what is wrong, so that no item gets lost in a success.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..model.codec import to_json
from ..model.errors import BadBatchAnswer, BatchFailed, nearest
from .faults import message_of, retry_after_of, traceback_of

KEY = "batchItemFailures"
_ID = "itemIdentifier"
_BATCHES = {"stream.batch": "records", "file.batch": "files", "batch": "events"}  # as model.event has them
_FEW = 5
_MOST_ERROR = 1_000
_REMEDY = f'Return Failures({{id: error}}), or {{"{KEY}": [{{"{_ID}": id}}, …]}} with the ids of items of this batch.'


class Failures(dict[Any, Any]):
    """The items of a batch that failed, for a handler to return: ids and what is to be said of each.

    `Failures({id: error})`, where an error is an exception, a text or None, or `Failures([id, …])`. The id of a record is
    its `id`, that of a file its `path`, or its `name` if no other file of the batch has it. An empty one: all is well.
    """

    def __init__(self, failed: Mapping[Any, Any] | Iterable[Any] = ()) -> None:
        if isinstance(failed, str | bytes):
            raise TypeError(f"Failures takes a dict or a list of ids, not the text {failed!r}.")
        super().__init__(failed if isinstance(failed, Mapping) else dict.fromkeys(failed))

    def add(self, item: Any, error: Any = None) -> None:
        """This one failed, too."""
        self[item] = error

    def __repr__(self) -> str:
        return f"Failures({super().__repr__()})"

    def rows(self) -> dict[str, Any]:
        """The same in AWS's shape, with an `error` for those that have one."""
        rows = [{_ID: one, **({"error": text} if (text := _text(error)) else {})} for one, error in self.items()]
        return {KEY: rows}


@dataclass(frozen=True, slots=True)
class Answer:
    """The handler's value as JSON; the error that says which items failed; the places of these, unless it is all of them
    or they cannot be told apart."""

    result: Any
    failed: tuple[int, ...] = ()
    error: Mapping[str, Any] | None = None


NOTHING = Answer(None)


def speaks_of_items(value: Any) -> bool:
    """Whether a handler's value has to be read as a word on its batch."""
    return isinstance(value, Failures) or (isinstance(value, dict) and KEY in value)


def answer_of(value: Any, event: Mapping[str, Any], *, batch_size: int) -> Answer:
    """Read a handler's value. Items can only be told apart in an event of which the service knows that it holds
    `batch_size` of them; a batch that somebody has invoked by hand succeeds or fails as a whole.

    Raises:
        ResultNotSerializable: the value is no JSON.
        BadBatchAnswer: what it says of the batch cannot be read.
    """
    if not speaks_of_items(value):
        return Answer(to_json(value))
    result = to_json(value.rows() if isinstance(value, Failures) else value)
    rows = result[KEY]
    if not rows:
        return Answer(result)
    items = _items(event)
    failed = sorted({place for row in _checked(rows) for place in _places(row, items)})
    apart = len(failed) < len(items) == batch_size
    error = _batch_failed(rows, f"{len(failed)} of {len(items)}", _errors(value), apart=apart)
    return Answer(result, tuple(failed), error) if apart else Answer(None, error=error)


def _items(event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    name = _BATCHES.get(str(event.get("type"))) or ("records" if "records" in event else "files")
    items = event.get(name)
    if not isinstance(items, list) or not items:
        raise BadBatchAnswer(
            f"The handler returned {KEY} for an event that is no batch.",
            "Raise an exception instead; it fails the run.",
        )
    return items


def _checked(rows: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(rows, list):
        raise BadBatchAnswer(f"The handler's {KEY} is no list: {_shown(rows)}.", _REMEDY)
    for row in rows:
        if not isinstance(row, dict) or _ID not in row:
            raise BadBatchAnswer(f"The handler's {KEY} holds {_shown(row)}, which has no {_ID}.", _REMEDY)
        if isinstance(row[_ID], bool) or not isinstance(row[_ID], str | int) or row[_ID] == "":
            raise BadBatchAnswer(f"The handler's {KEY} holds {_shown(row)}, whose {_ID} is no id.", _REMEDY)
        yield row


def _places(row: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> list[int]:
    """Where the item of that row stands; several times, if its id does."""
    wanted = str(row[_ID])
    found = [place for place, item in enumerate(items) if wanted in _ids(item)]
    named = [place for place, item in enumerate(items) if item.get("name") == wanted]
    if not found and len(named) == 1:
        return named
    if not found:
        also = f"{len(named)} files of that name; give the path." if named else ""
        known = [one for item in items for one in _ids(item)]
        raise BadBatchAnswer(
            f"The handler's {KEY} names {_shown(wanted)}, which is no item of the batch.",
            also or nearest(wanted, known),
        )
    return found


def _ids(item: Mapping[str, Any]) -> list[str]:
    return [str(item[key]) for key in ("id", "path") if item.get(key) not in (None, "")]


def _batch_failed(rows: Any, how_many: str, errors: Sequence[BaseException], *, apart: bool) -> dict[str, Any]:
    few = ", ".join(_named(row) for row in rows[:_FEW]) + (", …" if len(rows) > _FEW else "")
    error = BatchFailed(
        f"{how_many} items of the batch failed: {few}.",
        "The others are done; these are tried again." if apart else "The batch is tried again as a whole.",
        traceback=traceback_of(errors[0]) if errors else "",
    )
    waits = [wait_s for one in errors if (wait_s := retry_after_of(one)) is not None]
    return {**error.to_dict(), **({"retry_after": max(waits)} if waits else {})}


def _named(row: Mapping[str, Any]) -> str:
    said = _text(row.get("error") or row.get("message") or row.get("errorMessage"))
    return f"{row[_ID]} ({said})" if said else str(row[_ID])


def _errors(value: Any) -> list[BaseException]:
    said = value.values() if isinstance(value, Failures) else ()
    return [error for error in said if isinstance(error, BaseException)]


def _text(error: Any) -> str:
    if error is None:
        return ""
    text = f"{type(error).__name__}: {message_of(error)}" if isinstance(error, BaseException) else str(error)
    return text if len(text) <= _MOST_ERROR else f"{text[:_MOST_ERROR]}…"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"

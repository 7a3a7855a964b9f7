"""What requests carry. Unknown keys are refused."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12


class Body(BaseModel):
    """A JSON object with exactly these keys."""

    model_config = ConfigDict(extra="forbid")


class Invoke(Body):
    """One event by hand."""

    event: Any = None
    qualifier: str = Field("", description="A version's number or an alias; live when empty.")
    run_key: str = Field("", description="The same key and event give the same run.")
    wait_s: float = Field(0.0, ge=0, le=300, description="How long to wait for the end of the run.")


class Map(Body):
    """Many events by hand."""

    events: list[Any]
    qualifier: str = ""


class Weights(Body):
    """Where an alias points: version → weight."""

    weights: dict[str, int]


class Cancel(Body):
    """Which runs to stop."""

    ids: list[str]


class Redrive(Body):
    """Which failures to run again, and with which events."""

    ids: list[str] | None = Field(None, description="All of them when null.")
    code: str = Field("latest", description="latest | same")
    events: dict[str, Any] = Field(
        default_factory=dict, description="Run id → the event that its new run handles in place of its own."
    )
    dry_run: bool = False


class Replay(Body):
    """Which past events to run again. What is left out leaves out nothing."""

    since: str = Field("", description="Admitted at that time (ISO 8601) or later.")
    until: str = Field("", description="Admitted before that time.")
    key: str = Field("", description="The event's key, or that of one of its records.")
    path: str = Field("", description="A glob: the path of the file, or of one of the files.")
    trigger: str = Field("", description="The id or the text of a trigger.")
    failed: bool = Field(False, description="Only events of which a run waits for somebody.")
    last: int | None = Field(None, ge=1, description="Only the newest so many.")
    code: str = Field("latest", description="latest | same")
    replay: str = Field("", max_length=200, description="The id of the replay; one that is known goes on.")
    dry_run: bool = False


class Backfill(Body):
    """What was there before, of which trigger."""

    on: str = Field(description="The text of a trigger, one of the function's own or any other.")
    since: str = Field(
        "", description="When a file was modified, a record came, a schedule fired: then (ISO 8601) or later."
    )
    until: str = Field("", description="Before that time.")
    code: str = Field("latest", description="latest, or a version's number or an alias.")
    dry_run: bool = False


class NewRecord(TypedDict, total=False):
    """One record of a topic. A dict, for there are thousands in one request."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    value: Any
    key: str


class Records(Body):
    """Records for a topic, in order."""

    records: list[NewRecord]

"""The tables. Column names are the field names of the frozen values in `model`.

Conventions: `seq` is the table's own clock, given in commit order by the one writer; times are epoch seconds; columns
whose comment says *packed* hold JSON text or `@digest` of a payload (see `payloads.pack`); JSON columns are text, for
their content is never searched.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Double,
    FromClause,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    and_,
    literal_column,
    or_,
)

from .dialect import TEXT

metadata = MetaData()
_Big = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only what is called INTEGER


def _seq() -> Column[int]:
    return Column("seq", _Big, primary_key=True, autoincrement=True)


def _text(name: str, *, null: bool = False, default: str | None = None) -> Column[str]:
    return Column(name, TEXT, nullable=null, server_default=default)


def _int(name: str, *, null: bool = False, default: str | None = None) -> Column[int]:
    return Column(name, _Big, nullable=null, server_default=default)


def _real(name: str, *, null: bool = False) -> Column[float]:
    return Column(name, Double, nullable=null)


functions = Table(
    "functions",
    metadata,
    Column("name", TEXT, primary_key=True),
    _text("state"),  # active | paused | removed
    _real("created"),
    _text("tags"),  # JSON
    _int("latest"),
)

versions = Table(
    "versions",
    metadata,
    _text("function"),
    _int("number"),
    _text("digest"),
    _text("kind"),
    _text("source"),
    _text("handler"),
    _text("filename"),
    _text("folder"),
    _text("options"),  # JSON
    _text("captured"),  # JSON
    _text("packages"),  # JSON
    _text("python"),
    _text("bundle"),  # digest of a payload
    _real("created"),
    PrimaryKeyConstraint("function", "number"),
    UniqueConstraint("function", "digest", name="versions_digest"),
)

aliases = Table(
    "aliases",
    metadata,
    _text("function"),
    _text("alias"),
    _text("weights"),  # JSON, version → weight
    PrimaryKeyConstraint("function", "alias"),
)

alias_moves = Table(
    "alias_moves",
    metadata,
    _seq(),
    _text("function"),
    _text("alias"),
    _text("weights"),  # JSON
    _real("at"),
    _int("undone"),  # 1 after a rollback away from it
    Index("alias_moves_of", "function", "alias", "seq"),
    sqlite_autoincrement=True,
)

triggers = Table(
    "triggers",
    metadata,
    Column("id", TEXT, primary_key=True),
    _text("function"),
    _text("alias"),
    _text("uri"),
    _text("scheme"),
    _text("options"),  # JSON
    _text("folder"),
    _text("state"),
    _text("position", null=True),  # JSON
    _real("created"),
    _text("error"),
    _text("target"),
    Index("triggers_of", "function"),
)

events = Table(
    "events",
    metadata,
    _seq(),
    _text("id"),
    _text("function"),
    _text("trigger"),
    _text("key"),
    _text("type"),
    _text("source"),
    _real("time"),
    _real("admitted"),
    _text("data"),  # packed
    _text("cause"),
    _int("hops"),
    _int("size", default="1"),
    _text("batch", default=""),
    UniqueConstraint("id", name="events_id"),
    UniqueConstraint("trigger", "key", name="events_key"),  # G2: an event is admitted at most once per trigger
    Index("events_of", "function", "trigger", "batch", "size"),  # all that the ledger asks of them
    sqlite_autoincrement=True,
)

runs = Table(
    "runs",
    metadata,
    _seq(),
    _text("id"),
    _text("function"),
    _int("version"),
    _text("alias"),
    _text("trigger"),
    _text("event_id"),
    _real("created"),
    _int("memory_mb"),
    _text("state"),
    _text("reason"),
    _int("token"),
    _int("attempts"),
    _int("lost"),
    _int("interrupted"),
    _int("batch_size"),
    _real("due"),
    _int("priority"),
    _text("parent"),
    _int("hops"),
    _text("worker"),
    _real("started", null=True),
    _real("ended", null=True),
    _real("duration_ms"),
    _int("billed_ms"),
    _real("init_ms"),
    _real("cpu_ms"),
    _int("bytes_read"),
    _int("bytes_written"),
    _int("max_memory_mb"),
    _int("cold"),
    _text("price_book"),
    _text("cost_usd"),
    _text("error", null=True),  # JSON
    _text("result", null=True),  # packed
    _text("staged", null=True),  # JSON
    _text("emitted", null=True),  # packed
    _int("cancel_requested"),
    _int("throttled", default="0"),
    _int("tried", default="0"),
    _text("parts", null=True),  # JSON
    _text("failed", null=True),  # JSON
    _text("concurrency_key", default=""),
    _text("lane", default=""),
    _text("rank", default=""),
    _text("replay", default=""),
    _text("data", null=True),  # packed
    _text("barrier", default=""),
    UniqueConstraint("id", name="runs_id"),
    sqlite_autoincrement=True,
)

QUEUED: ColumnElement[str] = literal_column(
    "'queued'"
)  # literals, for a partial index is only found by the very words of its condition
WAITING: ColumnElement[str] = literal_column("'waiting'")
HELD: tuple[ColumnElement[str], ...] = (
    literal_column("'claimed'"),
    literal_column("'publishing'"),
    literal_column("'running'"),
)
NO_PARENT: ColumnElement[str] = literal_column("''")
NONE: ColumnElement[str] = NO_PARENT
OPEN: tuple[ColumnElement[str], ...] = (*HELD, QUEUED, WAITING)
IS_GATHERING: ColumnElement[str] = literal_column("'?'")  # model.event.GATHERING
IS_SUPERSEDED: ColumnElement[str] = literal_column("'Superseded'")  # model.run.Reason.SUPERSEDED


def is_held(run: FromClause) -> ColumnElement[bool]:
    """Whether a worker holds the run. Not by `IN`: SQLite makes a table of its list for each row that changes its state."""
    return or_(*(run.c.state == state for state in HELD))


def _partial(name: str, *columns: str, where: object) -> Index:
    return Index(name, *(runs.c[c] for c in columns), sqlite_where=where, postgresql_where=where)


_partial("runs_queued", "function", "priority", "seq", "due", where=and_(runs.c.state == QUEUED, runs.c.lane == NONE))
_partial("runs_waiting", "function", "due", where=runs.c.state == WAITING)
_partial("runs_held", "function", "state", "worker", where=is_held(runs))
_partial("runs_parent", "parent", where=runs.c.parent != NO_PARENT)
# What is said last is only looked at where the first holds, which for most runs it does not.
_partial("runs_redriven", "function", "replay", "parent", where=runs.c.parent != NO_PARENT)
_partial("runs_superseded", "function", "trigger", where=runs.c.reason == IS_SUPERSEDED)
_partial(
    "runs_lanes", "function", "lane", "rank", "priority", "seq", where=and_(runs.c.lane != NONE, runs.c.state == QUEUED)
)
_partial("runs_ranks", "function", "lane", "rank", "seq", where=and_(runs.c.rank != NONE, runs.c.state.in_(OPEN)))
_partial("runs_replays", "replay", "seq", where=runs.c.replay != NONE)
_gathering = events.c.batch == IS_GATHERING
Index("events_gathering", events.c.trigger, events.c.seq, sqlite_where=_gathering, postgresql_where=_gathering)
Index("runs_state", *(runs.c[name] for name in ("function", "state", "seq", "trigger", "replay", "batch_size")))
Index("runs_newest", runs.c.function, runs.c.seq)
Index("runs_event", runs.c.event_id, runs.c.seq)
Index("runs_created", runs.c.created)

attempts = Table(
    "attempts",
    metadata,
    _int("run"),  # runs.seq
    _int("token"),
    _int("number"),
    _text("worker"),
    _real("started"),
    _real("ended"),
    _text("state"),
    _int("billed_ms"),
    _real("duration_ms"),
    _real("init_ms"),
    _int("cold"),
    _int("max_memory_mb"),
    _real("cpu_ms"),
    _int("bytes_read"),
    _int("bytes_written"),
    _text("error", null=True),  # JSON
    PrimaryKeyConstraint("run", "token"),  # G3: a token has one outcome
    Index("attempts_ended", "ended"),
    sqlite_with_rowid=False,
)

finishes = Table(
    "finishes",  # the log of finished runs that others follow
    metadata,
    _seq(),
    _int("run"),  # runs.seq
    _text("function"),
    _text("state"),
    Index("finishes_of", "function", "state", "seq"),
    sqlite_autoincrement=True,
)

logs = Table(
    "logs",
    metadata,
    _text("run_id"),
    _int("attempt"),
    _text("text"),  # packed
    PrimaryKeyConstraint("run_id", "attempt"),
    sqlite_with_rowid=False,
)

records = Table(
    "records",
    metadata,
    _seq(),
    _text("topic"),
    _text("key"),
    _text("value"),  # packed
    _real("timestamp"),
    _text("cause"),
    _int("hops"),
    Index("records_of", "topic", "seq"),
    sqlite_autoincrement=True,
)

effects = Table(
    "effects",  # barriers of `context.effect`
    metadata,
    _text("run_id"),
    _text("name"),
    _int("token"),
    _real("entered"),
    _real("done", null=True),
    PrimaryKeyConstraint("run_id", "name"),
    sqlite_with_rowid=False,
)

outputs = Table(
    "outputs",  # which run wrote a file last: the cause of the event that the file becomes
    metadata,
    Column("path", TEXT, primary_key=True),  # absolute, or a URL
    _text("run_id"),
    _text("function"),
    _int("hops"),
    _real("at"),
    sqlite_with_rowid=False,
)

deliveries = Table(
    "deliveries",  # records on their way to destinations outside the store
    metadata,
    _seq(),
    _text("id"),
    _text("function"),
    _text("run_id"),
    _text("target"),
    _text("body"),  # packed
    _real("created"),
    _real("due"),
    _int("tries"),
    _text("state"),  # due | done | dead
    _text("error"),
    UniqueConstraint("id", name="deliveries_id"),
    Index("deliveries_of", "run_id", "seq"),
    sqlite_autoincrement=True,
)
IS_DUE: ColumnElement[bool] = deliveries.c.state == literal_column("'due'")
IS_DEAD: ColumnElement[bool] = deliveries.c.state == literal_column("'dead'")
Index("deliveries_due", deliveries.c.due, sqlite_where=IS_DUE, postgresql_where=IS_DUE)
Index("deliveries_dead", deliveries.c.function, sqlite_where=IS_DEAD, postgresql_where=IS_DEAD)

breakers = Table(
    "breakers",  # functions whose triggers rest because too many runs failed
    metadata,
    Column("function", TEXT, primary_key=True),
    _real("since"),  # opened, or closed again
    _real("until"),
    _int("trips"),  # in a row; 0 = closed
    _text("error"),
    sqlite_with_rowid=False,
)

parked = Table(
    "parked",  # lanes whose first run died: the others of the lane wait for a person
    metadata,
    _text("function"),
    _text("lane"),
    _text("run_id"),
    _real("since"),
    PrimaryKeyConstraint("function", "lane"),
    sqlite_with_rowid=False,
)

payloads = Table(
    "payloads",
    metadata,
    Column("digest", TEXT, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

workers = Table(
    "workers",
    metadata,
    Column("id", TEXT, primary_key=True),
    _text("name"),
    _int("slots"),
    _real("joined"),
    _real("left", null=True),
    _text("service", default=""),  # services.id
    sqlite_with_rowid=False,
)

worker_busy = Table(
    "worker_busy",
    metadata,
    _text("worker"),
    _int("minute"),  # since the epoch
    _real("busy_s"),
    PrimaryKeyConstraint("worker", "minute"),
    sqlite_with_rowid=False,
)

services = Table(
    "services",  # that have the store open; only where there may be several
    metadata,
    Column("id", TEXT, primary_key=True),  # another one for each process
    _text("url"),
    _text("host"),
    _int("pid"),
    _real("started"),
    _real("beat"),  # last heard of, by the database's clock
    sqlite_with_rowid=False,
)

leases = Table(
    "leases",  # which service leads the functions of a partition
    metadata,
    Column("partition", _Big, primary_key=True, autoincrement=False),
    _text("owner"),  # services.id
    _real("until"),  # by the database's clock
)

books = Table(
    "books",  # price books that users have written, for services that do not have their files
    metadata,
    Column("name", TEXT, primary_key=True),
    _text("prices"),  # JSON
    sqlite_with_rowid=False,
)

marks = Table(
    "marks",  # how often things have changed that others keep in memory
    metadata,
    Column("name", TEXT, primary_key=True),
    _int("seq"),
    sqlite_with_rowid=False,
)

writers = Table(
    "writers",  # the number of the last transaction that each process has committed
    metadata,
    Column("id", TEXT, primary_key=True),
    _int("seq"),
    _real("at"),
    sqlite_with_rowid=False,
)

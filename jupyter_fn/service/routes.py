"""The routes of `/api/v1`: parse, call, write. The table of them stands in docs/architecture.md."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from ..model.codec import dumps, loads
from ..model.errors import BadValue
from ..model.version import Draft
from .bodies import Backfill, Cancel, Invoke, Map, Records, Redrive, Replay, Weights
from .state import Running
from .stream import event_stream


class Json(Response):
    """An answer by the one codec."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Compact JSON."""
        return dumps(content).encode()


async def running(request: Request) -> Running:
    """The service that answers. Asynchronous, for FastAPI would call it in a thread otherwise."""
    service: Running = request.app.state.running
    return service


Service = Annotated[Running, Depends(running)]
WaitS = Annotated[float, Query(ge=0, le=300, description="Wait up to so many seconds for the run to end.")]
api = APIRouter(default_response_class=Json)


# --- the service


@api.get("/status")
async def status(service: Service) -> Json:
    """Where it answers, its cluster and workers, what is queued and running."""
    return Json(await service.status())


@api.post("/stop")
async def stop(service: Service) -> Json:
    """Stop the service."""
    service.stop()
    return Json({"stopping": True})


@api.get("/events")
async def follow(service: Service, function: str = "") -> StreamingResponse:
    """What happens, as server-sent events."""
    return StreamingResponse(event_stream(service.engine.feed, function), media_type="text/event-stream")


# --- functions


@api.get("/functions")
async def functions(service: Service) -> Json:
    """Every function."""
    return Json(await service.engine.questions.functions())


@api.get("/functions/{name}")
async def function(service: Service, name: str) -> Json:
    """One function with its aliases and its live version."""
    return Json(await service.engine.questions.function(name, detail=True))


@api.delete("/functions/{name}")
async def remove(service: Service, name: str) -> Json:
    """Remove a function; its history stays."""
    return Json(await service.engine.operations.remove(name))


@api.post(
    "/functions/{name}/versions",
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}, "required": True}},
)
async def publish(service: Service, name: str, request: Request, dry_run: bool = False) -> Json:
    """Publish a draft; the same content gives the same version."""
    draft = _draft(await request.body())
    if draft.function != name:
        raise BadValue(f"The draft is one of {draft.function!r}, not of {name!r}.", "Send it to its own function.")
    return Json(await service.engine.publisher.publish(draft, dry_run=dry_run))


@api.get("/functions/{name}/versions")
async def versions(service: Service, name: str) -> Json:
    """The versions of a function, newest first."""
    return Json(await service.engine.questions.versions(name))


@api.post("/functions/{name}/invoke")
async def invoke(service: Service, name: str, body: Invoke) -> Json:
    """One run by hand."""
    answer = await service.engine.invocations.invoke(
        name, body.event, qualifier=body.qualifier, run_key=body.run_key, wait_s=body.wait_s
    )
    return Json(answer)


@api.post("/functions/{name}/map")
async def map_events(service: Service, name: str, body: Map) -> Json:
    """One run per event; their ids."""
    return Json(await service.engine.invocations.map(name, body.events, qualifier=body.qualifier))


@api.post("/functions/{name}/pause")
async def pause(service: Service, name: str) -> Json:
    """Stop the triggers and the queue of a function."""
    return Json(await service.engine.operations.set_state(name, "paused"))


@api.post("/functions/{name}/resume")
async def resume(service: Service, name: str, key: str | None = None) -> Json:
    """Undo pause, and let lanes that rest go on; with a key only the lane of that key."""
    return Json(await service.engine.operations.resume(name, key=key))


@api.post("/functions/{name}/cancel")
async def cancel_all(service: Service, name: str) -> Json:
    """Stop every run of a function that has not ended."""
    return Json(await service.engine.cancellations.cancel_all(name))


@api.post("/functions/{name}/rollback")
async def rollback(service: Service, name: str) -> Json:
    """Point live where it pointed before."""
    return Json(await service.engine.operations.rollback(name))


@api.put("/functions/{name}/aliases/{alias}")
async def alias(service: Service, name: str, alias: str, body: Weights) -> Json:
    """Point an alias at versions, by weight."""
    return Json(await service.engine.operations.set_alias(name, alias, body.weights))


@api.get("/functions/{name}/failures")
async def failures(service: Service, name: str) -> Json:
    """Runs that wait for somebody, with their events."""
    return Json(await service.engine.redrives.failures(name))


@api.post("/functions/{name}/redrive")
async def redrive(service: Service, name: str, body: Redrive) -> Json:
    """Run failures again, as they were or with their events edited."""
    answer = await service.engine.redrives.redrive(
        name, body.ids, code=body.code, edits=body.events, dry_run=body.dry_run
    )
    return Json(answer)


@api.post("/functions/{name}/replay")
async def replay(service: Service, name: str, body: Replay) -> Json:
    """Run past events again, apart from the live runs."""
    return Json(await service.engine.replays.replay(name, **body.model_dump()))


@api.post("/functions/{name}/backfill")
async def backfill(service: Service, name: str, body: Backfill) -> Json:
    """List a trigger once from nothing, and run what has not run."""
    return Json(await service.engine.backfills.backfill(name, **body.model_dump()))


@api.get("/functions/{name}/explain")
async def explain(service: Service, name: str, subject: str) -> Json:
    """Why a run, an event or a path did or did not run."""
    return Json(await service.engine.explanations.explain(name, subject))


@api.get("/functions/{name}/audit")
async def audit(service: Service, name: str) -> Json:
    """A listing of the sources against the ledger."""
    return Json(await service.engine.questions.audit(name))


# --- runs


@api.get("/runs")
async def runs(
    service: Service,
    function: str = "",
    state: str = "",
    last: Annotated[int | None, Query(ge=1)] = None,
    replay: str = "",
) -> Json:
    """Runs, newest first."""
    return Json(await service.engine.questions.runs(function, state, last, replay=replay))


@api.get("/runs/{run_id}")
async def run(service: Service, run_id: str, wait_s: WaitS = 0.0) -> Json:
    """One run with its attempts and its event."""
    if wait_s:
        await service.engine.invocations.wait(run_id, wait_s)
    return Json(await service.engine.questions.run(run_id))


@api.get("/runs/{run_id}/logs")
async def logs(service: Service, run_id: str) -> Json:
    """What a run has printed so far."""
    return Json(await service.engine.questions.logs(run_id))


@api.post("/runs/{run_id}/cancel")
async def cancel(service: Service, run_id: str) -> Json:
    """Stop a run; one that goes on is killed."""
    return Json(await service.engine.cancellations.cancel(run_id))


@api.post("/runs/cancel")
async def cancel_each(service: Service, body: Cancel) -> Json:
    """Stop several runs, all of them or none."""
    return Json(await service.engine.cancellations.cancel_each(body.ids))


# --- cost and topics


@api.get("/cost")
async def cost(service: Service, function: str = "", by: str = "", since: str = "") -> Json:
    """What runs cost, and what the cluster did meanwhile."""
    return Json(await service.engine.questions.cost(function, by, since))


@api.post("/topics/{topic}")
async def emit(service: Service, topic: str, body: Records) -> Json:
    """Append records to a topic."""
    return Json(await service.engine.invocations.emit(topic, body.records))


def _draft(body: bytes) -> Draft:
    try:
        return Draft.from_dict(loads(body))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadValue(
            f"The draft cannot be read: {error!r}.", "Publish with the same version of jupyter-fn."
        ) from None

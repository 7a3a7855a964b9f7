"""The HTTP application: the API behind a bearer token, health and metrics, errors in one shape."""

from __future__ import annotations

import hmac
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from ..model.errors import BadValue, FnError, NotFound, ServiceError, Unauthorized
from .metrics import metrics_text
from .routes import Json, api
from .state import Running

PREFIX = "/api/v1"
_NOT_FOUND, _FAULT = 404, 500


async def authorized(request: Request) -> None:
    """Let a request with the service's token pass. Raises Unauthorized."""
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), request.app.state.running.token.encode()):
        raise Unauthorized("The bearer token is missing or wrong.", "Use the token in service.json of the home.")


def make_app(service: Running) -> FastAPI:
    """The application of a service."""
    app = FastAPI(title="jupyter-fn", version="1", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.running = service
    app.include_router(open_routes)
    guarded = [Depends(authorized)]
    app.include_router(api, prefix=PREFIX, dependencies=guarded)
    app.include_router(_documents(app), dependencies=guarded)
    app.add_exception_handler(FnError, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_fault)
    return app


open_routes = APIRouter()


@open_routes.get("/healthz")
async def healthz() -> Json:
    """Is it there?."""
    return Json({"status": "ok"})


def _documents(app: FastAPI) -> APIRouter:
    documents = APIRouter()

    @documents.get(f"{PREFIX}/openapi.json", include_in_schema=False)
    async def openapi() -> Json:
        return Json(get_openapi(title=app.title, version=app.version, routes=app.routes))

    @documents.get("/metrics", response_class=PlainTextResponse)
    async def metrics(request: Request) -> PlainTextResponse:
        """Prometheus text."""
        return PlainTextResponse(await metrics_text(request.app.state.running.engine))

    return documents


# --- errors: one table maps them, `FnError.status`


async def _answer_error(request: Request, error: Any) -> Response:
    return Json({"error": error.to_dict()}, status_code=error.status if error.status >= 400 else 500)


async def _answer_invalid(request: Request, error: Any) -> Response:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    wrong = BadValue(f"{where or 'The body'}: {first['msg']}.", f"See {PREFIX}/openapi.json.")
    return await _answer_error(request, wrong)


async def _answer_http(request: Request, error: Any) -> Response:
    if error.status_code == _NOT_FOUND:
        missing = NotFound(f"There is no route {request.method} {request.url.path}.", f"See {PREFIX}/openapi.json.")
        return await _answer_error(request, missing)
    fault = ServiceError(str(error.detail), f"See {PREFIX}/openapi.json.")
    return Json({"error": fault.to_dict()}, status_code=error.status_code)


async def _answer_fault(request: Request, error: Any) -> Response:
    """Starlette raises it again afterwards, so it stands in the log too."""
    cause = f"The service met a fault of its own at {request.method} {request.url.path}: {type(error).__name__}."
    fault = ServiceError(cause, "Its traceback stands in service.log of the home.")
    return Json({"error": fault.to_dict()}, status_code=_FAULT)

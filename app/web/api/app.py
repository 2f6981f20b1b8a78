"""The REST API as one application under /api/v1: every route needs a token, every error is a
problem document."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.core.batch import Closed
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import DomainError
from app.web.api import batches, codes, members, purchases, quotes, refusals, reservations
from app.web.api.limits import BodyLimit
from app.web.api.problems import Problem
from app.web.api.tokens import Tokens
from app.web.api.writer import Writer
from flex_templates.theme import CAMPHOR, Theme

log = structlog.get_logger(__name__)
DESCRIPTION = (
    "Record sales and refunds, look members up. Writes carry an `external_id`: repeat a call with "
    "the same body and it changes nothing and is answered the same."
)


def create_api(
    db: Database, clock: Clock, theme: Theme = CAMPHOR, *, brand: str = "", key: str = ""
) -> FastAPI:
    """Receipts wear `theme`; a code by SMS names `brand` and is kept under `key`. Close it with
    `await api.state.writer.close()`."""
    api = FastAPI(
        title="Regulars",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    api.state.db, api.state.clock, api.state.theme = db, clock, theme
    api.state.brand, api.state.key = brand or theme.brand, key
    api.state.writer, api.state.tokens = Writer(db), Tokens(db)
    for router in (
        batches.router,
        purchases.router,
        quotes.router,
        reservations.router,
        members.router,
        codes.router,
    ):
        api.include_router(router)
    api.add_middleware(BodyLimit)
    api.add_exception_handler(Problem, _problem)
    api.add_exception_handler(RequestValidationError, _malformed)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(DomainError, _refused)
    api.add_exception_handler(Closed, _unavailable)
    api.add_exception_handler(DBAPIError, _unavailable)
    _describe_bearer(api)
    return api


def _describe_bearer(api: FastAPI) -> None:
    draw = api.openapi

    def openapi() -> dict[str, Any]:
        document = draw()
        document.setdefault("components", {})["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"}
        }
        document["security"] = [{"bearer": []}]
        return document

    api.openapi = openapi  # type: ignore[method-assign]  # FastAPI's way to add to the document


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = Problem(error.status_code, str(error.detail)).response()
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer


async def _malformed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(item["type"] == "json_invalid" or item["loc"] == ("body",) for item in found) and not (
        found[0]["type"].endswith("_type")
    ):
        return Problem(400, "the body is not JSON").response()
    return refusals.malformed([(item["loc"][1:], str(item["msg"])) for item in found]).response()


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    return refusals.problem_of(error).response()


async def _unavailable(_request: Request, error: Exception) -> Response:
    log.error("api.unavailable", error=type(error).__name__)
    answer = Problem(503, "nothing was recorded; repeat the call").response()
    answer.headers["Retry-After"] = "1"
    return answer

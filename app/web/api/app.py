"""The REST API as one application under /api/v1: every route needs a token, every error is a
problem document."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.cards.service import TokenDead
from app.core.batch import Closed
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, DomainError, Invalid, NotFound
from app.coupons.rules import CouponNotUsable
from app.points.rules import NotEnoughPoints, PaymentRefused
from app.purchases.rules import RefundTooLarge
from app.web.api import codes, members, purchases
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
    for router in (purchases.router, members.router, codes.router):
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
    errors = [(_field(item["loc"]), str(item["msg"])) for item in found]
    return Problem(422, f"{errors[0][0]}: {errors[0][1]}", errors=errors).response()


def _field(place: Any) -> str:
    """`("body", "items", 0, "sku")` → `items[0].sku`"""
    name = ""
    for part in place[1:]:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return name or str(place[0])


async def _refused(_request: Request, error: Exception) -> Response:
    match error:
        case Invalid(field=field, reason=reason):
            found = Problem(422, f"{field}: {reason}", errors=[(field, reason)])
        case Conflict(field=field):
            found = Problem(409, str(error), errors=[(field, "was used with other content")])
        case RefundTooLarge(rest=rest):
            found = Problem(409, str(error), errors=[("amount", f"at most {rest}")])
        case CouponNotUsable(reason="discount", facts=facts):
            reason = f"this coupon takes NT${facts['expected']} off"
            found = Problem(409, reason, errors=[("coupon_discount", reason)])
        case CouponNotUsable(reason=reason):
            found = Problem(409, str(error), errors=[("coupon", reason)])
        case PaymentRefused() | NotEnoughPoints():
            found = Problem(409, str(error), errors=[("points.redeem", _why_not(error))])
        case TokenDead(reason=reason):
            found = Problem(409, str(error), errors=[("member.card", reason)])
        case NotFound(what="coupon"):
            found = Problem(409, "no such coupon of this member", errors=[("coupon", "unknown")])
        case NotFound():
            found = Problem(404, str(error))
        case _:
            found = Problem(409, str(error))
    return found.response()


def _why_not(error: PaymentRefused | NotEnoughPoints) -> str:
    match error:
        case NotEnoughPoints(balance=balance):
            return f"the member has {balance} usable points"
        case PaymentRefused(reason="minimum", facts=facts):
            return f"at least {facts['minimum']} points"
        case PaymentRefused(reason="step", facts=facts):
            return f"a multiple of {facts['step']} points"
        case PaymentRefused(reason="share", facts=facts):
            return f"at most {facts['most']} points on this sale ({facts['percent']} % of it)"
        case PaymentRefused(reason="worth", facts=facts):
            return f"these points are worth NT${facts['worth']}"
        case _:
            return "the programme takes no points as payment"


async def _unavailable(_request: Request, error: Exception) -> Response:
    log.error("api.unavailable", error=type(error).__name__)
    answer = Problem(503, "nothing was recorded; repeat the call").response()
    answer.headers["Retry-After"] = "1"
    return answer

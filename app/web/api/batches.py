"""Many sales in one call: each is answered on its own, and none holds another back."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import Field, ValidationError
from sqlalchemy.exc import DBAPIError
from starlette.responses import Response

from app.checkouts.service import Checkout
from app.core.errors import DomainError
from app.staff.queries import Machine
from app.staff.rules import Scope
from app.web.api import answers, bodies, purchases, refusals
from app.web.api.problems import Problem, responses
from app.web.api.tokens import Allowed
from app.web.api.writer import Writer

router = APIRouter(tags=["purchases"])
Till = Annotated[Machine, Depends(Allowed(Scope.WRITE_PURCHASES))]
MOST = 500


class Batch(bodies.Body):
    """Each element is the body of `POST /purchases`; one that is malformed is refused alone."""

    purchases: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST)]


@router.post(
    "/purchases/batch",
    response_model=bodies.BatchOut,
    responses=responses(400, 401, 403, 413, 415, 422, 503),
)
async def record(request: Request, body: Batch, _till: Till) -> Response:
    """Record up to 500 sales, in any order, as often as you like: `results` has one answer for
    each, in the order sent, with the status and the body that the single call would have had."""
    found = await asyncio.gather(*(_one(request, said) for said in body.purchases))
    counts = {
        "created": sum(status == 201 for status, _ in found),
        "repeated": sum(status == 200 for status, _ in found),
        "refused": sum(status >= 400 for status, _ in found),
    }
    results = [
        {"status": status, "external_id": _id_of(said), **content}
        for said, (status, content) in zip(body.purchases, found, strict=True)
    ]
    return answers.json_answer({"counts": counts, "results": results})


def _id_of(said: dict[str, Any]) -> str | None:
    external_id = said.get("external_id")
    return external_id if isinstance(external_id, str) else None


async def _one(request: Request, said: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """(status, the purchase's answer or the problem)."""
    writer: Writer = request.app.state.writer
    try:
        sale = bodies.Purchase.model_validate(said)
        done: Checkout = await writer.submit(purchases.posting_of(request, sale))
    except ValidationError as error:
        return _problem(refusals.malformed(_places(error)))
    except DomainError as error:
        return _problem(refusals.problem_of(error))
    except DBAPIError:
        return _problem(Problem(503, "nothing was recorded; repeat the call"))
    return (201 if done.is_new else 200), {"answer": done.facts}


def _places(error: ValidationError) -> Sequence[tuple[refusals.Place, str]]:
    return [(item["loc"], item["msg"]) for item in error.errors(include_context=False)]


def _problem(problem: Problem) -> tuple[int, dict[str, Any]]:
    return problem.status, {"problem": orjson.loads(bytes(problem.response().body))}

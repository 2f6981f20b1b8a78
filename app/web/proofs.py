"""/draws/{code}: what a draw promised and how it was decided, for anybody. No names: an entry is a
ticket and an alias of this draw; winners are masked."""

from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response
from starlette.responses import PlainTextResponse

from app.core.errors import NotFound
from app.draws import messages, queries, rules
from app.draws.models import OPEN
from app.draws.queries import DrawShown, WinShown
from app.draws.rules import BadProof, Proof
from app.web import pages
from app.web.security import MaybeVisitor, StaffRoute

router = APIRouter(prefix="/draws", route_class=StaffRoute)
Code = Annotated[str, Path(max_length=40)]


@dataclass(frozen=True, slots=True)
class ProofView:
    draw: DrawShown
    conditions: tuple[str, ...]
    odds: tuple[str, ...]
    proof: Proof | None
    wins: tuple[WinShown, ...]
    fault: str  # of a proof that does not add up; empty when it does


@router.get("/{code}")
def proof_page(request: Request, _: MaybeVisitor, code: Code) -> Response:
    with request.app.state.db.reading() as session:
        draw = queries.draw_by_code(session, code)
        proof = queries.proof(session, draw.id)
        wins = queries.wins(session, draw.id) if proof is not None else []
    if request.app.state.clock() < draw.starts_at:
        raise NotFound("draw", code)
    view = ProofView(
        draw=draw,
        conditions=messages.conditions(draw),
        odds=tuple(messages.odds(draw, prize) if draw.is_wheel else "" for prize in draw.prizes),
        proof=proof,
        wins=tuple(wins),
        fault=_fault(proof),
    )
    return pages.render(request, "draws/proof.html", view=view)


def _fault(proof: Proof | None) -> str:
    if proof is None:
        return ""
    try:
        rules.verify(proof)
    except BadProof as fault:
        return fault.reason
    return ""


@router.get("/{code}/proof.json")
def proof_file(request: Request, _: MaybeVisitor, code: Code) -> Response:
    """What `regulars draw verify` reads. Only once it is drawn."""
    with request.app.state.db.reading() as session:
        proof = queries.proof(session, queries.draw_by_code(session, code).id)
    if proof is None:
        raise NotFound("proof", code)
    content = orjson.dumps(rules.proof_to_json(proof), option=orjson.OPT_INDENT_2)
    headers = {"content-disposition": 'attachment; filename="proof.json"'}
    return Response(content, media_type="application/json", headers=headers)


@router.get("/{code}/entrants.txt")
def entrants_file(request: Request, _: MaybeVisitor, code: Code) -> Response:
    """The frozen list, byte by byte what its hash is of."""
    with request.app.state.db.reading() as session:
        draw = queries.draw_by_code(session, code)
        if draw.status == OPEN or draw.is_wheel:
            raise NotFound("entrants", code)
        listed = [one for _, _, one in queries.entrants(session, draw.id)]
    return PlainTextResponse(rules.entrants_text(listed))

"""/console/stamps: what is stamped, who collects, and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.coupons import queries as coupons
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.stamps import messages, queries
from app.stamps.queries import Card, Tally
from app.web import pages
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/stamps", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_NUMBERS))]


@dataclass(frozen=True, slots=True)
class Line:
    card: Card
    how: str
    holders: int
    prizes: Sequence[tuple[str, Tally]]  # what a milestone brings, and how often it was reached


@router.get("")
def stamps(request: Request, _visitor: Reader) -> Response:
    with request.app.state.db.reading() as session:
        tallies, names = queries.tallies(session), coupons.names(session)
        lines = [
            Line(
                card,
                messages.how(card.terms),
                queries.holders(session, card),
                _prizes(card, tallies.get(card.id, []), names),
            )
            for card in queries.cards(session)
        ]
    return pages.render(request, "console/stamps.html", lines=lines)


def _prizes(card: Card, tallies: Sequence[Tally], names: dict[str, str]) -> list[tuple[str, Tally]]:
    """Every milestone of the card as it is now, and those of before that somebody reached."""
    counted = {tally.milestone: tally for tally in tallies}
    promised = {item.at: messages.prize(item, names) for item in card.terms.milestones}
    return [
        (promised.get(at, "以前的獎勵"), counted.get(at, Tally(at, 0, 0, 0, 0, 0)))
        for at in sorted(promised.keys() | counted.keys())
    ]

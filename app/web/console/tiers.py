"""/console/tiers: the ladder in force, who stands where, and what was chosen of the benefits."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.benefits import queries as benefits
from app.benefits.queries import Taken
from app.benefits.rules import PERIODS, gives
from app.core.clock import taipei_date
from app.coupons import queries as coupons
from app.programmes import queries as programmes
from app.programmes.rules import Choice, Tier
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.tiers import queries
from app.tiers.rules import words
from app.web import pages
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/tiers", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_NUMBERS))]
NOBODY = Taken(0, 0)


@dataclass(frozen=True, slots=True)
class OptionLine:
    name: str
    gives: str
    taken: Taken


@dataclass(frozen=True, slots=True)
class ChoiceLine:
    """`chosen` members of the tier's `members` chose in the period that runs."""

    choice: Choice
    period: str
    options: tuple[OptionLine, ...]
    members: int

    @property
    def chosen(self) -> int:
        return sum(option.taken.now for option in self.options)

    @property
    def share(self) -> str:
        return f"{self.chosen * 100 // self.members} %" if self.members else "—"


@dataclass(frozen=True, slots=True)
class TierLine:
    tier: Tier
    goals: str
    members: int
    choices: tuple[ChoiceLine, ...]


@dataclass(frozen=True, slots=True)
class TiersView:
    version: int
    window: str
    length: str
    lines: tuple[TierLine, ...]
    members: int


@router.get("")
def tiers(request: Request, _: Reader) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        terms = programmes.terms_at(session, now)
        counts = queries.counts(session)
        taken = benefits.taken(session, terms, now=now)
        names = coupons.names(session)
    lines = tuple(
        TierLine(
            tier=tier,
            goals=words.goals(tier, terms.tiering, taipei_date(now)),
            members=counts.get(tier.code, 0),
            choices=tuple(
                ChoiceLine(
                    choice=choice,
                    period=PERIODS[choice.every],
                    options=tuple(
                        OptionLine(
                            option.name,
                            gives(option, names.get(option.coupon or "")),
                            taken.get((tier.code, choice.code, option.code), NOBODY),
                        )
                        for option in choice.options
                    ),
                    members=counts.get(tier.code, 0),
                )
                for choice in tier.choices
            ),
        )
        for tier in terms.tiers
    )
    view = TiersView(
        version=terms.version,
        window=words.window(terms.tiering),
        length=words.length(terms.tiering),
        lines=lines,
        members=sum(counts.values()),
    )
    return pages.render(request, "console/tiers.html", view=view)

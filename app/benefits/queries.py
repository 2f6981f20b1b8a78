"""What a member can choose now, what was chosen, and where the records contradict each other."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.benefits import rules
from app.benefits.models import CLAIMS, GIVEN, TAKEN_BACK
from app.benefits.rules import Term
from app.coupons import queries as coupons
from app.coupons.models import COUPONS, REVOKED
from app.points.models import OPERATIONS
from app.programmes import queries as programmes
from app.programmes.rules import Choice, Option, Terms, Tier
from app.tiers import queries as tiers
from app.tiers.models import PERIODS
from app.tiers.queries import Period


@dataclass(frozen=True, slots=True)
class Claimed:
    """A choice as it was made."""

    id: int
    member_id: int
    choice: str
    period: str
    option: str
    choice_name: str
    option_name: str
    tier_code: str
    programme_version: int
    status: str
    points: int
    coupon_id: int | None
    coupon_status: str | None
    turn: int
    at: datetime
    holder_id: int | None  # of the coupon: a friend's, once it was given on

    @property
    def has_coupon(self) -> bool:
        """The coupon is there for the member to open."""
        return self.coupon_id is not None and self.holder_id == self.member_id

    @property
    def is_over(self) -> bool:
        """All of it was taken back, so that it can be chosen anew."""
        return self.status == TAKEN_BACK


_CLAIMED = sa.select(
    CLAIMS.c.id,
    CLAIMS.c.member_id,
    CLAIMS.c.choice,
    CLAIMS.c.period,
    CLAIMS.c.option,
    CLAIMS.c.choice_name,
    CLAIMS.c.option_name,
    CLAIMS.c.tier_code,
    CLAIMS.c.programme_version,
    CLAIMS.c.status,
    CLAIMS.c.points,
    CLAIMS.c.coupon_id,
    COUPONS.c.status,
    CLAIMS.c.turn,
    CLAIMS.c.at,
    COUPONS.c.member_id,
).outerjoin_from(CLAIMS, COUPONS, COUPONS.c.id == CLAIMS.c.coupon_id)


def claims_of(session: Session, member_id: int, *, limit: int = 200) -> list[Claimed]:
    """Newest first."""
    rows = session.execute(
        _CLAIMED.where(CLAIMS.c.member_id == member_id)
        .order_by(CLAIMS.c.at.desc(), CLAIMS.c.id.desc())
        .limit(limit)
    )
    return [Claimed(*tuple(row)) for row in rows]


def claim(session: Session, claim_id: int) -> Claimed:
    return Claimed(*tuple(session.execute(_CLAIMED.where(CLAIMS.c.id == claim_id)).one()))


@dataclass(frozen=True, slots=True)
class OptionShown:
    option: Option
    gives: str  # 200 點, 宅配免運


@dataclass(frozen=True, slots=True)
class ChoiceShown:
    """A choice as its member sees it: until when, and what was chosen for this period."""

    choice: Choice
    period: str  # 本季
    until: date | None
    options: tuple[OptionShown, ...]
    claimed: Claimed | None


def term_of(period: Period) -> Term:
    return Term(period.id, period.starts_at, period.ends_at, period.reason)


def choices(session: Session, member_id: int, *, now: datetime) -> list[ChoiceShown]:
    """What the member's tier lets them choose; nothing without a tier."""
    held = tiers.open_period(session, member_id)
    terms = programmes.terms_at(session, now)
    offered = () if held is None else terms.tier(held.tier_code).choices
    if held is None or not offered:
        return []
    names = coupons.names(session)
    claims = claims_of(session, member_id)
    return [_shown(choice, term_of(held), claims, names, terms, now) for choice in offered]


def _shown(
    choice: Choice,
    term: Term,
    claims: Iterable[Claimed],
    names: Mapping[str, str],
    terms: Terms,
    now: datetime,
) -> ChoiceShown:
    return ChoiceShown(
        choice=choice,
        period=rules.PERIODS[choice.every],
        until=rules.last_day(choice.every, term, now),
        options=tuple(
            OptionShown(option, rules.gives(option, names.get(option.coupon or "")))
            for option in choice.options
        ),
        claimed=rules.made(
            claims, choice.code, choice.every, term, gift_months=terms.tiering.gift_months, now=now
        ),
    )


def option_of(tier: Tier, choice_code: str, option_code: str) -> tuple[Choice, Option] | None:
    for choice in tier.choices:
        for option in choice.options:
            if (choice.code, option.code) == (choice_code, option_code):
                return choice, option
    return None


# For the brand ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """How often an option was chosen: in the period that runs, and in all. Of a term's choices
    those of members who hold the tier in that very term."""

    now: int
    ever: int


def taken(session: Session, terms: Terms, *, now: datetime) -> dict[tuple[str, str, str], Taken]:
    """By tier, choice and option; counted in one statement."""
    anybody = Term(0, now, None, "")
    running = {
        choice.code: rules.period(choice.every, anybody, now)
        for tier in terms.tiers
        for choice in tier.choices
        if choice.every != "term"
    }
    is_running = sa.or_(
        sa.tuple_(CLAIMS.c.choice, CLAIMS.c.period).in_(list(running.items())),
        sa.and_(CLAIMS.c.period.startswith("term:"), PERIODS.c.closed_at.is_(None)),
    )
    rows = session.execute(
        sa.select(
            CLAIMS.c.tier_code,
            CLAIMS.c.choice,
            CLAIMS.c.option,
            sa.func.sum(sa.case((is_running, 1), else_=0)),
            sa.func.count(),
        )
        .join_from(CLAIMS, PERIODS, PERIODS.c.id == CLAIMS.c.tier_period_id)
        .where(CLAIMS.c.status != TAKEN_BACK)
        .group_by(CLAIMS.c.tier_code, CLAIMS.c.choice, CLAIMS.c.option)
    )
    return {(row[0], row[1], row[2]): Taken(int(row[3]), int(row[4])) for row in rows}


def broken(session: Session, *, limit: int = 20) -> list[str]:
    """Evidence of choices whose gift does not exist, and of two for one period."""
    without = session.scalars(
        sa.select(CLAIMS.c.id)
        .outerjoin(
            OPERATIONS,
            OPERATIONS.c.external_id
            == sa.literal("benefit:")
            .concat(_text(CLAIMS.c.id))
            .concat(":")
            .concat(_text(CLAIMS.c.turn)),
        )
        .where(sa.func.coalesce(OPERATIONS.c.amount, 0) != CLAIMS.c.points)
        .limit(limit)
    )
    found = [f"benefit claim {number}: its points were not given" for number in without]
    stray = session.scalars(
        sa.select(CLAIMS.c.id)
        .join(COUPONS, COUPONS.c.id == CLAIMS.c.coupon_id)
        .where(
            COUPONS.c.source.not_in(("benefit", "gift")),  # or a friend has it by now
            CLAIMS.c.status == GIVEN,
        )
        .limit(limit)
    )
    found += [f"benefit claim {number}: its coupon is another's" for number in stray]
    back = session.scalars(
        sa.select(CLAIMS.c.id)
        .join(COUPONS, COUPONS.c.id == CLAIMS.c.coupon_id)
        .where(CLAIMS.c.status == TAKEN_BACK, COUPONS.c.status != REVOKED)
        .limit(limit)
    )
    found += [f"benefit claim {number}: taken back, its coupon is not" for number in back]
    twice = session.execute(
        sa.select(CLAIMS.c.member_id, CLAIMS.c.choice, CLAIMS.c.tier_period_id)
        .where(CLAIMS.c.status != TAKEN_BACK, CLAIMS.c.period.startswith("term:"))
        .group_by(CLAIMS.c.member_id, CLAIMS.c.choice, CLAIMS.c.tier_period_id)
        .having(sa.func.count() > 1)
        .limit(limit)
    )
    return found + [f"member {row[0]}: {row[1]} was chosen twice" for row in twice]


def _text(column: sa.ColumnElement[Any]) -> sa.Cast[str]:
    return sa.cast(column, sa.String)

"""Choosing a benefit, once a period; and what becomes of the choice when its tier is taken back.

Whoever chooses holds the member's account, so of two taps at once the second finds the first; the
unique row of member, choice and period holds besides."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.benefits import queries, rules
from app.benefits.models import CLAIMS, GIVEN, KEPT, TAKEN_BACK, BenefitClaim
from app.benefits.queries import Claimed
from app.benefits.rules import BenefitRefused
from app.core.db import changed, insert_or_ignore
from app.core.errors import NotFound
from app.coupons import service as coupons
from app.coupons.service import LimitReached
from app.points import service as points
from app.points.service import Cause
from app.programmes import queries as programmes
from app.programmes.rules import Choice, Option, Terms
from app.tiers import queries as tiers
from app.tiers import service as tier_service
from app.tiers.models import PERIODS
from app.tiers.queries import Period
from app.timeline import service as timeline

SYSTEM, MEMBER = "system", "member"
SOURCE = "benefit"


def claim(session: Session, *, member_id: int, choice: str, option: str, now: datetime) -> Claimed:
    """Choose one of a tier's benefits for the period that holds now, and give it. The same choice
    again is the one made before. The tier is the one held now, after what ended before.

    Raises BenefitRefused; then the caller must roll back."""
    points.lock(session, member_id=member_id, now=now)
    terms = programmes.terms_at(session, now)
    tier_service.settle(session, member_id=member_id, terms=terms, until=now, now=now)
    held = tiers.open_period(session, member_id)
    wanted = None if held is None else _wanted(terms, held, choice, option)
    if held is None or wanted is None:
        raise BenefitRefused("not_offered")
    before = rules.made(
        queries.claims_of(session, member_id),
        choice,
        wanted[0].every,
        queries.term_of(held),
        gift_months=terms.tiering.gift_months,
        now=now,
    )
    if before is not None:
        return _same(before, option)
    claim_id, turn = _write_down(session, held, wanted, terms, now)
    _give(session, claim_id, turn, member_id, wanted, terms, now)
    timeline.record(
        session,
        member_id=member_id,
        kind="benefit.claimed",
        at=now,
        facts={
            "claim_id": claim_id,
            "choice": choice,
            "option": option,
            "name": wanted[1].name,
            "tier": held.tier_code,
        },
    )
    return queries.claim(session, claim_id)


def _wanted(terms: Terms, held: Period, choice: str, option: str) -> tuple[Choice, Option] | None:
    return queries.option_of(terms.tier(held.tier_code), choice, option)


def _same(before: Claimed, option: str) -> Claimed:
    if before.option != option:
        raise BenefitRefused("claimed", name=before.option_name)
    return before


def _write_down(
    session: Session,
    held: Period,
    wanted: tuple[Choice, Option],
    terms: Terms,
    now: datetime,
) -> tuple[int, int]:
    """The row of the period, or the one that was taken back: (its id, how often it was given)."""
    choice, option = wanted
    period = rules.period(choice.every, queries.term_of(held), now)
    values = {
        "option": option.code,
        "choice_name": choice.name,
        "option_name": option.name,
        "tier_code": held.tier_code,
        "tier_period_id": held.id,
        "programme_version": terms.version,
        "status": GIVEN,
        "points": option.points,
        "coupon_id": None,
        "at": now,
        "ended_at": None,
    }
    key = {"member_id": held.member_id, "choice": choice.code, "period": period}
    insert = insert_or_ignore(BenefitClaim, session.get_bind().dialect.name).returning(CLAIMS.c.id)
    claim_id = session.execute(insert, {**key, **values, "turn": 1}).scalar_one_or_none()
    if claim_id is not None:
        return int(claim_id), 1
    again = session.execute(
        sa.update(CLAIMS)
        .where(*(CLAIMS.c[name] == value for name, value in key.items()))
        .where(CLAIMS.c.status == TAKEN_BACK)
        .values(**values, turn=CLAIMS.c.turn + 1)
        .returning(CLAIMS.c.id, CLAIMS.c.turn)
    ).one_or_none()
    if again is None:
        raise BenefitRefused("claimed", name="")
    return again.id, again.turn


def _give(
    session: Session,
    claim_id: int,
    turn: int,
    member_id: int,
    wanted: tuple[Choice, Option],
    terms: Terms,
    now: datetime,
) -> None:
    choice, option = wanted
    key = _key(claim_id, turn)
    if option.points:
        reason = f"{choice.name}「{option.name}」"
        cause = Cause(key, MEMBER, reason, SOURCE, claim_id, terms.version)
        points.award(
            session,
            member_id=member_id,
            points=option.points,
            cause=cause,
            terms=terms.points,
            now=now,
        )
    if option.coupon is None:
        return
    try:
        issued = coupons.issue(
            session,
            kind_code=option.coupon,
            member_id=member_id,
            source=SOURCE,
            dedup_key=key,
            now=now,
        )
    except (LimitReached, NotFound) as refused:
        raise BenefitRefused("gone") from refused
    assert issued is not None  # the row of the claim is new in this transaction
    session.execute(
        sa.update(CLAIMS).where(CLAIMS.c.id == claim_id).values(coupon_id=issued.coupon_id)
    )


def _key(claim_id: int, turn: int) -> str:
    return f"benefit:{claim_id}:{turn}"


def take_back(
    session: Session, *, member_id: int, tier_period_id: int, reason: str, now: datetime
) -> None:
    """With a tier that a refund revoked goes what is unused of the benefits chosen in it since the
    upgrade; what was used, also in part, counts as chosen."""
    lost = PERIODS.alias("lost")
    # A refund before may have given the tier back from a higher one, as another period that rests
    # on the same sale.
    since_upgrade = (
        sa.select(PERIODS.c.id)
        .join_from(
            PERIODS,
            lost,
            sa.or_(
                PERIODS.c.id == lost.c.id,
                sa.and_(
                    PERIODS.c.member_id == lost.c.member_id,
                    PERIODS.c.tier_code == lost.c.tier_code,
                    PERIODS.c.purchase_id == lost.c.purchase_id,
                ),
            ),
        )
        .where(lost.c.id == tier_period_id)
    )
    rows = session.execute(
        sa.select(CLAIMS.c.id, CLAIMS.c.points, CLAIMS.c.coupon_id, CLAIMS.c.turn)
        .where(
            CLAIMS.c.tier_period_id.in_(since_upgrade),
            CLAIMS.c.member_id == member_id,
            CLAIMS.c.status == GIVEN,
        )
        .order_by(CLAIMS.c.id)
    ).all()
    for row in rows:
        is_gone = row.coupon_id is None or coupons.revoke(
            session, coupon_id=row.coupon_id, reason=reason, staff_id=None, now=now
        )
        taken = 0
        if row.points and is_gone:
            key = _key(row.id, row.turn)
            cause = Cause(f"{key}:back", SYSTEM, reason, SOURCE, row.id)
            taken = -points.withdraw(
                session, member_id=member_id, award=key, cause=cause, now=now
            ).points
        is_whole = is_gone and taken == row.points
        status = TAKEN_BACK if is_whole else KEPT
        if changed(
            session,
            sa.update(CLAIMS)
            .where(CLAIMS.c.id == row.id, CLAIMS.c.status == GIVEN)
            .values(status=status, ended_at=now),
        ):
            timeline.record(
                session,
                member_id=member_id,
                kind=f"benefit.{status}",
                at=now,
                facts={"claim_id": row.id, "points": taken},
            )

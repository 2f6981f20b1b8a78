"""A word everybody may know, such as SUMMER100: who types it gets a coupon of their own. What is
used is that coupon, so the limits of its kind hold as always, and a refund gives it back."""

from datetime import date, datetime, timedelta
from itertools import count
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import inserted
from app.core.errors import DomainError
from app.coupons import rules
from app.coupons.models import COUPONS, HOLDINGS, KINDS, TRIES
from app.coupons.queries import is_free_for
from app.coupons.service.giving import Issued, LimitReached, issue
from app.coupons.service.locking import lock_kinds

MOST_TRIES: Final = 10  # wrong words of one member on one Taipei day
SOURCE: Final = "word"


class WordRefused(DomainError):
    """`reason` is too_often, not_new (with the days it is for), or a limit of its kind: total,
    per_member, ended."""

    def __init__(self, reason: str, *, days: int = 0) -> None:
        super().__init__(f"word refused: {reason}")
        self.reason, self.days = reason, days


_TRY = {
    dialect: insert(TRIES).on_conflict_do_update(
        index_elements=["member_id", "day"], set_={"tries": TRIES.c.tries + 1}
    )
    for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


def claim_word(
    session: Session,
    *,
    word: str,
    member_id: int,
    joined_on: date | None,
    now: datetime,
) -> Issued | None:
    """Give the member a coupon for the word; None when no kind has it, which is counted when it
    looks like one that was guessed. After too many of those no word is looked up until tomorrow.

    Raises WordRefused."""
    said = rules.word_of(word)
    if said is None:
        return None
    today = {"member_id": member_id, "day": taipei_date(now)}
    tries = session.scalar(sa.select(TRIES.c.tries).filter_by(**today)) or 0
    looks_guessed = any(sign.isdigit() for sign in said)
    if looks_guessed and tries >= MOST_TRIES:
        raise WordRefused("too_often")
    kind = session.execute(
        sa.select(
            KINDS.c.id, KINDS.c.code, KINDS.c.per_member_limit, KINDS.c.word_for_days
        ).where(KINDS.c.word == said)
    ).one_or_none()  # fmt: skip
    if kind is None:
        if looks_guessed:
            inserted(session, _TRY[session.get_bind().dialect.name], today | {"tries": 1})
        return None
    if kind.word_for_days is not None and not _is_new(joined_on, kind.word_for_days, now):
        raise WordRefused("not_new", days=kind.word_for_days)
    lock_kinds(session, words=[said])  # before the coupon's key, as a sale does that says a word
    try:
        issued = issue(
            session,
            kind_code=kind.code,
            member_id=member_id,
            source=SOURCE,
            dedup_key=_next_key(session, kind, member_id),
            now=now,
        )
    except LimitReached as reached:
        raise WordRefused(reached.limit) from reached
    if issued is None:
        raise WordRefused("per_member")
    return issued


def held_of_word(
    session: Session, *, word: str, member_id: int, order_id: str, now: datetime
) -> str | None:
    """The code of a coupon that the word gave the member before, that is not used yet and that the
    order may use; the one that ends first."""
    return session.scalar(
        sa.select(COUPONS.c.code)
        .join_from(COUPONS, KINDS, KINDS.c.id == COUPONS.c.kind_id)
        .where(
            KINDS.c.word == word,
            COUPONS.c.member_id == member_id,
            COUPONS.c.source == SOURCE,
            COUPONS.c.usable_from <= now,
            is_free_for(order_id, now),
        )
        .order_by(COUPONS.c.expires_at.is_(None), COUPONS.c.expires_at, COUPONS.c.id)
        .limit(1)
    )


def _next_key(session: Session, kind: Any, member_id: int) -> str:
    """One coupon a member for a word whose kind has no limit of its own. Else what the member was
    given says where to look: a coupon given on to a friend still counts, and a key that is taken
    (a merger that was undone) is stepped over."""
    stem = f"word:{kind.id}:{member_id}:"
    if kind.per_member_limit is None:
        return f"{stem}0"
    issued = session.scalar(
        sa.select(HOLDINGS.c.issued).filter_by(kind_id=kind.id, member_id=member_id)
    )
    keys = (f"{stem}{number}" for number in count(issued or 0))
    return next(
        key
        for key in keys
        if not session.scalar(sa.select(sa.exists().where(COUPONS.c.dedup_key == key)))
    )


def _is_new(joined_on: date | None, days: int, now: datetime) -> bool:
    """In Taipei days: joined today is day 0."""
    return joined_on is not None and taipei_date(now) - joined_on <= timedelta(days=days)

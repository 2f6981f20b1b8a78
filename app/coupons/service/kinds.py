"""What may be given: kinds with their limits, and the versions of what they offer."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.db import changed, insert_or_ignore, switch
from app.core.errors import Conflict, DomainError, NotFound
from app.coupons import queries, rules
from app.coupons.models import KINDS, OFFERS, CouponKind
from app.coupons.rules import KindDraft
from app.coupons.service.locking import lock_kinds

_LIMITS = (
    "issue_limit",
    "redeem_limit",
    "per_member_limit",
    "per_day_limit",
    "budget",
    "word",
    "word_for_days",
    "goodwill",
)
_OFFERED = tuple(
    name for name in KindDraft.__slots__ if name not in (*_LIMITS, "code", "conditions")
)


def create_kind(session: Session, *, draft: KindDraft, now: datetime) -> int:
    """Raises Invalid naming the field, Conflict for a code or a word that another kind has."""
    rules.check_draft(draft)
    values = {name: getattr(draft, name) for name in ("code", *_LIMITS)}
    values |= {"issued": 0, "redeemed": 0, "spent": 0, "is_active": True, "created_at": now}
    insert = insert_or_ignore(CouponKind, session.get_bind().dialect.name).returning(KINDS.c.id)
    kind_id: int | None = session.execute(insert, values).scalar_one_or_none()
    if kind_id is None:
        is_code = queries.newest_offer(session, draft.code) is not None
        raise Conflict("code" if is_code else "word", draft.code if is_code else draft.word)
    _offer(session, kind_id, draft, version=1, now=now)
    return kind_id


class KindChanged(DomainError):
    """Somebody else changed the kind since it was looked at."""


def revise_kind(
    session: Session, *, draft: KindDraft, now: datetime, seen: str | None = None
) -> bool:
    """Offer something else under a known code from now on; False when nothing differs. Holders
    keep what they hold; a limit below what is given already only stops further giving.

    Raises Invalid naming the field, NotFound for an unknown code, Conflict for a word that another
    kind has, KindChanged when the kind's seal is not `seen` (any more)."""
    rules.check_draft(draft)
    lock_kinds(session, kind_codes=[draft.code])  # what is read next is true until the end
    newest = queries.newest_offer(session, draft.code)
    if newest is None:
        raise NotFound("coupon kind", draft.code)
    if seen is not None and seen != newest.seal:
        raise KindChanged(draft.code)
    if draft.word is not None and queries.kind_of_word(session, draft.word) not in (
        None,
        draft.code,
    ):
        raise Conflict("word", draft.word)
    limits = {name: getattr(draft, name) for name in _LIMITS} | {
        "issue_limit": _at_least(draft.issue_limit, newest.issued),
        "redeem_limit": _at_least(draft.redeem_limit, newest.redeemed),
        "budget": _at_least(draft.budget, newest.spent),
    }
    differs = sa.or_(*(KINDS.c[name].is_distinct_from(value) for name, value in limits.items()))
    change = sa.update(KINDS).where(KINDS.c.id == newest.kind_id, differs).values(limits)
    try:
        with session.begin_nested():
            has_changed = changed(session, change)
    except IntegrityError as refused:  # the one unique limit: another kind was faster with the word
        raise Conflict("word", draft.word) from refused
    if _offered(newest.draft) == _offered(draft):
        return bool(has_changed)
    _offer(session, newest.kind_id, draft, version=newest.version + 1, now=now)
    return True


def set_active(session: Session, *, code: str, is_active: bool) -> bool:
    """Begin or stop giving a kind; what was given stays good. False when it was so already."""
    return switch(session, KINDS, code=code, is_active=is_active)


def _at_least(limit: int | None, counted: int) -> int | None:
    return None if limit is None else max(limit, counted)


def _offered(draft: KindDraft) -> dict[str, Any]:
    return {name: getattr(draft, name) for name in _OFFERED} | {
        "conditions": asdict(draft.conditions)
    }


def _offer(
    session: Session, kind_id: int, draft: KindDraft, *, version: int, now: datetime
) -> None:
    session.execute(
        sa.insert(OFFERS),
        _offered(draft) | {"kind_id": kind_id, "version": version, "created_at": now},
    )

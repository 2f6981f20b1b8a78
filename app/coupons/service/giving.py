"""Give coupons, to one member or to many at once. The kind's row is always locked before the
members' holdings, so that two givers wait for each other and never in a ring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import ids
from app.core.db import insert_or_ignore, inserted, table_of
from app.core.errors import DomainError, NotFound
from app.core.prepared import Prepared, among
from app.coupons import rules
from app.coupons.models import COUPONS, HOLDINGS, ISSUED, KINDS, OFFERS, Coupon
from app.coupons.service.records import note, note_all
from app.members.models import Member
from app.timeline import service as timeline

CODE_LENGTH = 12


class LimitReached(DomainError):
    """No more may be given. `limit` is total, per_member or inactive."""

    def __init__(self, limit: str) -> None:
        super().__init__(f"coupon limit reached: {limit}")
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Issued:
    coupon_id: int
    code: str
    kind_name: str
    expires_at: datetime | None


_KIND = (
    sa.select(
        KINDS.c.id,
        OFFERS.c.id.label("offer_id"),
        OFFERS.c.name,
        OFFERS.c.valid_days,
        OFFERS.c.starts_at,
        OFFERS.c.ends_at,
        KINDS.c.per_member_limit,
    )
    .join_from(KINDS, OFFERS, OFFERS.c.kind_id == KINDS.c.id)
    .where(KINDS.c.code == sa.bindparam("code"))
    .order_by(OFFERS.c.version.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind as it is given at one instant."""

    id: int
    offer_id: int
    name: str
    per_member: int | None
    usable_from: datetime
    expires_at: datetime | None

    def terms(self, source: str, now: datetime) -> dict[str, Any]:
        """What all coupons given together have in common."""
        return {
            "kind_id": self.id,
            "offer_id": self.offer_id,
            "status": ISSUED,
            "source": source,
            "issued_at": now,
            "usable_from": self.usable_from,
            "expires_at": self.expires_at,
        }


def _kind(session: Session, code: str, now: datetime, until: datetime | None = None) -> _Kind:
    """Raises NotFound, LimitReached when its time is over."""
    row = session.execute(_KIND, {"code": code}).one_or_none()
    if row is None:
        raise NotFound("coupon kind", code)
    expires = rules.expires_at(
        issued_at=now,
        valid_days=row.valid_days,
        ends_at=row.ends_at,
        starts_at=row.starts_at,
    )
    if until is not None:
        expires = until if expires is None else min(expires, until)
    if expires is not None and expires <= now:
        raise LimitReached("ended")
    usable_from = now if row.starts_at is None else max(now, row.starts_at)
    return _Kind(row.id, row.offer_id, row.name, row.per_member_limit, usable_from, expires)


_ADD = {
    dialect: insert_or_ignore(Coupon, dialect).returning(COUPONS.c.id)
    for dialect in ("sqlite", "postgresql")
}
_MORE = sa.bindparam("more", type_=sa.Integer)
_COUNT = (
    sa.update(KINDS)
    .where(
        KINDS.c.id == sa.bindparam("of_kind"),
        KINDS.c.is_active.is_(True),
        sa.or_(KINDS.c.issue_limit.is_(None), KINDS.c.issued + _MORE <= KINDS.c.issue_limit),
    )
    .values(issued=KINDS.c.issued + _MORE)
)
_HOLD = {
    dialect: insert(HOLDINGS).on_conflict_do_update(
        index_elements=["kind_id", "member_id"],
        set_={"issued": HOLDINGS.c.issued + 1},
        where=HOLDINGS.c.issued < sa.bindparam("most", type_=sa.Integer()),
    )
    for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_NO_LIMIT = 2**31 - 1


def issue(
    session: Session,
    *,
    kind_code: str,
    member_id: int,
    source: str,
    dedup_key: str,
    now: datetime,
    until: datetime | None = None,
    staff_id: int | None = None,
    store_id: int | None = None,
    reason: str = "",
) -> Issued | None:
    """Give a member one coupon, good as long as its kind says but not beyond `until`. None when
    this dedup key gave one before. A person who gives it is noted with the store and the reason.

    Raises NotFound for an unknown kind, LimitReached when no more may be given."""
    kind = _kind(session, kind_code, now, until)
    code = ids.random_code(CODE_LENGTH)
    coupon_id = session.execute(
        _ADD[session.get_bind().dialect.name],
        {
            "member_id": member_id,
            "code": code,
            "dedup_key": dedup_key,
            **kind.terms(source, now),
        },
    ).scalar_one_or_none()
    if coupon_id is None:
        return None
    _count_issue(session, kind.id, member_id, kind.per_member)
    facts = {"source": source} | ({"reason": reason} if reason else {})
    note(session, coupon_id, "issued", now, store_id, staff_id, facts)
    timeline.record(
        session,
        member_id=member_id,
        kind="coupon.issued",
        at=now,
        facts={"coupon_id": coupon_id, "name": kind.name, "source": source},
    )
    return Issued(coupon_id, code, kind.name, kind.expires_at)


def _count_issue(
    session: Session, kind_id: int, member_id: int, per_member_limit: int | None
) -> None:
    if not _rows(session.execute(_COUNT, {"of_kind": kind_id, "more": 1})):
        raise LimitReached("total")
    if not count_holding(session, kind_id, member_id, per_member_limit):
        raise LimitReached("per_member")


def count_holding(
    session: Session, kind_id: int, member_id: int, per_member_limit: int | None
) -> bool:
    """One more of a kind for a member; False when that is more than a member may have."""
    most = _NO_LIMIT if per_member_limit is None else per_member_limit
    row = {"kind_id": kind_id, "member_id": member_id, "issued": 1, "most": most}
    return most >= 1 and bool(inserted(session, _HOLD[session.get_bind().dialect.name], row))


def _rows(result: sa.Result[Any]) -> int:
    return int(result.rowcount)  # type: ignore[attr-defined]  # CursorResult


# To many ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Given:
    """`to`: what each member got; `refused`: the limit that left a member without."""

    to: Mapping[int, Issued]
    refused: Mapping[int, str]


def issue_to_all(
    session: Session,
    *,
    kind_code: str,
    member_ids: Sequence[int],
    source: str,
    dedup_prefix: str,
    now: datetime,
) -> Given:
    """Give each member one coupon, in a handful of statements for all of them; the first of
    `member_ids` get what is left when it is not enough for all. The dedup key of each is the prefix
    with the member's id, and must be new.

    Raises NotFound for an unknown kind, LimitReached when its time is over."""
    kind = _kind(session, kind_code, now)
    chosen, refused = _within_limits(session, kind, list(member_ids))
    if not chosen:
        return Given({}, refused)
    rows = [
        {
            "member_id": member_id,
            "code": ids.random_code(CODE_LENGTH),
            "dedup_key": f"{dedup_prefix}{member_id}",
            **kind.terms(source, now),
        }
        for member_id in chosen
    ]
    insert = sa.insert(COUPONS).returning(COUPONS.c.id, sort_by_parameter_order=True)
    coupon_ids = session.connection().execute(insert, rows).scalars().all()
    note_all(session, coupon_ids, "issued", now, {"source": source})
    given = {
        row["member_id"]: Issued(coupon_id, row["code"], kind.name, kind.expires_at)
        for row, coupon_id in zip(rows, coupon_ids, strict=True)
    }
    timeline.record_all(
        session,
        kind="coupon.issued",
        at=now,
        facts={
            member_id: {"coupon_id": issued.coupon_id, "name": kind.name, "source": source}
            for member_id, issued in given.items()
        },
    )
    return Given(given, refused)


def _within_limits(
    session: Session, kind: _Kind, member_ids: list[int]
) -> tuple[list[int], dict[int, str]]:
    """Book as many as the kind has left and each member may have. Who may have none of it leaves
    room for the next."""
    chosen: list[int] = []
    refused: dict[int, str] = {}
    while member_ids:
        room = _take_room(session, kind.id, len(member_ids))
        if not room:
            return chosen, refused | dict.fromkeys(member_ids, "total")
        asked, member_ids = member_ids[:room], member_ids[room:]
        may = _hold(session, kind, asked)
        if len(may) < room:
            session.execute(_COUNT, {"of_kind": kind.id, "more": len(may) - room})
        chosen += [member_id for member_id in asked if member_id in may]
        refused |= {member_id: "per_member" for member_id in asked if member_id not in may}
    return chosen, refused


_LEFT = Prepared(
    sa.select(KINDS.c.is_active, KINDS.c.issue_limit - KINDS.c.issued).where(
        KINDS.c.id == sa.bindparam("kind")
    )
)


def _take_room(session: Session, kind_id: int, wanted: int) -> int:
    """Count `wanted` more of a kind as given, or as many as are left; return how many."""
    while wanted > 0:
        if _rows(session.execute(_COUNT, {"of_kind": kind_id, "more": wanted})):
            return wanted
        is_active, left = _LEFT.row(session, {"kind": kind_id})
        if not is_active or left is None:
            return 0
        wanted = min(wanted - 1, left)
    return 0


_ASKED = sa.select(
    sa.bindparam("kind", type_=sa.BigInteger), table_of(Member).c.id, sa.literal(1)
).where(among(table_of(Member).c.id, "members"))
_HOLD_ALL = Prepared(
    {
        dialect: insert(HOLDINGS)
        .from_select(["kind_id", "member_id", "issued"], _ASKED.order_by(table_of(Member).c.id))
        .on_conflict_do_update(
            index_elements=["kind_id", "member_id"],
            set_={"issued": HOLDINGS.c.issued + 1},
            where=HOLDINGS.c.issued < sa.bindparam("most", type_=sa.Integer()),
        )
        .returning(HOLDINGS.c.member_id)
        for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
    }
)


def _hold(session: Session, kind: _Kind, member_ids: Sequence[int]) -> set[int]:
    """Those who may have one more."""
    most = _NO_LIMIT if kind.per_member is None else kind.per_member
    if most < 1:
        return set()
    values = {"kind": kind.id, "members": list(member_ids), "most": most}
    return {member_id for (member_id,) in _HOLD_ALL.rows(session, values)}

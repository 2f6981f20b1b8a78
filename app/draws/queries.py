"""Draws as members, staff and the public see them, and which records contradict each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import text
from app.core.db import table_of
from app.core.errors import NotFound
from app.core.prepared import Prepared
from app.draws.models import (
    ALIASES,
    ALL_DAYS,
    ALTERNATE,
    DRAWN,
    DRAWS,
    ENTERED,
    ENTRIES,
    FROZEN,
    OPEN,
    PRIZES,
    SPARE,
    SPUN,
    TALLIES,
    WINS,
    WON,
)
from app.draws.rules import DRAW, WHEEL, Entrant, Pick, Proof, Spin
from app.members.models import Member

_MEMBERS = table_of(Member)
PRESSED = ("points", "free")  # entries that a member made, not a sale or the staff


@dataclass(frozen=True, slots=True)
class PrizeShown:
    id: int
    place: int
    name: str
    description: str
    value: int  # NT$
    quantity: int
    remaining: int
    weight: int
    points: int
    coupon: str | None


@dataclass(frozen=True, slots=True)
class DrawShown:
    """Never its seed before it is drawn."""

    id: int
    code: str
    name: str
    kind: str
    description: str
    starts_at: datetime
    ends_at: datetime
    draw_at: datetime
    cost: int
    may_enter: bool
    sale_unit: int | None
    coupon: str | None
    per_member: int | None
    per_day: int | None
    wins_per_member: int
    alternates: int
    claim_days: int
    adults_only: bool
    blank_weight: int
    commitment: str
    terms_hash: str
    status: str
    entries: int
    spins: int
    entrants_hash: str | None
    frozen_at: datetime | None
    drawn_at: datetime | None
    prizes: tuple[PrizeShown, ...] = ()

    @property
    def is_wheel(self) -> bool:
        return self.kind == WHEEL

    def is_running(self, now: datetime) -> bool:
        return self.status == OPEN and self.starts_at <= now < self.ends_at


_DRAW_FIELDS = tuple(name for name in DrawShown.__slots__ if name != "prizes")
_SHOWN = sa.select(*(DRAWS.c[name] for name in _DRAW_FIELDS))
_PRIZE_FIELDS = PrizeShown.__slots__


def draws(session: Session, *, limit: int = 100) -> list[DrawShown]:
    """Newest first."""
    return _with_prizes(session, session.execute(_SHOWN.order_by(DRAWS.c.id.desc()).limit(limit)))


def shown_to_members(session: Session, *, now: datetime, since: datetime) -> list[DrawShown]:
    """Running and waiting for their result, soonest end first; then those drawn after `since`."""
    rows = session.execute(
        _SHOWN.where(
            DRAWS.c.starts_at <= now, sa.or_(DRAWS.c.status != DRAWN, DRAWS.c.drawn_at > since)
        ).order_by(sa.case((DRAWS.c.status == DRAWN, 1), else_=0), DRAWS.c.ends_at, DRAWS.c.id)
    )
    return _with_prizes(session, rows)


def draw(session: Session, draw_id: int) -> DrawShown:
    """Raises NotFound."""
    return _one(session, DRAWS.c.id == draw_id, draw_id)


def draw_by_code(session: Session, code: str) -> DrawShown:
    """Raises NotFound."""
    return _one(session, DRAWS.c.code == code, code)


def _one(session: Session, which: sa.ColumnElement[bool], key: object) -> DrawShown:
    found = _with_prizes(session, session.execute(_SHOWN.where(which)))
    if not found:
        raise NotFound("draw", key)
    return found[0]


def _with_prizes(session: Session, rows: sa.Result[Any]) -> list[DrawShown]:
    found = [row._mapping for row in rows]
    prizes: dict[int, list[PrizeShown]] = {row["id"]: [] for row in found}
    if prizes:
        query = sa.select(PRIZES.c.draw_id, *(PRIZES.c[name] for name in _PRIZE_FIELDS))
        in_order = query.where(PRIZES.c.draw_id.in_(prizes)).order_by(PRIZES.c.place)
        for row in session.execute(in_order):
            prizes[row.draw_id].append(PrizeShown(*tuple(row)[1:]))
    return [DrawShown(**row, prizes=tuple(prizes[row["id"]])) for row in found]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a member stands in a draw: `turn` counts what they pressed, so that a button can say
    which press it is; `tickets` are theirs in the list."""

    turn: int
    tickets: tuple[str, ...]
    spare: int
    in_all: int
    today: int
    alias: str


def standing(session: Session, *, draw: DrawShown, member_id: int, today: date) -> Standing:
    rows = session.execute(
        sa.select(ENTRIES.c.ticket, ENTRIES.c.status, ENTRIES.c.source)
        .where(ENTRIES.c.draw_id == draw.id, ENTRIES.c.member_id == member_id)
        .order_by(ENTRIES.c.id)
    ).all()
    tallies: Mapping[str, int] = {
        row.scope: row.entries
        for row in session.execute(
            sa.select(TALLIES.c.scope, TALLIES.c.entries).where(
                TALLIES.c.draw_id == draw.id,
                TALLIES.c.member_id == member_id,
                TALLIES.c.scope.in_((ALL_DAYS, today.isoformat())),
            )
        )
    }
    alias = session.scalar(
        sa.select(ALIASES.c.alias).where(
            ALIASES.c.draw_id == draw.id, ALIASES.c.member_id == member_id
        )
    )
    return Standing(
        turn=sum(row.status == SPUN if draw.is_wheel else row.source in PRESSED for row in rows),
        tickets=tuple(row.ticket for row in rows if row.status == ENTERED),
        spare=sum(row.status == SPARE for row in rows),
        in_all=tallies.get(ALL_DAYS, 0),
        today=tallies.get(today.isoformat(), 0),
        alias=alias or "",
    )


@dataclass(frozen=True, slots=True)
class WinShown:
    id: int
    rank: int
    status: str
    alias: str
    ticket: str
    member_id: int
    name: str | None
    prize: str | None
    place: int | None
    value: int | None  # NT$
    points: int | None
    coupon: str | None
    claim_by: datetime | None
    claimed_at: datetime | None
    stuck: str | None

    @property
    def masked(self) -> str:
        return text.mask_name(self.name) if self.name else "會員"


_WINS = (
    sa.select(
        WINS.c.id,
        WINS.c.rank,
        WINS.c.status,
        ALIASES.c.alias,
        ENTRIES.c.ticket,
        WINS.c.member_id,
        _MEMBERS.c.name,
        PRIZES.c.name.label("prize"),
        PRIZES.c.place,
        PRIZES.c.value,
        PRIZES.c.points,
        PRIZES.c.coupon,
        WINS.c.claim_by,
        WINS.c.claimed_at,
        WINS.c.stuck,
    )
    .join(ENTRIES, ENTRIES.c.id == WINS.c.entry_id)
    .join(_MEMBERS, _MEMBERS.c.id == WINS.c.member_id)
    .join(
        ALIASES,
        sa.and_(ALIASES.c.draw_id == WINS.c.draw_id, ALIASES.c.member_id == ENTRIES.c.member_id),
    )
    .outerjoin(PRIZES, PRIZES.c.id == WINS.c.prize_id)
)


def wins(session: Session, draw_id: int, *, limit: int = 1000) -> list[WinShown]:
    """In the order in which they were picked."""
    rows = session.execute(
        _WINS.where(WINS.c.draw_id == draw_id).order_by(WINS.c.rank).limit(limit)
    )
    return [WinShown(*tuple(row)) for row in rows]


def win(session: Session, win_id: int) -> WinShown:
    return WinShown(*tuple(session.execute(_WINS.where(WINS.c.id == win_id)).one()))


def wins_of(session: Session, *, draw_id: int, member_id: int) -> list[WinShown]:
    rows = session.execute(
        _WINS.where(
            WINS.c.draw_id == draw_id, WINS.c.member_id == member_id, WINS.c.status != ALTERNATE
        ).order_by(WINS.c.rank)
    )
    return [WinShown(*tuple(row)) for row in rows]


# What the public may see --------------------------------------------------------------------------


def entrants(session: Session, draw_id: int) -> list[tuple[int, int, Entrant]]:
    """(entry, member, as published) of everything that takes part, in the order of entering."""
    owner = sa.func.coalesce(_MEMBERS.c.merged_into_id, _MEMBERS.c.id)
    rows = session.execute(
        sa.select(ENTRIES.c.id, owner.label("member_id"), ENTRIES.c.ticket, ALIASES.c.alias)
        .join(_MEMBERS, _MEMBERS.c.id == ENTRIES.c.member_id)
        .join(
            ALIASES,
            sa.and_(
                ALIASES.c.draw_id == ENTRIES.c.draw_id,
                ALIASES.c.member_id == ENTRIES.c.member_id,
            ),
        )
        .where(ENTRIES.c.draw_id == draw_id, ENTRIES.c.status == ENTERED)
        .order_by(ENTRIES.c.id)
    )
    return [(row.id, row.member_id, Entrant(row.ticket, row.alias)) for row in rows]


def proof(session: Session, draw_id: int) -> Proof | None:
    """Everything needed to recompute a draw; None before it is drawn."""
    row = session.execute(sa.select(DRAWS).where(DRAWS.c.id == draw_id)).one()
    if row.status != DRAWN:
        return None
    is_draw = row.kind == DRAW
    return Proof(
        kind=row.kind,
        seed=row.seed,
        commitment=row.commitment,
        terms=row.terms,
        terms_hash=row.terms_hash,
        entrants=tuple(one for _, _, one in entrants(session, draw_id)) if is_draw else (),
        entrants_hash=row.entrants_hash or "",
        winners=tuple(_picked(session, draw_id)) if is_draw else (),
        spins=() if is_draw else tuple(_spins(session, draw_id)),
    )


def _picked(session: Session, draw_id: int) -> Sequence[Pick]:
    """As the seed decided, whatever became of the prizes since."""
    rows = session.execute(
        sa.select(ENTRIES.c.ticket, ALIASES.c.alias, WINS.c.picked)
        .join(ENTRIES, ENTRIES.c.id == WINS.c.entry_id)
        .join(
            ALIASES,
            sa.and_(
                ALIASES.c.draw_id == WINS.c.draw_id, ALIASES.c.member_id == ENTRIES.c.member_id
            ),
        )
        .where(WINS.c.draw_id == draw_id)
        .order_by(WINS.c.rank)
    )
    return [Pick(row.ticket, row.alias, row.picked) for row in rows]


def _spins(session: Session, draw_id: int) -> Sequence[Spin]:
    rows = session.execute(
        sa.select(ENTRIES.c.nonce, ENTRIES.c.ticket, ENTRIES.c.landed, ENTRIES.c.won)
        .where(ENTRIES.c.draw_id == draw_id, ENTRIES.c.status == SPUN)
        .order_by(ENTRIES.c.nonce)
    )
    return [Spin(*tuple(row)) for row in rows]


_NOW: sa.BindParameter[datetime] = sa.bindparam("now", type_=DRAWS.c.ends_at.type)
_WORK = Prepared(
    sa.select(
        sa.exists().where(DRAWS.c.status == OPEN, DRAWS.c.ends_at <= _NOW)
        | sa.exists().where(DRAWS.c.status == FROZEN, DRAWS.c.draw_at <= _NOW)
        | sa.exists().where(WINS.c.status == WON, WINS.c.claim_by <= _NOW)
        | sa.exists().where(
            WINS.c.status == WON,
            WINS.c.stuck.is_(None),
            PRIZES.c.id == WINS.c.prize_id,
            sa.or_(PRIZES.c.points > 0, PRIZES.c.coupon.is_not(None)),
        )
    )
)


def has_work(session: Session, *, now: datetime) -> bool:
    """Whether anything is to be frozen, decided, delivered or forfeited."""
    ((found,),) = _WORK.rows(session, {"now": now})
    return bool(found)


def broken(session: Session, *, limit: int = 20) -> list[str]:
    """Evidence of counters that differ from the rows they count, and of prizes given too often."""
    counted = (
        sa.select(sa.func.count())
        .where(ENTRIES.c.draw_id == DRAWS.c.id, ENTRIES.c.status == ENTERED)
        .scalar_subquery()
    )
    spun = (
        sa.select(sa.func.count())
        .where(ENTRIES.c.draw_id == DRAWS.c.id, ENTRIES.c.status == SPUN)
        .scalar_subquery()
    )
    off = session.execute(
        sa.select(DRAWS.c.code, DRAWS.c.entries, counted, DRAWS.c.spins, spun)
        .where(sa.or_(DRAWS.c.entries != counted, DRAWS.c.spins != spun))
        .limit(limit)
    )
    found = [f"draw {row[0]}: counts {tuple(row[1:])} differ" for row in off]
    given = (
        sa.select(sa.func.count())
        .where(WINS.c.prize_id == PRIZES.c.id, WINS.c.picked.is_not(None))
        .scalar_subquery()
    )
    prizes = session.execute(
        sa.select(PRIZES.c.id, PRIZES.c.quantity, PRIZES.c.remaining, given)
        .where(PRIZES.c.quantity - PRIZES.c.remaining != given)
        .limit(limit)
    )
    return found + [f"draw prize {row[0]}: counts {tuple(row[1:])} differ" for row in prizes]

"""Entries: pressed by a member for points or for free, given with a sale, a coupon or by a mission.

The member's account is held first, as the till holds it, so presses of one member queue and a
double tap finds what the first one did. Then the draw's row is counted up, which it lets nobody do
before its start, from its end on, or once it is frozen: an entry either is in the frozen list, or
was refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import ids
from app.core.clock import taipei_date
from app.core.db import changed, insert_ignore, inserted
from app.core.prepared import Prepared
from app.coupons.models import COUPONS, KINDS
from app.draws import queries, rules
from app.draws.models import (
    ALIASES,
    ALL_DAYS,
    DRAWS,
    ENTERED,
    ENTRIES,
    OPEN,
    PRIZES,
    SPARE,
    SPUN,
    TALLIES,
    VOID,
    WINS,
    WON,
    DrawAlias,
)
from app.draws.queries import DrawShown, PrizeShown
from app.draws.rules import DRAW, WHEEL, AdultsOnly, EntryLimit, NotOpen
from app.draws.service.handing import hand_over
from app.members import queries as members
from app.members.queries import Person
from app.points import service as points
from app.points.service import Cause
from app.timeline import service as timeline

TICKET_LENGTH, ALIAS_LENGTH = 8, 6
_LONGEST_WAIT = 20  # tries for a free ticket or alias: one is free in a billion


@dataclass(frozen=True, slots=True)
class Entered:
    """`prize`: what a spin won, None for nothing and for a draw. `is_new`: not the second tap."""

    ticket: str
    is_new: bool
    prize: PrizeShown | None = None
    balance: int | None = None  # points, after paying


def enter(session: Session, *, draw_id: int, member: Person, turn: int, now: datetime) -> Entered:
    """A press: `turn` is how many this member had made when the button was drawn, so that the same
    button pressed twice counts once.

    Raises NotFound, NotOpen, EntryLimit, AdultsOnly, NotEnoughPoints."""
    with session.begin_nested():  # a refusal leaves nothing half counted
        return _enter(session, draw_id, member, turn, now)


def _enter(session: Session, draw_id: int, member: Person, turn: int, now: datetime) -> Entered:
    held = points.lock(session, member_id=member.id, now=now)
    draw = queries.draw(session, draw_id)
    today = taipei_date(now)
    standing = queries.standing(session, draw=draw, member_id=member.id, today=today)
    if turn < standing.turn:
        return _entered_before(session, draw, member.id, turn)
    _check(draw, member, now)
    if draw.is_wheel and standing.spare:
        return _spin(session, draw, member, _take_spare(session, draw.id, member.id), now)
    if not draw.may_enter:
        raise NotOpen("closed")
    source = "points" if draw.cost else "free"
    key = f"press:{draw.id}:{member.id}:{standing.turn}"
    _count(session, draw, member.id, today)
    if draw.is_wheel:
        entry_id = _add(session, draw, member.id, SPARE, source, key, now)
    else:
        _count_up(session, draw, now)
        entry_id = _add(session, draw, member.id, ENTERED, source, key, now)
    balance = held.balance
    if draw.cost:
        cause = Cause(
            f"draw:{key}", f"member:{member.id}", f"參加「{draw.name}」", "draw", entry_id
        )
        posted = points.redeem(session, member_id=member.id, points=draw.cost, cause=cause, now=now)
        balance = posted.standing.balance
    if draw.is_wheel:
        return _spin(session, draw, member, entry_id, now)
    timeline.record(
        session, member_id=member.id, kind="draw.entered", at=now, facts={"name": draw.name}
    )
    return Entered(_ticket(session, entry_id), True, balance=balance)


def _entered_before(session: Session, draw: DrawShown, member_id: int, turn: int) -> Entered:
    """What the press number `turn` did."""
    which = ENTRIES.c.status == SPUN if draw.is_wheel else ENTRIES.c.source.in_(queries.PRESSED)
    order = ENTRIES.c.nonce if draw.is_wheel else ENTRIES.c.id
    row = session.execute(
        sa.select(ENTRIES.c.ticket, ENTRIES.c.won)
        .where(ENTRIES.c.draw_id == draw.id, ENTRIES.c.member_id == member_id, which)
        .order_by(order)
        .offset(max(turn, 0))
        .limit(1)
    ).one()
    return Entered(row.ticket, False, None if row.won is None else draw.prizes[row.won])


def _check(draw: DrawShown, member: Person, now: datetime) -> None:
    if now < draw.starts_at:
        raise NotOpen("waiting")
    if draw.status != OPEN or now >= draw.ends_at:
        raise NotOpen("over")
    if draw.adults_only and not rules.is_adult(member.birthday, taipei_date(now)):
        raise AdultsOnly(draw.code)


# Counting -----------------------------------------------------------------------------------------

_TALLY = {
    dialect: insert(TALLIES).on_conflict_do_update(
        index_elements=["draw_id", "member_id", "scope"],
        set_={"entries": TALLIES.c.entries + 1},
        where=TALLIES.c.entries < sa.bindparam("most", type_=sa.Integer()),
    )
    for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_NO_LIMIT = 2**31 - 1


def _count(session: Session, draw: DrawShown, member_id: int, today: date) -> None:
    """Raises EntryLimit."""
    dialect = session.get_bind().dialect.name
    limits = {"member": (ALL_DAYS, draw.per_member), "day": (today.isoformat(), draw.per_day)}
    for per, (scope, limit) in limits.items():
        row = {"draw_id": draw.id, "member_id": member_id, "scope": scope, "entries": 1}
        most = _NO_LIMIT if limit is None else limit
        if not inserted(session, _TALLY[dialect], row | {"most": most}):
            raise EntryLimit(per)


def _count_up(session: Session, draw: DrawShown, now: datetime) -> None:
    """Raises NotOpen for whoever comes after the list was frozen, however closely."""
    won = changed(
        session,
        sa.update(DRAWS)
        .where(
            DRAWS.c.id == draw.id,
            DRAWS.c.status == OPEN,
            DRAWS.c.starts_at <= now,
            DRAWS.c.ends_at > now,
        )
        .values(entries=DRAWS.c.entries + 1),
    )
    if not won:
        raise NotOpen("over")


def _add(
    session: Session,
    draw: DrawShown,
    member_id: int,
    status: str,
    source: str,
    dedup_key: str,
    now: datetime,
    purchase_id: int | None = None,
) -> int:
    _name(session, draw.id, member_id)
    values: Mapping[str, Any] = {
        "draw_id": draw.id,
        "member_id": member_id,
        "status": status,
        "source": source,
        "dedup_key": dedup_key,
        "purchase_id": purchase_id,
        "at": now,
        "day": taipei_date(now),
    }
    insert = sa.insert(ENTRIES).returning(ENTRIES.c.id)
    ticket = ids.random_code(TICKET_LENGTH)
    return int(session.execute(insert, {**values, "ticket": ticket}).scalar_one())


def _name(session: Session, draw_id: int, member_id: int) -> None:
    """A name for the member in this draw's published list."""
    for _ in range(_LONGEST_WAIT):
        row = {"draw_id": draw_id, "member_id": member_id}
        insert_ignore(session, DrawAlias, row | {"alias": ids.random_code(ALIAS_LENGTH)})
        mine = sa.and_(ALIASES.c.draw_id == draw_id, ALIASES.c.member_id == member_id)
        if session.scalar(sa.select(sa.exists().where(mine))):
            return
    raise RuntimeError("no free alias was found")


def _ticket(session: Session, entry_id: int) -> str:
    return str(
        session.execute(sa.select(ENTRIES.c.ticket).where(ENTRIES.c.id == entry_id)).scalar_one()
    )


# The wheel ----------------------------------------------------------------------------------------


def _take_spare(session: Session, draw_id: int, member_id: int) -> int:
    found = session.scalar(
        sa.select(ENTRIES.c.id)
        .where(
            ENTRIES.c.draw_id == draw_id,
            ENTRIES.c.member_id == member_id,
            ENTRIES.c.status == SPARE,
        )
        .order_by(ENTRIES.c.id)
        .limit(1)
    )
    assert found is not None  # the account is held since it was counted
    return int(found)


def _spin(
    session: Session, draw: DrawShown, member: Person, entry_id: int, now: datetime
) -> Entered:
    """The spin's number is taken, so the seed has decided; what is gone is not won."""
    row = session.execute(
        sa.update(DRAWS)
        .where(
            DRAWS.c.id == draw.id,
            DRAWS.c.status == OPEN,
            DRAWS.c.starts_at <= now,
            DRAWS.c.ends_at > now,
        )
        .values(spins=DRAWS.c.spins + 1)
        .returning(DRAWS.c.spins, DRAWS.c.seed)
    ).one_or_none()
    if row is None:
        raise NotOpen("over")
    landed = rules.spun(
        seed=row.seed,
        terms_hash=draw.terms_hash,
        nonce=row.spins,
        weights=[prize.weight for prize in draw.prizes],
        blank_weight=draw.blank_weight,
    )
    prize = None if landed is None else draw.prizes[landed]
    if prize is not None and not _take_prize(session, prize.id):
        prize = None
    changed(
        session,
        sa.update(ENTRIES)
        .where(ENTRIES.c.id == entry_id)
        .values(
            status=SPUN,
            nonce=row.spins,
            landed=landed,
            won=None if prize is None else prize.place,
        ),
    )
    facts = {"name": draw.name, "prize": None if prize is None else prize.name}
    timeline.record(session, member_id=member.id, kind="draw.spun", at=now, facts=facts)
    if prize is not None:
        win_id: int = session.execute(
            sa.insert(WINS).returning(WINS.c.id),
            {
                "draw_id": draw.id,
                "entry_id": entry_id,
                "member_id": member.id,
                "rank": row.spins,
                "prize_id": prize.id,
                "status": WON,
                "claim_by": rules.claim_by(now, draw.claim_days),
                "at": now,
                "picked": prize.place,
            },
        ).scalar_one()
        hand_over(session, win_id=win_id, now=now)
    held = points.lock(session, member_id=member.id, now=now)
    return Entered(_ticket(session, entry_id), True, prize, held.balance)


def _take_prize(session: Session, prize_id: int) -> bool:
    return bool(
        changed(
            session,
            sa.update(PRIZES)
            .where(PRIZES.c.id == prize_id, PRIZES.c.remaining > 0)
            .values(remaining=PRIZES.c.remaining - 1),
        )
    )


# Given with something else ------------------------------------------------------------------------


def grant(
    session: Session,
    *,
    draw: DrawShown,
    member_id: int,
    source: str,
    dedup_key: str,
    now: datetime,
    purchase_id: int | None = None,
) -> bool:
    """One entry, or one spin of a wheel, for something else than a press. The limits of pressing do
    not bind it. False when this key gave one before. Raises NotOpen."""
    known = session.scalar(sa.select(ENTRIES.c.id).where(ENTRIES.c.dedup_key == dedup_key))
    if known is not None:
        return False
    if draw.kind == DRAW:
        _count_up(session, draw, now)
    status = SPARE if draw.kind == WHEEL else ENTERED
    _add(session, draw, member_id, status, source, dedup_key, now, purchase_id)
    return True


_TIED = Prepared(
    sa.select(DRAWS.c.id)
    .where(
        DRAWS.c.status == OPEN,
        DRAWS.c.starts_at <= sa.bindparam("now", type_=DRAWS.c.starts_at.type),
        DRAWS.c.ends_at > sa.bindparam("now", type_=DRAWS.c.ends_at.type),
        sa.or_(DRAWS.c.sale_unit.is_not(None), DRAWS.c.coupon.is_not(None)),
    )
    .order_by(DRAWS.c.id)
)


def bought(
    session: Session,
    *,
    member_id: int,
    purchase_id: int,
    amount: int,
    sold_at: datetime,
    now: datetime,
) -> tuple[str, ...]:
    """Entries for a sale of NT$ `amount` within the draw's time; return notes for the receipt."""
    notes = []
    for (draw_id,) in _TIED.rows(session, {"now": now}):
        draw = queries.draw(session, draw_id)
        if not draw.starts_at <= sold_at < draw.ends_at:
            continue
        if draw.adults_only and not _is_grown(session, member_id, now):
            continue
        given = _give_for_sale(session, draw, member_id, purchase_id, amount, now)
        if given:
            what = "次轉動" if draw.is_wheel else "次抽獎機會"
            notes.append(f"「{draw.name}」+{given} {what}")
    return tuple(notes)


def _give_for_sale(
    session: Session, draw: DrawShown, member_id: int, purchase_id: int, amount: int, now: datetime
) -> int:
    """A draw that is frozen at this very moment gives nothing, and the sale goes on."""
    by_amount = amount // draw.sale_unit if draw.sale_unit else 0
    by_coupon = _used(session, purchase_id, draw.coupon) if draw.coupon else 0
    numbers = {"sale": min(by_amount, rules.MOST_OF_A_SALE), "coupon": by_coupon}
    try:
        return sum(
            grant(
                session,
                draw=draw,
                member_id=member_id,
                source=source,
                dedup_key=f"{source}:{draw.id}:{purchase_id}:{serial}",
                now=now,
                purchase_id=purchase_id,
            )
            for source, number in numbers.items()
            for serial in range(number)
        )
    except NotOpen:
        return 0


def _used(session: Session, purchase_id: int, kind_code: str) -> int:
    found = session.scalar(
        sa.select(sa.func.count())
        .select_from(COUPONS.join(KINDS, KINDS.c.id == COUPONS.c.kind_id))
        .where(COUPONS.c.purchase_id == purchase_id, KINDS.c.code == kind_code)
    )
    return int(found or 0)


def _is_grown(session: Session, member_id: int, now: datetime) -> bool:
    return rules.is_adult(members.person(session, member_id).birthday, taipei_date(now))


def refunded(session: Session, *, purchase_id: int, net: int) -> tuple[str, ...]:
    """Of a sale NT$ `net` stay: entries beyond that are void, as long as the list is not frozen and
    the spin was not used. A coupon's entry goes with the whole sale."""
    rows = session.execute(
        sa.select(
            ENTRIES.c.id, ENTRIES.c.draw_id, ENTRIES.c.status, ENTRIES.c.source, DRAWS.c.sale_unit
        )
        .join(DRAWS, DRAWS.c.id == ENTRIES.c.draw_id)
        .where(ENTRIES.c.purchase_id == purchase_id, ENTRIES.c.status.in_((ENTERED, SPARE, SPUN)))
        .order_by(ENTRIES.c.status != SPUN, ENTRIES.c.id)  # what was used counts as kept
    ).all()
    kept: dict[tuple[int, str], int] = {}
    taken = 0
    for row in rows:
        key = row.draw_id, row.source
        kept[key] = kept.get(key, 0) + 1
        is_by_amount = row.source == "sale" and row.sale_unit
        most = net // row.sale_unit if is_by_amount else (kept[key] if net else 0)
        if kept[key] > most and row.status != SPUN:
            taken += _void(session, row.id, row.draw_id, row.status)
    return (f"抽獎機會 −{taken}",) if taken else ()


def _void(session: Session, entry_id: int, draw_id: int, status: str) -> bool:
    """The draw's row first, as the freezing does: a frozen list loses nobody."""
    is_open = changed(
        session,
        sa.update(DRAWS)
        .where(DRAWS.c.id == draw_id, DRAWS.c.status == OPEN)
        .values(entries=DRAWS.c.entries - int(status == ENTERED)),
    )
    return bool(is_open) and bool(
        changed(
            session,
            sa.update(ENTRIES)
            .where(ENTRIES.c.id == entry_id, ENTRIES.c.status == status)
            .values(status=VOID),
        )
    )

"""Make stamp cards, and give what their milestones bring: as often as the sales reach them.

The member's account is held meanwhile. How often a milestone is reached is folded anew from the
sales; how often it was given is what stands in the table; the difference is given, or falls."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import changed, dump_json, insert_or_ignore, switch
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ids import digest
from app.prizes import service as prizes
from app.prizes.service import GIVEN, Won
from app.stamps import messages, queries, rules
from app.stamps.models import CARDS, REWARDS, VERSIONS, StampReward
from app.stamps.queries import Card, Reward
from app.stamps.rules import Milestone, Sheet, StampDraft
from app.timeline import service as timeline

# Making -------------------------------------------------------------------------------------------


def create(session: Session, *, draft: StampDraft, now: datetime) -> int:
    """Raises Invalid naming the field, Conflict for a known code."""
    _check(draft)
    if queries.card_by_code(session, draft.code) is not None:
        raise Conflict("code", draft.code)
    card_id: int = session.execute(
        sa.insert(CARDS).returning(CARDS.c.id),
        {"code": draft.code, "is_active": True, "created_at": now},
    ).scalar_one()
    _add_version(session, card_id, 1, draft, min(draft.starts_on, taipei_date(now)), now)
    return card_id


def revise(session: Session, *, draft: StampDraft, now: datetime) -> bool:
    """Say something else under a known code, from the next day on; False when nothing differs.
    Cards under way keep their size and milestones.

    Raises Invalid naming the field, NotFound for an unknown code."""
    _check(draft)
    card = queries.card_by_code(session, draft.code)
    if card is None:
        raise NotFound("stamp card", draft.code)
    if card.terms == draft:
        return False
    tomorrow = taipei_date(now) + timedelta(days=1)
    _add_version(session, card.id, card.version + 1, draft, tomorrow, now)
    return True


def set_active(session: Session, *, code: str, is_active: bool) -> bool:
    """Begin or stop a card; what was given stays. False when it was so already."""
    queries.forget_kept(session)
    return switch(session, CARDS, code=code, is_active=is_active)


def _check(draft: StampDraft) -> None:
    for path, reason in rules.faults(draft):
        raise Invalid(".".join(str(step) for step in path), reason)


def _add_version(
    session: Session, card_id: int, version: int, draft: StampDraft, since: date, now: datetime
) -> None:
    values = {
        "card_id": card_id,
        "version": version,
        "since_on": since,
        "terms": asdict(draft),
        "digest": digest(dump_json(asdict(draft))),
        "created_at": now,
    }
    session.execute(sa.insert(VERSIONS), values)
    queries.forget_kept(session)


# What happens to members --------------------------------------------------------------------------


def bought(session: Session, *, member_id: int, purchase_id: int, now: datetime) -> tuple[str, ...]:
    """A sale was written. Returns a note for each card that it moved."""
    return _review(session, member_id, purchase_id=purchase_id, now=now)


def refunded(session: Session, *, member_id: int, sold_on: date, now: datetime) -> tuple[str, ...]:
    """Money of a sale of that day went back. Returns a note for each card that counts such days."""
    return _review(session, member_id, sold_on=sold_on, now=now)


def catch_up(session: Session, *, member_id: int, now: datetime) -> None:
    """Sales came from or went to another member: give what is reached now, or let it fall."""
    _review(session, member_id, now=now)


def _review(
    session: Session,
    member_id: int,
    *,
    now: datetime,
    purchase_id: int | None = None,
    sold_on: date | None = None,
) -> tuple[str, ...]:
    cards = queries.running(session)
    if not cards:
        return ()
    sales = queries.sales_of(session, member_id, cards)
    rewards = queries.rewards_of(session, member_id)
    notes: list[str] = []
    for card in cards:
        found = rules.sheets(card.versions, sales)
        given = [item for item in rewards if item.card_id == card.id]
        told = _settle(session, member_id, card, found, given, now)
        days = [day for sheet in found for day in sheet.days]
        is_moved = any(purchase_id in day.sales for day in days) or _counts(card, sold_on)
        if told or (is_moved and days):
            notes.append(messages.note(card.terms.name, found, told))
    return tuple(notes)


def _counts(card: Card, day: date | None) -> bool:
    terms = card.terms
    return day is not None and terms.starts_on <= day <= (terms.ends_on or date.max)


def _settle(
    session: Session,
    member_id: int,
    card: Card,
    found: Sequence[Sheet],
    given: Sequence[Reward],
    now: datetime,
) -> list[str]:
    """Bring what was given at each milestone to what the sales reach; returns what to tell."""
    told = []
    for at in sorted(_milestones(card) | {item.milestone for item in given}):
        reached = rules.reached(found, at)
        here = [item for item in given if item.milestone == at]
        standing = [item for item in here if item.fell_at is None]
        fallen = [item for item in here if item.fell_at is not None]
        for item in reversed(standing[len(reached) :]):
            told.append(_turn(session, member_id, card, item, is_reached=False, now=now))
        more = max(0, len(reached) - len(standing))
        for item in fallen[:more]:
            told.append(_turn(session, member_id, card, item, is_reached=True, now=now))
        ordinal = max((item.ordinal for item in here), default=0)
        fresh = reached[len(standing) + len(fallen[:more]) :]
        for extra, milestone in enumerate(fresh, start=1):
            told.append(_give(session, member_id, card, milestone, ordinal + extra, now))
    return [words for words in told if words]


def _milestones(card: Card) -> set[int]:
    return {item.at for version in card.versions for item in version.terms.milestones}


def _give(
    session: Session, member_id: int, card: Card, milestone: Milestone, ordinal: int, now: datetime
) -> str:
    reward_id = session.execute(
        insert_or_ignore(StampReward, session.get_bind().dialect.name).returning(REWARDS.c.id),
        {
            "card_id": card.id,
            "member_id": member_id,
            "milestone": milestone.at,
            "ordinal": ordinal,
            "dedup_key": f"{card.id}:{member_id}:{milestone.at}:{ordinal}",
            "reached_at": now,
            "takes_back": card.terms.on_refund == "take_back",
            "status": GIVEN,
            "points": 0,
            "coupon_id": None,
            "fell_at": None,
            "taken_points": 0,
            "taken_coupon": False,
            "turn": 1,
        },
    ).scalar_one_or_none()
    if reward_id is None:
        return ""
    given = prizes.give(
        session,
        member_id=member_id,
        won=_won(card, reward_id)(1),
        points=milestone.points,
        coupon=milestone.coupon,
        now=now,
    )
    changed(
        session,
        sa.update(REWARDS)
        .where(REWARDS.c.id == reward_id)
        .values(points=given.points, coupon_id=given.coupon_id),
    )
    timeline.record(
        session,
        member_id=member_id,
        kind="stamps.reached",
        at=now,
        facts={"card": card.id, "name": card.terms.name, "milestone": milestone.at},
    )
    return messages.won(milestone.at, given)


def _turn(
    session: Session, member_id: int, card: Card, item: Reward, *, is_reached: bool, now: datetime
) -> str:
    """A refund takes a milestone away, a later sale gives it again."""
    turned = prizes.reconsider(
        session,
        member_id=member_id,
        award=item,
        won=_won(card, item.id),
        is_reached=is_reached,
        takes_back=item.takes_back,
        now=now,
    )
    if turned is None:
        return ""
    changed(session, sa.update(REWARDS).where(REWARDS.c.id == item.id).values(**turned.values))
    return messages.turned(item.milestone, turned.what)


def _won(card: Card, reward_id: int) -> Callable[[int], Won]:
    reason = f"集點卡「{card.terms.name}」"
    return lambda turn: Won(f"stamps:{reward_id}:{turn}", reason, "stamps", reward_id)

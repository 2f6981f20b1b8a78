"""Putting a book in force: its terms as a new version, its coupons, rewards, missions and stamp
cards as new ones or new versions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy.orm import Session

from app.coupons import queries as coupon_queries
from app.coupons import service as coupons
from app.cutoffs import service as cutoffs
from app.missions import queries as mission_queries
from app.missions import service as missions
from app.programmes import queries as programme_queries
from app.programmes import service as programmes
from app.programmes.queries import NoProgramme
from app.rewards import queries as reward_queries
from app.rewards import service as rewards
from app.rulebooks.rules import Book
from app.staff import service as staff
from app.stamps import queries as stamp_queries
from app.stamps import service as stamps


@dataclass(frozen=True, slots=True)
class Applied:
    """`version` None: the terms were in force already. Codes of coupons, rewards, missions,
    stamp cards."""

    version: int | None
    created: tuple[str, ...]
    revised: tuple[str, ...]
    stopped: tuple[str, ...]

    @property
    def is_nothing(self) -> bool:
        return self.version is None and not (self.created or self.revised or self.stopped)


def apply(
    session: Session, book: Book, *, starts_at: datetime, actor: str, now: datetime, note: str = ""
) -> Applied:
    """The same book again changes nothing. Members keep the tier, the coupons and the points they
    have; coupons, rewards, missions and stamp cards the book does not name are given no more, and
    what was planned for later days is replaced.

    Raises ContradictoryTerms, Invalid."""
    book = replace(book, terms=cutoffs.freeze(session, book.terms, now=now))
    created, revised, stopped = (
        [code for put in puts for code in put]
        for puts in zip(
            _put_coupons(session, book, now),
            _put_rewards(session, book, now),
            _put_missions(session, book, now),
            _put_stamps(session, book, now),
            strict=True,
        )
    )
    version = None
    if not _is_in_force(session, book, starts_at):
        version = programmes.publish_over_plans(
            session, book.terms, starts_at=starts_at, actor=actor, now=now, note=note
        )
    applied = Applied(version, tuple(created), tuple(revised), tuple(stopped))
    if not applied.is_nothing:
        staff.audit(
            session,
            staff_id=None,
            action="programme.apply",
            object="programme" if version is None else f"programme:{version}",
            after={"created": created, "revised": revised, "stopped": stopped, "note": note},
            now=now,
        )
    return applied


Put = tuple[list[str], list[str], list[str]]  # codes created, revised, stopped


def _put_coupons(session: Session, book: Book, now: datetime) -> Put:
    return _put(
        book.coupons,
        {kind.draft.code for kind in coupon_queries.kinds(session)},
        create=lambda draft: coupons.create_kind(session, draft=draft, now=now),
        revise=lambda draft: coupons.revise_kind(session, draft=draft, now=now),
        switch=lambda code, is_on: coupons.set_active(session, code=code, is_active=is_on),
    )


def _put_rewards(session: Session, book: Book, now: datetime) -> Put:
    return _put(
        book.rewards,
        {reward.draft.code for reward in reward_queries.rewards(session)},
        create=lambda draft: rewards.create_reward(session, draft=draft, now=now),
        revise=lambda draft: rewards.revise_reward(session, draft=draft, now=now),
        switch=lambda code, is_on: rewards.set_active(session, code=code, is_active=is_on),
    )


def _put_missions(session: Session, book: Book, now: datetime) -> Put:
    return _put(
        book.missions,
        {mission.terms.code for mission in mission_queries.missions(session)},
        create=lambda draft: missions.create(session, draft=draft, now=now),
        revise=lambda draft: missions.revise(session, draft=draft, now=now),
        switch=lambda code, is_on: missions.set_active(session, code=code, is_active=is_on),
    )


def _put_stamps(session: Session, book: Book, now: datetime) -> Put:
    return _put(
        book.stamps,
        {card.code for card in stamp_queries.cards(session)},
        create=lambda draft: stamps.create(session, draft=draft, now=now),
        revise=lambda draft: stamps.revise(session, draft=draft, now=now),
        switch=lambda code, is_on: stamps.set_active(session, code=code, is_active=is_on),
    )


class Coded(Protocol):
    @property
    def code(self) -> str: ...


Draft = TypeVar("Draft", bound=Coded)


def _put(
    drafts: Sequence[Draft],
    known: set[str],
    *,
    create: Callable[[Draft], object],
    revise: Callable[[Draft], bool],
    switch: Callable[[str, bool], bool],
) -> Put:
    """What is new is created, what is known is revised and offered again, the rest is stopped."""
    created, revised = [], []
    for draft in drafts:
        if draft.code not in known:
            create(draft)
            created.append(draft.code)
            continue
        is_new = revise(draft)
        if switch(draft.code, True) or is_new:
            revised.append(draft.code)
    named = {draft.code for draft in drafts}
    stopped = [code for code in sorted(known - named) if switch(code, False)]
    return created, revised, stopped


def _is_in_force(session: Session, book: Book, instant: datetime) -> bool:
    try:
        terms = programme_queries.terms_at(session, instant)
    except NoProgramme:
        return False
    return replace(terms, version=0) == book.terms

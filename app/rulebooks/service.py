"""Putting a book in force: its terms as a new version, its coupons as new kinds or offers."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from app.coupons import queries as coupon_queries
from app.coupons import service as coupons
from app.programmes import queries as programme_queries
from app.programmes import service as programmes
from app.programmes.queries import NoProgramme
from app.rulebooks.rules import Book
from app.staff import service as staff


@dataclass(frozen=True, slots=True)
class Applied:
    """`version` None: the terms were in force already. Coupons by their codes."""

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
    have; coupons the book does not name are given no more.

    Raises ContradictoryTerms, Invalid."""
    known = {kind.draft.code: kind for kind in coupon_queries.kinds(session)}
    created, revised = [], []
    for draft in book.coupons:
        if draft.code not in known:
            coupons.create_kind(session, draft=draft, now=now)
            created.append(draft.code)
            continue
        is_new = coupons.revise_kind(session, draft=draft, now=now)
        if coupons.set_active(session, code=draft.code, is_active=True) or is_new:
            revised.append(draft.code)
    named = {draft.code for draft in book.coupons}
    stopped = [
        code
        for code in known
        if code not in named and coupons.set_active(session, code=code, is_active=False)
    ]
    version = None
    if not _is_in_force(session, book, starts_at):
        version = programmes.publish(
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


def _is_in_force(session: Session, book: Book, instant: datetime) -> bool:
    try:
        terms = programme_queries.terms_at(session, instant)
    except NoProgramme:
        return False
    return replace(terms, version=0) == book.terms

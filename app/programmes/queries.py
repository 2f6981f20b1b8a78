"""The terms in force at an instant."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import UtcDateTime
from app.core.errors import DomainError
from app.core.prepared import Prepared
from app.programmes import rules
from app.programmes.models import Programme
from app.programmes.rules import Terms


class NoProgramme(DomainError):
    """No terms were published for that instant."""


def in_force(column: Any, instant: Any) -> sa.ScalarSelect[Any]:
    """`Programme.id` or `.digest` of the version in force, to embed in a larger statement."""
    return (
        sa.select(column)
        .where(Programme.starts_at <= instant)
        .order_by(Programme.starts_at.desc(), Programme.id.desc())
        .limit(1)
        .scalar_subquery()
    )


_KEPT = "programmes.terms_at"
_INSTANT: sa.BindParameter[datetime] = sa.bindparam("instant", type_=UtcDateTime)
_IN_FORCE = Prepared(
    sa.select(Programme.id, Programme.digest)
    .where(Programme.starts_at <= _INSTANT)
    .order_by(Programme.starts_at.desc(), Programme.id.desc())
    .limit(1)
)
_TERMS = sa.select(Programme.terms).where(Programme.id == sa.bindparam("version"))
_DIGEST = sa.select(Programme.digest).where(Programme.id == sa.bindparam("version"))


def terms_at(session: Session, instant: datetime) -> Terms:
    """Raises NoProgramme before the first version starts.

    Of a transaction the last answer is kept: a batch of events asks for one instant again and
    again, and asking costs a third of a card."""
    kept: tuple[datetime, Terms] | None = session.info.get(_KEPT)
    if kept is not None and kept[0] == instant:
        return kept[1]
    row = _IN_FORCE.row(session, {"instant": instant})
    if row is None:
        raise NoProgramme
    terms = known_terms(session, version=row.id, digest=row.digest)
    session.info[_KEPT] = instant, terms
    return terms


def terms_among(session: Session, instant: datetime, *, newest: int) -> Terms:
    """What would hold at an instant had nothing been published after version `newest`.

    Raises NoProgramme."""
    row = session.execute(
        sa.select(Programme.id, Programme.digest)
        .where(Programme.starts_at <= instant, Programme.id <= newest)
        .order_by(Programme.starts_at.desc(), Programme.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise NoProgramme
    return known_terms(session, version=row.id, digest=row.digest)


def begins_later(session: Session, version: int, *, at: datetime) -> datetime | None:
    """When a version starts that is only planned at an instant and is not what holds then: what is
    made from it and put in force at once would bring it forward."""
    planned = session.execute(
        sa.select(Programme.starts_at, Programme.digest).where(
            Programme.id == version, Programme.starts_at > at
        )
    ).one_or_none()
    if planned is None:
        return None
    held = _IN_FORCE.row(session, {"instant": at})
    starts_at: datetime = planned.starts_at
    return None if held is not None and held.digest == planned.digest else starts_at


def newest(session: Session) -> int:
    """The version published last, in force or not yet; 0 before the first."""
    return int(session.scalar(sa.select(sa.func.max(Programme.id))) or 0)


@dataclass(frozen=True, slots=True)
class Version:
    """A published version; it ends where the next one to start begins (None: it holds on)."""

    id: int
    starts_at: datetime
    note: str
    actor: str
    created_at: datetime
    ends_at: datetime | None
    is_in_force: bool = False
    is_planned: bool = False  # still to come


def versions(session: Session, *, now: datetime) -> list[Version]:
    """Newest first. One that another replaced before it began never holds: it ends at its start."""
    rows = session.execute(
        sa.select(
            Programme.id,
            Programme.starts_at,
            Programme.note,
            Programme.actor,
            Programme.created_at,
        ).order_by(Programme.starts_at, Programme.id)
    ).all()
    later = [*(row.starts_at for row in rows[1:]), None]
    found = [
        Version(
            id=row.id,
            starts_at=row.starts_at,
            note=row.note,
            actor=row.actor,
            created_at=row.created_at,
            ends_at=end,
            is_in_force=row.starts_at <= now and (end is None or now < end),
            is_planned=row.starts_at > now and row.starts_at != end,
        )
        for row, end in zip(rows, later[: len(rows)], strict=True)
    ]
    return sorted(found, key=lambda item: -item.id)


def forget_kept(session: Session) -> None:
    """Something was published in this transaction."""
    session.info.pop(_KEPT, None)


def terms_of(session: Session, version: int) -> Terms:
    digest = session.execute(_DIGEST, {"version": version}).scalar_one_or_none()
    if digest is None:
        raise NoProgramme
    return known_terms(session, version=version, digest=digest)


def known_terms(session: Session, *, version: int | None, digest: str | None) -> Terms:
    """Published terms never change, so they are parsed once. Raises NoProgramme for None."""
    if version is None or digest is None:
        raise NoProgramme
    terms = _parsed.get((version, digest))
    if terms is None:
        document = session.execute(_TERMS, {"version": version}).scalar_one()
        terms = _parsed[version, digest] = rules.from_document(document, version=version)
    return terms


_parsed: dict[tuple[int, str], Terms] = {}  # grows by one per published version

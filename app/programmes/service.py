"""Publishing a version of the programme."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.core.db import dump_json, insert_or_ignore
from app.core.errors import DomainError
from app.core.ids import digest
from app.programmes import queries, rules
from app.programmes.models import Programme
from app.programmes.rules import ContradictoryTerms, Terms


class ProgrammeMoved(DomainError):
    """Another version was published since the terms were read."""


def publish_over_plans(
    session: Session,
    terms: Terms,
    *,
    starts_at: datetime,
    actor: str,
    now: datetime,
    note: str = "",
    follows: int | None = None,
) -> int:
    """Publish for the days of later plans as well: an older plan must not undo a newer change.
    Returns the first version.

    Raises ContradictoryTerms, ProgrammeMoved."""
    after = max(starts_at, now)
    planned = {
        item.starts_at for item in queries.versions(session, now=now) if item.starts_at > after
    }
    first = last = publish(
        session, terms, starts_at=starts_at, actor=actor, now=now, note=note, follows=follows
    )
    for instant in sorted(planned):
        last = publish(
            session, terms, starts_at=instant, actor=actor, now=now, note=note, follows=last
        )
    return first


def publish(
    session: Session,
    terms: Terms = rules.DEFAULT,
    *,
    starts_at: datetime,
    actor: str,
    now: datetime,
    note: str = "",
    follows: int | None = None,
) -> int:
    """Put the terms in force from `starts_at` and return the version. Rolling back is publishing
    older terms again. `follows` is the newest version they were made from, 0 before the first; None
    takes whichever is the newest.

    Raises ContradictoryTerms, ProgrammeMoved."""
    faults = rules.check(terms)
    if faults:
        raise ContradictoryTerms(faults)
    document = rules.to_document(terms)
    statement = insert_or_ignore(Programme, session.get_bind().dialect.name)
    version: int | None = session.execute(
        statement.returning(Programme.id),
        {
            "follows": queries.newest(session) if follows is None else follows,
            "starts_at": starts_at,
            "terms": document,
            "digest": digest(dump_json(document)),
            "note": note,
            "actor": actor,
            "created_at": now,
        },
    ).scalar_one_or_none()
    if version is None:
        raise ProgrammeMoved
    queries.forget_kept(session)
    return version

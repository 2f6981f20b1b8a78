"""Changing the programme in steps: written, asked for, approved by a second person and published,
or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import changed, insert_or_ignore
from app.core.errors import Conflict, DomainError, Invalid
from app.cutoffs import service as cutoffs
from app.programmes import queries as programme_queries
from app.programmes import rules as programme_rules
from app.programmes import service as programmes
from app.programmes.queries import NoProgramme
from app.programmes.rules import ContradictoryTerms, Terms
from app.programmes.service import ProgrammeMoved
from app.revisions import queries, rules
from app.revisions.models import DRAFTS, ProgrammeDraft
from app.revisions.queries import UNDER_WAY, Draft
from app.rulebooks import queries as books
from app.rulebooks import rules as book_rules
from app.rulebooks.rules import Fault
from app.staff.rules import Role

LONGEST_NOTE = 200


class SecondPersonNeeded(DomainError):
    """Who wrote a change does not approve it."""


class NotTheAuthor(DomainError):
    """Only who wrote a change may change it further or take it back."""


class DraftMoved(DomainError):
    """It was changed or decided since it was looked at."""


class DraftOutdated(DomainError):
    """Another version was published since it was written."""


@dataclass(frozen=True, slots=True)
class Person:
    staff_id: int
    role: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall hold, from when (None: from its approval), and why."""

    terms: Terms
    note: str
    starts_at: datetime | None = None


def write(
    session: Session, wish: Wish, *, based_on: int, form_id: str, by: Person, now: datetime
) -> int:
    """Keep a change that is not yet asked for; the same form again gives the same id.

    Raises Invalid, ContradictoryTerms, Conflict."""
    _check(session, wish)
    statement = insert_or_ignore(ProgrammeDraft, session.get_bind().dialect.name)
    made: int | None = session.execute(
        statement.returning(DRAFTS.c.id),
        {
            "form_id": form_id,
            "based_on": based_on,
            **_values(wish),
            "author": by.staff_id,
            "edition": 1,
            "status": "open",
            "made_at": now,
            "changed_at": now,
            "reason": "",
        },
    ).scalar_one_or_none()
    if made is not None:
        return made
    row = session.execute(
        sa.select(DRAFTS.c.id, DRAFTS.c.author).where(DRAFTS.c.form_id == form_id)
    ).one()
    if row.author != by.staff_id:
        raise Conflict("form_id", form_id)
    return int(row.id)


def change(
    session: Session, wish: Wish, *, draft_id: int, edition: int, by: Person, now: datetime
) -> None:
    """One that was asked for is open again: nobody shall approve what they did not read.

    Raises NotFound, NotTheAuthor, DraftMoved, Invalid, ContradictoryTerms."""
    draft = _own(session, draft_id, by)
    _check(session, wish)
    _move(
        session,
        draft,
        edition,
        {"status": "open", "edition": edition + 1, "changed_at": now, **_values(wish)},
    )


def ask(session: Session, *, draft_id: int, edition: int, by: Person, now: datetime) -> None:
    """Hand it to a second person. Raises NotFound, NotTheAuthor, DraftMoved, DraftOutdated."""
    draft = _own(session, draft_id, by)
    _check_newest(session, draft)
    _move(session, draft, edition, {"status": "waiting", "changed_at": now}, of=("open",))


def approve(
    session: Session, *, draft_id: int, edition: int, by: Person, now: datetime
) -> tuple[int, Draft]:
    """Publish it, from its day or from now if that has passed; return the version and what it was
    made of. What was planned for later days is replaced by it.

    Raises NotFound, SecondPersonNeeded, DraftMoved, DraftOutdated, ContradictoryTerms."""
    draft = queries.draft(session, draft_id)
    may_alone = needs_nobody(session, by, now=now)
    if draft.author == by.staff_id and not may_alone:
        raise SecondPersonNeeded
    _check_newest(session, draft)
    _check_book(session, draft.terms)
    # The row is taken first: of two who approve at once the second waits here and finds it moved.
    decided: dict[str, object] = {"decided_by": by.staff_id, "decided_at": now}
    of = UNDER_WAY if draft.author == by.staff_id else ("waiting",)
    _move(session, draft, edition, decided, of=of)
    version = _publish(session, draft, by, now)
    _move(session, draft, edition, {"status": "approved", "version": version}, of=of)
    return version, draft


def reject(
    session: Session, *, draft_id: int, edition: int, reason: str, by: Person, now: datetime
) -> None:
    """Raises NotFound, Invalid, DraftMoved."""
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= LONGEST_NOTE:
        raise Invalid("reason", f"must have 1 to {LONGEST_NOTE} characters")
    draft = queries.draft(session, draft_id)
    values = {"status": "rejected", "reason": reason, "decided_by": by.staff_id, "decided_at": now}
    _move(session, draft, edition, values, of=("waiting",))


def withdraw(session: Session, *, draft_id: int, edition: int, by: Person, now: datetime) -> None:
    """Raises NotFound, NotTheAuthor, DraftMoved."""
    draft = _own(session, draft_id, by)
    values = {"status": "withdrawn", "decided_by": by.staff_id, "decided_at": now}
    _move(session, draft, edition, values)


def renew(
    session: Session, *, draft_id: int, edition: int, by: Person, now: datetime
) -> tuple[str, ...]:
    """Put what an outdated change changes upon the newest version; return the places that both
    changed, where the draft's own values stay.

    Tiers that contradict each other when joined are one place, and so are terms: otherwise the
    author could do nothing about it, for the form has only one side's tiers.

    Raises NotFound, NotTheAuthor, DraftMoved, ContradictoryTerms."""
    draft = _own(session, draft_id, by)
    newest = programme_queries.newest(session)
    if newest == draft.based_on:
        return ()
    base = {} if not draft.based_on else _document(session, draft.based_on)
    mine = programme_rules.to_document(draft.terms)
    joined = rules.merged(base, mine, _document(session, newest))
    choices = (
        joined,
        rules.Merged({**joined.document, "tiers": mine["tiers"]}, (*joined.clashes, "tiers")),
        rules.Merged(mine, (*joined.clashes, "terms")),
    )
    sound = (choice for choice in choices if not _faults(session, choice.document))
    joined = next(sound, joined)
    terms = programme_rules.from_document(joined.document)
    _check_book(session, terms)
    _move(
        session,
        draft,
        edition,
        {
            "status": "open",
            "edition": edition + 1,
            "based_on": newest,
            "terms": programme_rules.to_document(terms),
            "changed_at": now,
        },
    )
    return joined.clashes


def restore(
    session: Session, *, version: int, note: str, form_id: str, by: Person, now: datetime
) -> int:
    """Ask for an earlier version to hold again, in one step; where nobody else is needed it holds
    at once. Returns the draft.

    Raises NoProgramme, Invalid, ContradictoryTerms, Conflict, DraftMoved, DraftOutdated."""
    terms = replace(programme_queries.terms_of(session, version), version=0)
    newest = programme_queries.newest(session)
    made = write(session, Wish(terms, note), based_on=newest, form_id=form_id, by=by, now=now)
    kept = queries.draft(session, made)
    if kept.status != "open":
        return made  # the same form again
    if needs_nobody(session, by, now=now):
        approve(session, draft_id=made, edition=kept.edition, by=by, now=now)
    else:
        ask(session, draft_id=made, edition=kept.edition, by=by, now=now)
    return made


def needs_nobody(session: Session, by: Person, *, now: datetime) -> bool:
    """The programme lets an author publish alone, or an owner has nobody to ask."""
    try:
        terms = programme_queries.terms_at(session, now)
    except NoProgramme:
        return True  # nothing holds yet that could be changed
    if not terms.changes.second_person:
        return True
    return by.role == Role.OWNER and queries.is_alone(session, by.staff_id)


def _values(wish: Wish) -> dict[str, object]:
    return {
        "terms": programme_rules.to_document(wish.terms),
        "starts_at": wish.starts_at,
        "note": " ".join(wish.note.split()),
    }


def _check(session: Session, wish: Wish) -> None:
    note = " ".join(wish.note.split())
    if not 1 <= len(note) <= LONGEST_NOTE or not note.isprintable():
        raise Invalid("note", f"must have 1 to {LONGEST_NOTE} characters")
    _check_book(session, wish.terms)


def _faults(session: Session, document: Mapping[str, Any]) -> list[Fault]:
    terms = programme_rules.from_document(document)
    return book_rules.faults(books.with_lists(session, terms))


def _check_book(session: Session, terms: Terms) -> None:
    faults = book_rules.faults(books.with_lists(session, terms))
    if faults:
        raise ContradictoryTerms([fault.reason for fault in faults])


def _own(session: Session, draft_id: int, by: Person) -> Draft:
    draft = queries.draft(session, draft_id)
    if draft.author != by.staff_id:
        raise NotTheAuthor
    return draft


def _check_newest(session: Session, draft: Draft) -> None:
    if programme_queries.newest(session) != draft.based_on:
        raise DraftOutdated


def _move(
    session: Session,
    draft: Draft,
    edition: int,
    values: dict[str, object],
    *,
    of: Sequence[str] = UNDER_WAY,
) -> None:
    won = changed(
        session,
        sa.update(DRAFTS)
        .where(DRAFTS.c.id == draft.id, DRAFTS.c.edition == edition, DRAFTS.c.status.in_(of))
        .values(**values),
    )
    if not won:
        raise DraftMoved


def _document(session: Session, version: int) -> dict[str, object]:
    return programme_rules.to_document(programme_queries.terms_of(session, version))


def _publish(session: Session, draft: Draft, by: Person, now: datetime) -> int:
    starts_at = now if draft.starts_at is None else max(now, draft.starts_at)
    try:
        return programmes.publish_over_plans(
            session,
            cutoffs.freeze(session, draft.terms, now=now),
            starts_at=starts_at,
            actor=f"staff:{by.staff_id}",
            now=now,
            note=draft.note,
            follows=draft.based_on,
        )
    except ProgrammeMoved as moved:
        raise DraftOutdated from moved

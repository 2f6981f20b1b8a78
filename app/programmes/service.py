"""Publishing a version of the programme."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import dump_json
from app.core.ids import digest
from app.programmes import queries, rules
from app.programmes.models import Programme
from app.programmes.rules import ContradictoryTerms, Terms


def publish(
    session: Session,
    terms: Terms = rules.DEFAULT,
    *,
    starts_at: datetime,
    actor: str,
    now: datetime,
    note: str = "",
) -> int:
    """Put the terms in force from `starts_at` and return the version. Rolling back is publishing
    older terms again. Raises ContradictoryTerms."""
    faults = rules.check(terms)
    if faults:
        raise ContradictoryTerms(faults)
    document = rules.to_document(terms)
    version: int = session.execute(
        sa.insert(Programme).returning(Programme.id),
        {
            "starts_at": starts_at,
            "terms": document,
            "digest": digest(dump_json(document)),
            "note": note,
            "actor": actor,
            "created_at": now,
        },
    ).scalar_one()
    queries.forget_kept(session)
    return version

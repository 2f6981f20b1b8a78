"""How far a joining has come."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.enrolments import rules
from app.enrolments.models import JoinStep
from app.enrolments.rules import Consents, Draft


def draft(session: Session, member_id: int, *, now: datetime) -> Draft | None:
    """None when nothing was begun, when it is done, or when it lay too long."""
    row = session.execute(
        sa.select(
            JoinStep.step,
            JoinStep.channel,
            JoinStep.version,
            JoinStep.terms,
            JoinStep.marketing,
            JoinStep.sharing,
            JoinStep.phone,
            JoinStep.again_at,
            JoinStep.birthday,
            JoinStep.source,
        ).where(
            JoinStep.member_id == member_id,
            JoinStep.step != rules.DONE,
            JoinStep.expires_at > now,
        )
    ).one_or_none()
    if row is None:
        return None
    consents = Consents(row.version, row.terms, row.marketing, row.sharing)
    return Draft(row.step, row.channel, consents, row.phone, row.again_at, row.birthday, row.source)

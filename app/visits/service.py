"""Let a browser in after LINE vouched for it; let it out again."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.core.db import changed
from app.visits.models import Visit

LIFE = timedelta(hours=12)


def open_visit(
    session: Session, *, line_user_id: str, id_token: str, now: datetime
) -> tuple[str, datetime]:
    """Return the secret for the cookie, and until when it opens."""
    token, until = ids.secret_token(), now + LIFE
    session.execute(
        sa.insert(Visit).values(
            digest=ids.digest(token),
            proof=ids.digest(id_token),
            line_user_id=line_user_id,
            opened_at=now,
            expires_at=until,
        )
    )
    return token, until


def forget_old(session: Session, *, now: datetime) -> int:
    return changed(session, sa.delete(Visit).where(Visit.expires_at <= now))

"""Who is looking."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.visits.models import Visit


def line_user_of(session: Session, token: str, *, now: datetime) -> str | None:
    """The LINE user behind a cookie that still opens."""
    return session.scalar(
        sa.select(Visit.line_user_id).where(
            Visit.digest == ids.digest(token), Visit.expires_at > now
        )
    )


def is_proven(session: Session, token: str, *, id_token: str, now: datetime) -> bool:
    """Whether this cookie was opened with this very id token."""
    found = session.scalar(
        sa.select(Visit.id).where(
            Visit.digest == ids.digest(token),
            Visit.proof == ids.digest(id_token),
            Visit.expires_at > now,
        )
    )
    return found is not None

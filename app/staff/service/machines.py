"""Keys for tills and shops."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.core.db import changed
from app.core.errors import Invalid, NotFound
from app.staff import rules
from app.staff.models import ApiToken
from app.staff.rules import SCOPES


def create_token(session: Session, *, name: str, role: str, now: datetime) -> str:
    """Return the bearer token, shown this once. Raises Invalid for a bad name or role."""
    if role not in SCOPES:
        raise Invalid("role", f"is none of {', '.join(SCOPES)}")
    token = rules.TOKEN_PREFIX + ids.secret_token()
    session.execute(
        sa.insert(ApiToken).values(
            name=rules.named(name),
            role=role,
            prefix=token[: rules.SHOWN_OF_TOKEN],
            digest=ids.digest(token),
            created_at=now,
        )
    )
    return token


def token_used(session: Session, *, token_id: int, now: datetime) -> None:
    """Note when; at most once every few minutes."""
    changed(
        session,
        sa.update(ApiToken)
        .where(
            ApiToken.id == token_id,
            sa.or_(
                ApiToken.last_used_at.is_(None),
                ApiToken.last_used_at <= now - rules.SEEN_EVERY,
            ),
        )
        .values(last_used_at=now),
    )


def revoke_token(session: Session, *, token_id: int, now: datetime) -> None:
    """Raises NotFound when there is no such living token."""
    revoked = (
        sa.update(ApiToken)
        .where(ApiToken.id == token_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    if not changed(session, revoked):
        raise NotFound("token", token_id)

"""A webhook as a shop has it: most of what happened was delivered, one thing was not."""

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import table_of
from app.hooks import service
from app.hooks.rules import Answer, HookDraft
from app.members.models import MEMBER, Member

URL: Final = "https://erp.example.tw/hooks/regulars"
TOLD: Final = 8
_MEMBERS = table_of(Member)


def write(session: Session, *, key: str, now: datetime) -> None:
    """It is paused: the demo sends nothing to the world."""
    kinds = ("member.joined", "purchase.recorded", "purchase.refunded", "tier.upgraded")
    made_at = now - timedelta(hours=6)
    draft = HookDraft("ERP", URL, kinds)
    made = service.create(
        session, draft=draft, form_id="seed", key=key, allows_private=False, now=made_at
    )
    people = session.scalars(
        sa.select(_MEMBERS.c.id)
        .where(_MEMBERS.c.status == MEMBER)
        .order_by(_MEMBERS.c.id.desc())
        .limit(TOLD)
    ).all()
    for number, member_id in enumerate(people):
        at = made_at + timedelta(minutes=31 * (number + 1))
        service.owe(
            session,
            hook_id=made.hook_id,
            kind="purchase.recorded",
            keys={member_id: f"seed:{number}"},
            facts={"amount": 380 + 115 * number, "store": "永康店"},
            now=at,
        )
        answer = Answer(503) if number == TOLD - 1 else Answer(200)
        held = service.claim(session, lease="seed", key=key, now=at)
        service.record(session, lease="seed", tries=[(one, answer) for one in held], now=at)
    service.pause(session, hook_id=made.hook_id)

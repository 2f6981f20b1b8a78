"""Requests about personal data as a shop has them: one is late, one is new, one was carried out."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import table_of
from app.enrolments.notice import notice
from app.members.models import MEMBER, Member
from app.rights import queries, rules, service
from app.staff.models import Staff

_MEMBERS = table_of(Member)


def write(session: Session, *, now: datetime) -> None:
    staff_id = session.scalars(sa.select(sa.func.min(Staff.id))).one()
    people = session.scalars(
        sa.select(_MEMBERS.c.id).where(_MEMBERS.c.status == MEMBER).order_by(_MEMBERS.c.id).limit(3)
    ).all()
    asked = (
        (rules.COPY, "phone", 17, "要歷年消費明細"),
        (rules.CORRECT, "store", 4, "生日登記錯了"),
        (rules.STOP, "letter", 12, ""),
    )
    for member_id, (kind, channel, days, note) in zip(people, asked, strict=False):
        at = now - timedelta(days=days)
        service.ask(
            session,
            member_id=member_id,
            kind=kind,
            channel=channel,
            asked_on=taipei_date(at),
            note=note,
            form_id=f"seed:{kind}",
            staff_id=staff_id,
            now=at,
        )
    last = next(one for one in queries.open_requests(session) if one.kind == rules.STOP)
    service.decide(
        session,
        request_id=last.id,
        status=rules.DONE,
        note="已停止寄送，並回信告知",
        notice_version=notice("").version,
        staff_id=staff_id,
        now=now - timedelta(days=2),
    )

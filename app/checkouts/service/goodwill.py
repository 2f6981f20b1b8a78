"""A coupon to make up for something, and the letter that says so."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.checkouts import messages
from app.coupons import service as coupons
from app.coupons.service import Giver, Issued
from app.members import queries as members
from app.outbox import service as outbox
from app.points import service as points


def give_goodwill(
    session: Session,
    *,
    kind_code: str,
    member_id: int,
    by: Giver,
    reason: str,
    form_id: str,
    now: datetime,
) -> Issued | None:
    """Give the coupon and tell the member, or the one they were merged into since; None when this
    form did before. Raises what `coupons.give_goodwill` raises."""
    points.lock(session, member_id=member_id, now=now)
    member_id = members.living_id(session, member_id)
    issued = coupons.give_goodwill(
        session,
        kind_code=kind_code,
        member_id=member_id,
        by=by,
        reason=reason,
        dedup_key=form_id,
        now=now,
    )
    person = members.person(session, member_id)
    if issued is not None and person.line_user_id is not None:
        outbox.push(
            session,
            member_id=member_id,
            recipient=person.line_user_id,
            messages=[messages.goodwill(issued)],
            kind="goodwill",
            klass="service",
            dedup_key=f"goodwill:{issued.coupon_id}",
            now=now,
        )
    return issued

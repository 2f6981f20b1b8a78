"""Who moves several kinds holds them first, in one order: two of them wait and never in a ring."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.coupons.models import COUPONS, KINDS


def lock_kinds(
    session: Session,
    *,
    codes: Collection[str] = (),
    words: Collection[str] = (),
    coupon_ids: Collection[int] = (),
    kind_codes: Collection[str] = (),
) -> None:
    """Hold these kinds and those of these coupons and words, by id, before any of their coupons.
    SQLite has one writer, who needs to hold nothing."""
    if session.get_bind().dialect.name == "sqlite":
        return
    of_coupons = sa.select(COUPONS.c.kind_id).where(
        sa.or_(COUPONS.c.code.in_(codes), COUPONS.c.id.in_(coupon_ids))
    )
    session.execute(
        sa.select(KINDS.c.id)
        .where(
            sa.or_(
                KINDS.c.id.in_(of_coupons),
                KINDS.c.word.in_(words),
                KINDS.c.code.in_(kind_codes),
            )
        )
        .order_by(KINDS.c.id)
        .with_for_update(key_share=True)  # as strong as the UPDATE that follows, and no more
    ).all()

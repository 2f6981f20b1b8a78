"""A held coupon as messages show it."""

from datetime import datetime, timedelta

from app.core.clock import taipei_date
from app.coupons import rules
from app.coupons.queries import HeldCoupon
from app.coupons.rules import KindDraft
from app.line import taps
from flex_templates.coupons import CouponView
from flex_templates.parts import Press


def view(held: HeldCoupon, *, now: datetime, countdown: timedelta | None = None) -> CouponView:
    """With the days it has left; when `countdown` is given, only the last ones."""
    ends_on = None if held.expires_at is None else rules.last_day(held.expires_at)
    left = None if ends_on is None else (ends_on - taipei_date(now)).days
    if left is not None and countdown is not None and left > countdown.days:
        left = None
    return CouponView(
        name=held.name,
        type=held.type,  # type: ignore[arg-type]  # the template's words are the rules' words
        value=held.value,
        code=held.code,
        ends_on=ends_on,
        min_spend=held.min_spend,
        cap=held.cap or 0,
        buys=held.buys,
        days_left=left,
        terms=held.terms,
        use=Press(taps.UseCoupon(held.id).pack(), says="使用優惠券"),
    )


def offered(draft: KindDraft, *, now: datetime) -> CouponView:
    """What a member given this kind now would hold; there is no code yet."""
    ends = rules.expires_at(
        issued_at=now,
        valid_days=draft.valid_days,
        ends_at=draft.ends_at,
        starts_at=draft.starts_at,
    )
    return CouponView(
        name=draft.name,
        type=draft.type,  # type: ignore[arg-type]  # as above
        value=draft.value,
        code="",
        ends_on=None if ends is None else rules.last_day(ends),
        min_spend=draft.min_spend,
        cap=draft.cap or 0,
        buys=draft.buys,
        terms=draft.terms,
    )

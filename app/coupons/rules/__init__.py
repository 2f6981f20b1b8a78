"""The arithmetic of coupons: what one takes off, several together, and the kinds there are."""

from app.coupons.rules.kinds import (
    ROLLED_BACK_LIVES,
    KindDraft,
    check_draft,
    expires_at,
    expiry_after_rollback,
    faults,
    last_day,
)
from app.coupons.rules.offers import (
    Conditions,
    CouponNotUsable,
    Line,
    Offer,
    Situation,
    Type,
    check,
    discount,
    eligible_amount,
)
from app.coupons.rules.stacking import (
    MOST_TOGETHER,
    Chosen,
    Stack,
    addable,
    check_together,
    split,
    stack,
    stacked,
)

__all__ = [
    "MOST_TOGETHER",
    "ROLLED_BACK_LIVES",
    "Chosen",
    "Conditions",
    "CouponNotUsable",
    "KindDraft",
    "Line",
    "Offer",
    "Situation",
    "Stack",
    "Type",
    "addable",
    "check",
    "check_draft",
    "check_together",
    "discount",
    "eligible_amount",
    "expires_at",
    "expiry_after_rollback",
    "faults",
    "last_day",
    "split",
    "stack",
    "stacked",
]

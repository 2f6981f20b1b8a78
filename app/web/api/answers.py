"""Facts as the JSON a till gets."""

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.responses import Response

from app.cards.queries import Card
from app.core import text
from app.coupons.queries import HeldCoupon


def json_answer(content: Any, *, status: int = 200) -> Response:
    """Keys in one order: a repeated call gets the same bytes, though its facts were stored."""
    body = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return Response(body, status, media_type="application/json")


def _redemption(card: Card) -> dict[str, int] | None:
    """How points pay; None when they do not."""
    rule = card.terms.redemption
    if not rule.is_on:
        return None
    return {
        "step": rule.step,
        "pays": rule.pays,
        "minimum": rule.minimum,
        "max_percent": rule.max_percent,
    }


def member(card: Card, held: Sequence[HeldCoupon]) -> dict[str, Any]:
    progress, points = card.progress, card.points
    next_tier = progress.next_tier
    return {
        "number": card.number,
        "name": text.mask_name(card.name),
        "tier": {
            "code": card.tier.code,
            "name": card.tier.name,
            "until": None if progress.tier_until is None else progress.tier_until.isoformat(),
        },
        "points": {
            "balance": points.balance,
            "pending": points.pending,
            "expiring": points.next_expiry_points,
            "expires_at": None
            if points.next_expiry_at is None
            else points.next_expiry_at.isoformat(),
            "redemption": _redemption(card),
        },
        "progress": {
            "spent": progress.spent,
            "next_tier": None
            if next_tier is None
            else {"code": next_tier.code, "name": next_tier.name},
            "to_next": progress.to_next,
            "percent": progress.percent,
        },
        "coupons": [
            {
                "code": coupon.code,
                "name": coupon.name,
                "type": coupon.type,
                "value": coupon.value,
                "min_spend": coupon.min_spend,
                "expires_at": None if coupon.expires_at is None else coupon.expires_at.isoformat(),
            }
            for coupon in held
        ],
    }

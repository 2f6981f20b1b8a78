"""Refusals in the words of the API: a status, and the field at fault."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.cards.service import TokenDead
from app.core.errors import Conflict, DomainError, Invalid, NotFound
from app.coupons.rules import CouponNotUsable
from app.points.rules import NotEnoughPoints, PaymentRefused
from app.purchases.rules import RefundTooLarge
from app.web.api.problems import Problem

Place = Sequence[str | int]


def malformed(found: Sequence[tuple[Place, str]]) -> Problem:
    """What a body lacks or says wrongly, each with its place."""
    errors = [(field_of(place), reason) for place, reason in found]
    return Problem(422, f"{errors[0][0]}: {errors[0][1]}", errors=errors)


def field_of(place: Place) -> str:
    """`("items", 0, "sku")` → `items[0].sku`"""
    name = ""
    for part in place:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return name or "body"


def problem_of(error: DomainError) -> Problem:
    """What a till is told of a refusal."""
    match error:
        case Invalid(field=field, reason=reason):
            found = Problem(422, f"{field}: {reason}", errors=[(field, reason)])
        case Conflict(field=field):
            found = Problem(409, str(error), errors=[(field, "was used with other content")])
        case RefundTooLarge(rest=rest):
            found = Problem(409, str(error), errors=[("amount", f"at most {rest}")])
        case CouponNotUsable(reason="discount", facts=facts):
            reason = f"this coupon takes NT${facts['expected']} off"
            found = Problem(409, f"{reason}{_of(facts)}", errors=[("coupon_discount", reason)])
        case CouponNotUsable(reason=reason):
            found = Problem(409, str(error), errors=[("coupon", reason)])
        case PaymentRefused() | NotEnoughPoints():
            found = Problem(409, str(error), errors=[("points.redeem", _why_not(error))])
        case TokenDead(reason=reason):
            found = Problem(409, str(error), errors=[("member.card", reason)])
        case NotFound(what="coupon"):
            found = Problem(409, "no such coupon of this member", errors=[("coupon", "unknown")])
        case NotFound():
            found = Problem(404, str(error))
        case _:
            found = Problem(409, str(error))
    return found


def _of(facts: Mapping[str, Any]) -> str:
    return f" (coupon {facts['coupon']})" if facts.get("coupon") else ""


def _why_not(error: PaymentRefused | NotEnoughPoints) -> str:
    match error:
        case NotEnoughPoints(balance=balance):
            return f"the member has {balance} usable points"
        case PaymentRefused(reason="minimum", facts=facts):
            return f"at least {facts['minimum']} points"
        case PaymentRefused(reason="step", facts=facts):
            return f"a multiple of {facts['step']} points"
        case PaymentRefused(reason="share", facts=facts):
            return f"at most {facts['most']} points on this sale ({facts['percent']} % of it)"
        case PaymentRefused(reason="worth", facts=facts):
            return f"these points are worth NT${facts['worth']}"
        case _:
            return "the programme takes no points as payment"

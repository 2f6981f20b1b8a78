"""Answers that several conversations give."""

from typing import Any

from flex_templates import card
from flex_templates.card import GuestCardView
from handlers import taps
from handlers.context import Context

GUEST_HINTS = ("消費累積點數，折抵現金", "生日當月點數 2 倍與專屬禮", "入會即享優惠券")


def invitation(ctx: Context) -> dict[str, Any]:
    """A guest asks for what only members have."""
    view = GuestCardView(join=taps.join(ctx.brand), hints=GUEST_HINTS)
    return card.guest_message(view, ctx.brand.theme)

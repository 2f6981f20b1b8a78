"""Answers that several conversations give."""

from datetime import datetime
from typing import Any

from app.core.clock import TAIPEI
from app.rights import queries as rights
from flex_templates import card, membership
from flex_templates.card import GuestCardView
from flex_templates.membership import ClosingView
from handlers import taps
from handlers.context import Context

GUEST_HINTS = ("消費累積點數，隨時查得到", "生日當月點數 2 倍與專屬禮", "入會即享優惠券")


def invitation(ctx: Context) -> dict[str, Any]:
    """A guest asks for what only members have; who left some days ago can still come back."""
    wipe_at = rights.wipe_at(ctx.session, ctx.member.id)
    if wipe_at is not None:
        return closing(ctx, wipe_at)
    view = GuestCardView(join=taps.join(ctx.brand), hints=GUEST_HINTS)
    return card.guest_message(view, ctx.brand.theme)


def closing(ctx: Context, wipe_at: datetime) -> dict[str, Any]:
    """The wish to leave was taken, and can be taken back until `wipe_at`."""
    view = ClosingView(wipe_at.astimezone(TAIPEI).date(), taps.REOPEN)
    return membership.closing_message(view, ctx.brand.theme)

"""They added, unblocked or blocked the account."""

from app.line.events import Event
from app.line.router import Lasting, Reply, Router
from app.members import service as members
from app.points import queries as points
from app.richmenus import service as menus
from flex_templates import greeting
from flex_templates.greeting import GreetingView, ReturningView
from handlers import taps
from handlers.context import Context

routes: Router[Context] = Router("greeting")


@routes.event("follow")
def follow(event: Event, ctx: Context) -> Reply:
    recipient = event.user_id or ""
    if not members.befriend(
        ctx.session, member_id=ctx.member.id, recipient=recipient, at=event.occurred_at
    ):
        return []
    # Whether a menu link survives a block is undocumented, so it is set again at every follow.
    menus.show(
        ctx.session,
        member_id=ctx.member.id,
        recipient=recipient,
        is_member=ctx.member.is_member,
        dedup_key=f"menu:{event.id}",
        now=ctx.now,
    )
    is_back = event.is_unblocked or ctx.member.is_member
    return Lasting([_welcome_back(ctx) if is_back else _greet(ctx)])


def _greet(ctx: Context) -> dict[str, object]:
    view = GreetingView(join=taps.join(ctx.brand), name=ctx.member.called)
    return greeting.message(view, ctx.brand.theme)


def _welcome_back(ctx: Context) -> dict[str, object]:
    is_member = ctx.member.is_member
    balance = 0
    if is_member:
        balance = points.standing(ctx.session, ctx.member.id, now=ctx.now).balance
    view = ReturningView(
        tap=taps.CARD if is_member else taps.join(ctx.brand),
        name=ctx.member.called,
        is_member=is_member,
        points=balance,
    )
    return greeting.returning_message(view, ctx.brand.theme)


@routes.event("unfollow")
def unfollow(event: Event, ctx: Context) -> Reply:
    members.unfriend(
        ctx.session,
        member_id=ctx.member.id,
        recipient=event.user_id or "",
        at=event.occurred_at,
    )
    return []

"""Stopping and resuming marketing messages."""

from app.enrolments.notice import notice
from app.line.events import Event
from app.line.router import Lasting, Reply, Router
from app.line.taps import ResumeMarketing, StopMarketing
from app.members import service as members
from flex_templates import membership
from flex_templates.membership import ResumedView, StoppedView
from handlers import taps
from handlers.context import Context

routes: Router[Context] = Router("centre")


@routes.words("停止行銷訊息", "停止行銷", "取消訂閱", "停止接收")
def stop_by_word(_event: Event, ctx: Context) -> Reply:
    return _set(ctx, is_given=False)


@routes.postback(StopMarketing)
def stop(_event: Event, _data: StopMarketing, ctx: Context) -> Reply:
    return _set(ctx, is_given=False)


@routes.words("恢復行銷訊息", "恢復行銷")
def resume_by_word(_event: Event, ctx: Context) -> Reply:
    return _set(ctx, is_given=True)


@routes.postback(ResumeMarketing)
def resume(_event: Event, _data: ResumeMarketing, ctx: Context) -> Reply:
    return _set(ctx, is_given=True)


def _set(ctx: Context, *, is_given: bool) -> Reply:
    members.consent(
        ctx.session,
        member_id=ctx.member.id,
        kind="marketing",
        version=notice(ctx.brand.name).version,
        is_given=is_given,
        channel="chat",
        now=ctx.now,
    )
    theme = ctx.brand.theme
    if is_given:
        return Lasting([membership.resumed_message(ResumedView(taps.STOP), theme)])
    return Lasting([membership.stopped_message(StoppedView(taps.RESUME), theme)])

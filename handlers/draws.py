"""抽獎: what runs and how one stands in it; entering or spinning, with a question before."""

from datetime import timedelta

from app.core.clock import taipei_date
from app.core.errors import DomainError, NotFound
from app.draws import messages, queries, service
from app.draws.queries import DrawShown, Standing
from app.line.events import Event
from app.line.router import Lasting, Message, Reply, Router
from app.line.taps import AskToEnter, EnterDraw, ShowDraws
from app.points import queries as points
from flex_templates import draws as template
from flex_templates import parts
from flex_templates.parts import Link, Tap
from handlers import replies, taps
from handlers.context import Context

routes: Router[Context] = Router("draws")
RESULTS_SHOWN = timedelta(days=14)


@routes.words("抽獎", "抽獎活動", "我的抽獎", "輪盤", "draw")
def show_by_word(_event: Event, ctx: Context) -> Reply:
    return _list(ctx)


@routes.postback(ShowDraws)
def show(_event: Event, _data: ShowDraws, ctx: Context) -> Reply:
    return _list(ctx)


@routes.postback(AskToEnter)
def ask(_event: Event, data: AskToEnter, ctx: Context) -> Reply:
    """Nothing is spent yet."""
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    try:
        draw = queries.draw(ctx.session, data.draw_id)
    except NotFound as refusal:
        return [_refused(refusal)]
    standing = _standing(draw, ctx)
    if not messages.can_press(draw, standing, ctx.now):
        return _list(ctx)
    balance = points.standing(ctx.session, ctx.member.id, now=ctx.now).balance
    view = messages.ask_view(draw, standing, balance=balance)
    return [template.ask_message(view, ctx.brand.theme)]


@routes.postback(EnterDraw)
def enter(_event: Event, data: EnterDraw, ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    try:
        entered = service.enter(
            ctx.session, draw_id=data.draw_id, member=ctx.member, turn=data.turn, now=ctx.now
        )
    except DomainError as refusal:
        return [_refused(refusal)]
    draw = queries.draw(ctx.session, data.draw_id)
    standing = _standing(draw, ctx)
    theme, now = ctx.brand.theme, ctx.now
    if draw.is_wheel:
        return Lasting([messages.spun_message(draw, entered.prize, standing, now=now, theme=theme)])
    return Lasting([messages.entered_message(draw, entered.ticket, standing, now=now, theme=theme)])


def _list(ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    found = queries.shown_to_members(ctx.session, now=ctx.now, since=ctx.now - RESULTS_SHOWN)
    views = [
        messages.view(
            draw,
            _standing(draw, ctx),
            queries.wins_of(ctx.session, draw_id=draw.id, member_id=ctx.member.id),
            proof=_proof(draw, ctx),
            now=ctx.now,
        )
        for draw in found
    ]
    message = template.list_message(views, ctx.brand.theme)
    page = ctx.brand.page("draws")
    more = () if page is None or not views else (("抽獎頁面", page),)
    return [parts.with_quick_reply(message, (*more, ("會員卡", taps.CARD)))]


def _standing(draw: DrawShown, ctx: Context) -> Standing:
    today = taipei_date(ctx.now)
    return queries.standing(ctx.session, draw=draw, member_id=ctx.member.id, today=today)


def _proof(draw: DrawShown, ctx: Context) -> Tap | None:
    """Outside LINE, where it can be kept and compared."""
    if not ctx.brand.base_url:
        return None
    return Link(f"{ctx.brand.base_url}/draws/{draw.code}?openExternalBrowser=1")


def _refused(refusal: DomainError) -> Message:
    return parts.say(messages.explain(refusal), (("抽獎", messages.DRAWS), ("會員卡", taps.CARD)))

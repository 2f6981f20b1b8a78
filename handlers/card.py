"""The member's card and the code for the clerk."""

from app.cards import queries as cards
from app.cards import service as card_service
from app.cards.queries import Card
from app.cards.rules import TOKEN_LIFE
from app.core.pictures import barcode_url, qr_url
from app.line.events import Event
from app.line.router import Reply, Router
from app.line.taps import ShowCard, ShowCode
from app.tiers import rules as tier_rules
from app.tiers.rules import words
from flex_templates import card as card_template
from flex_templates import member_code
from flex_templates.card import CardView
from flex_templates.member_code import MemberCodeView
from handlers import replies, taps
from handlers.context import Context

routes: Router[Context] = Router("card")


@routes.words("會員卡", "我的會員卡", "會員", "card", "卡片")
def show_by_word(_event: Event, ctx: Context) -> Reply:
    return _card(ctx)


@routes.postback(ShowCard)
def show(_event: Event, _data: ShowCard, ctx: Context) -> Reply:
    return _card(ctx)


@routes.words("出示會員碼", "會員碼", "條碼")
def code_by_word(_event: Event, ctx: Context) -> Reply:
    return _code(ctx)


@routes.postback(ShowCode)
def code(_event: Event, _data: ShowCode, ctx: Context) -> Reply:
    return _code(ctx)


def _card(ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    found = ctx.card or cards.card(ctx.session, ctx.member.id, now=ctx.now)
    return [card_template.render_bytes(_view(ctx, found), ctx.brand.theme)]


def _view(ctx: Context, found: Card) -> CardView:
    standing, progress = found.points, found.progress
    next_tier = progress.next_tier
    expiry = standing.next_expiry_at
    return CardView(
        name=found.name,
        number=found.number,
        barcode_url=barcode_url(ctx.brand.base_url, ctx.brand.secret_key, found.number),
        tier=found.tier.name,
        tier_colour=found.tier.colour,
        tier_until=progress.tier_until,
        points=standing.balance,
        coupons=found.coupons,
        show_code=ctx.brand.page("card") or taps.CODE,
        my_points=taps.POINTS,
        my_coupons=taps.COUPONS,
        benefits=taps.TIERS,
        pending=standing.pending,
        expiring=standing.next_expiry_points,
        expires_on=None if expiry is None else tier_rules.last_day(expiry),
        next_tier="" if next_tier is None else next_tier.name,
        way=words.way_up(progress),
        next_until=None if next_tier is None else progress.until,
        progress=progress.percent,
    )


def _code(ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    token = card_service.issue_token(ctx.session, member_id=ctx.member.id, now=ctx.now)
    view = MemberCodeView(
        qr_url=qr_url(ctx.brand.base_url, token.text),
        name=ctx.member.called,
        number=ctx.member.number or "",
        expires_at=token.expires_at,
        refresh=taps.CODE,
        seconds=int(TOKEN_LIFE.total_seconds()),
        live=ctx.brand.page("card"),
    )
    return [member_code.message(view, ctx.brand.theme)]

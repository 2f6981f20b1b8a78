"""等級權益: the ladder, where the member stands, what is missing, and what can be chosen."""

from app.core.clock import taipei_date
from app.line.events import Event
from app.line.router import Reply, Router
from app.line.taps import ShowTiers
from app.programmes import queries as programmes
from app.tiers import queries
from app.tiers.rules import words
from flex_templates import tiers as template
from flex_templates.tiers import LadderView, Rung
from handlers import benefits, replies, taps
from handlers.context import Context

routes: Router[Context] = Router("tiers")


@routes.words("等級權益", "等級", "會員等級", "權益", "升等")
def show_by_word(_event: Event, ctx: Context) -> Reply:
    return _ladder(ctx)


@routes.postback(ShowTiers)
def show(_event: Event, _data: ShowTiers, ctx: Context) -> Reply:
    return _ladder(ctx)


def _ladder(ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    terms = programmes.terms_at(ctx.session, ctx.now)
    progress = queries.progress(ctx.session, ctx.member.id, now=ctx.now)
    next_tier = progress.next_tier
    view = LadderView(
        rungs=tuple(
            Rung(
                tier.name,
                tier.colour,
                words.goals(tier, terms.tiering, taipei_date(ctx.now)),
                tier.benefits,
                is_current=tier.code == progress.tier.code,
            )
            for tier in terms.tiers
        ),
        card=taps.CARD,
        next_tier="" if next_tier is None else next_tier.name,
        way=words.way_up(progress),
        next_until=None if next_tier is None else progress.until,
        tier_until=progress.tier_until,
    )
    return [template.ladder_message(view, ctx.brand.theme), *benefits.choices(ctx)]

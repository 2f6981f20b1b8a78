"""我的點數: the balance and what made it, and the ways to earn more."""

from datetime import date

from app.core.clock import TAIPEI
from app.coupons import queries as coupons
from app.line.events import Event
from app.line.router import Reply, Router
from app.line.taps import ShowPoints, ShowWaysToEarn
from app.missions import messages as mission_words
from app.missions import service as missions
from app.points import queries
from app.points.queries import Movement
from app.programmes import queries as programmes
from app.rewards import queries as rewards
from app.stamps import messages as stamp_words
from app.stamps import queries as stamps
from app.tiers import queries as tiers
from app.tiers import rules as tier_rules
from app.tiers.rules import words
from flex_templates import missions as mission_template
from flex_templates import parts, wording
from flex_templates import points as template
from flex_templates import stamps as stamp_template
from flex_templates.missions import MissionsView
from flex_templates.parts import Message
from flex_templates.points import PointsEntry, PointsView
from flex_templates.stamps import StampsView
from handlers import replies, taps
from handlers.context import Context

routes: Router[Context] = Router("points")
LATEST = 5


@routes.words("我的點數", "點數", "查點數", "points", "積分")
def show_by_word(_event: Event, ctx: Context) -> Reply:
    return _points(ctx)


@routes.postback(ShowPoints)
def show(_event: Event, _data: ShowPoints, ctx: Context) -> Reply:
    return _points(ctx)


@routes.words("任務集點", "任務", "我的任務", "集點", "集點卡", "我的集點卡")
def ways_by_word(_event: Event, ctx: Context) -> Reply:
    return _ways(ctx)


@routes.postback(ShowWaysToEarn)
def ways(_event: Event, _data: ShowWaysToEarn, ctx: Context) -> Reply:
    return _ways(ctx)


def _points(ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    standing = queries.standing(ctx.session, ctx.member.id, now=ctx.now)
    terms = programmes.terms_at(ctx.session, ctx.now)
    history = queries.history(ctx.session, ctx.member.id, limit=LATEST)
    expiry = standing.next_expiry_at
    view = PointsView(
        balance=standing.balance,
        card=taps.CARD,
        pending=standing.pending,
        pending_from=_first_pending(history, ctx),
        expiring=standing.next_expiry_points,
        expires_on=None if expiry is None else tier_rules.last_day(expiry),
        worth=int(max(0, standing.balance) * terms.points.value),
        entries=tuple(_entry(movement) for movement in history),
        history=ctx.brand.page("points"),
        explain=taps.WHY,
        exchange=taps.REWARDS if rewards.catalogue(ctx.session, now=ctx.now) else None,
    )
    return [template.message(view, ctx.brand.theme)]


def _first_pending(history: list[Movement], ctx: Context) -> date | None:
    waiting = [
        movement.usable_from
        for movement in history
        if movement.usable_from is not None and movement.usable_from > ctx.now
    ]
    return min(waiting).astimezone(TAIPEI).date() if waiting else None


def _entry(movement: Movement) -> PointsEntry:
    return PointsEntry(
        on=movement.at.astimezone(TAIPEI).date(),
        reason=movement.reason,
        change=movement.points,
    )


def _ways(ctx: Context) -> Reply:
    """Stamp cards and missions under way, how points are earned, how far the next tier is."""
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    terms = programmes.terms_at(ctx.session, ctx.now)
    progress = tiers.progress(ctx.session, ctx.member.id, now=ctx.now)
    lines = [
        "集點方式",
        f"・消費每滿 {wording.money(terms.earning.unit)} 得 {terms.earning.rate} 點",
    ]
    if progress.tier.percent != 100:
        lines.append(f"・{progress.tier.name}點數 {progress.tier.percent / 100:g} 倍")
    if terms.earning.birthday_percent != 100:
        lines.append(f"・生日當月點數 {terms.earning.birthday_percent / 100:g} 倍")
    lines += [
        f"・{campaign.name}點數 {campaign.percent / 100:g} 倍"
        for campaign in terms.earning.campaigns
        if campaign.starts_at <= ctx.now < campaign.ends_at
    ]
    if progress.next_tier is not None:
        missing = wording.missing(words.way_up(progress), progress.next_tier.name, progress.until)
        lines += ["", missing]
    buttons = (("我的點數", taps.POINTS), ("等級權益", taps.TIERS), ("會員卡", taps.CARD))
    return [*_stamps(ctx), *_missions(ctx), parts.say("\n".join(lines), buttons)]


def _stamps(ctx: Context) -> list[Message]:
    found = stamps.standings(ctx.session, ctx.member.id, now=ctx.now)
    if not found:
        return []
    names = coupons.names(ctx.session)
    view = StampsView(
        cards=tuple(stamp_words.view(standing, names) for standing in found),
        card=taps.CARD,
        page=ctx.brand.page("stamps"),
    )
    return [stamp_template.message(view, ctx.brand.theme)]


def _missions(ctx: Context) -> list[Message]:
    found = missions.standings(ctx.session, ctx.member.id, now=ctx.now)
    if not found:
        return []
    view = MissionsView(
        missions=tuple(mission_words.view(standing) for standing in found),
        card=taps.CARD,
        page=ctx.brand.page("missions"),
    )
    return [mission_template.message(view, ctx.brand.theme)]

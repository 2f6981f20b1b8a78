"""任選權益: the choices of the member's tier, the question before, and the choice."""

from app.benefits import messages, queries, service
from app.benefits.queries import ChoiceShown, Claimed
from app.benefits.rules import PERIODS, BenefitRefused
from app.coupons import messages as coupon_messages
from app.coupons import queries as coupons
from app.line.events import Event
from app.line.router import Lasting, Reply, Router
from app.line.taps import AskBenefit, ClaimBenefit, ShowBenefits
from app.points import queries as points
from app.programmes import queries as programmes
from app.programmes.rules import Every
from app.tiers import queries as tiers
from flex_templates import benefits as template
from flex_templates import parts
from flex_templates.benefits import AskView, BenefitsView, ClaimedView
from flex_templates.parts import Message, Press
from handlers import replies, taps
from handlers.context import Context

routes: Router[Context] = Router("benefits")


@routes.words("任選權益", "領取權益", "選權益", "權益任選", "benefits")
def show_by_word(_event: Event, ctx: Context) -> Reply:
    return _choices(ctx)


@routes.postback(ShowBenefits)
def show(_event: Event, _data: ShowBenefits, ctx: Context) -> Reply:
    return _choices(ctx)


@routes.postback(AskBenefit)
def ask(_event: Event, data: AskBenefit, ctx: Context) -> Reply:
    """Nothing is chosen yet."""
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    shown = queries.choices(ctx.session, ctx.member.id, now=ctx.now)
    found = next((item for item in shown if item.choice.code == data.choice), None)
    wanted = None if found is None else _wanted(found, data.option)
    if found is None or wanted is None:
        return [_refused(BenefitRefused("not_offered"))]
    if found.claimed is not None:
        return [_refused(BenefitRefused("claimed", name=found.claimed.option_name))]
    view = AskView(
        choice=found.choice.name,
        period=found.period,
        option=wanted.option.name,
        gives=wanted.gives,
        others=tuple(item.option.name for item in found.options if item is not wanted),
        confirm=Press(ClaimBenefit(data.choice, data.option).pack(), says="確定選這項"),
        cancel=taps.BENEFITS,
    )
    return [template.confirm_message(view, ctx.brand.theme)]


@routes.postback(ClaimBenefit)
def claim(_event: Event, data: ClaimBenefit, ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    try:
        with ctx.session.begin_nested():
            done = service.claim(
                ctx.session,
                member_id=ctx.member.id,
                choice=data.choice,
                option=data.option,
                now=ctx.now,
            )
    except BenefitRefused as refused:
        return [_refused(refused)]
    return Lasting([template.claimed_message(_claimed(done, ctx), ctx.brand.theme)])


def choices(ctx: Context) -> list[Message]:
    """The message that shows them, or none where there is nothing to choose."""
    shown = queries.choices(ctx.session, ctx.member.id, now=ctx.now)
    return [_shown(shown, ctx)] if shown else []


def _choices(ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    return [_shown(queries.choices(ctx.session, ctx.member.id, now=ctx.now), ctx)]


def _shown(shown: list[ChoiceShown], ctx: Context) -> Message:
    held = tiers.open_period(ctx.session, ctx.member.id)
    terms = programmes.terms_at(ctx.session, ctx.now)
    view = BenefitsView(
        tier=terms.tiers[0].name if held is None else terms.tier(held.tier_code).name,
        choices=tuple(messages.view(item) for item in shown),
        card=taps.CARD,
        tiers=taps.TIERS,
    )
    return template.choices_message(view, ctx.brand.theme)


def _wanted(shown: ChoiceShown, option: str) -> queries.OptionShown | None:
    return next((item for item in shown.options if item.option.code == option), None)


def _claimed(done: Claimed, ctx: Context) -> ClaimedView:
    held = None
    if done.coupon_id is not None:
        held = coupons.coupon_of_member(ctx.session, done.coupon_id, member_id=ctx.member.id)
    terms = programmes.terms_of(ctx.session, done.programme_version)
    every: Every = next(
        (
            choice.every
            for choice in terms.tier(done.tier_code).choices
            if choice.code == done.choice
        ),
        "term",
    )
    return ClaimedView(
        choice=done.choice_name,
        period=PERIODS[every],
        option=done.option_name,
        points=done.points,
        coupon=None if held is None else coupon_messages.view(held, now=ctx.now),
        balance=points.standing(ctx.session, ctx.member.id, now=ctx.now).balance,
        why=taps.WHY,
        wallet=taps.COUPONS,
    )


def _refused(refused: BenefitRefused) -> Message:
    buttons = (("任選權益", taps.BENEFITS), ("等級權益", taps.TIERS), ("會員卡", taps.CARD))
    return parts.say(messages.sentence(refused), buttons)

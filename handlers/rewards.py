"""兌換商品: the catalogue, the question before an exchange, the exchange, taking it back."""

from app.core import ids
from app.core.clock import TAIPEI
from app.core.errors import Conflict, DomainError, NotFound
from app.line.events import Event
from app.line.router import Lasting, Reply, Router
from app.line.taps import AskExchange, CancelExchange, ConfirmExchange, ShowRewards, UseCoupon
from app.points import queries as points
from app.points.rules import NotEnoughPoints
from app.programmes import queries as programmes
from app.rewards import messages, queries, rules, service
from app.rewards.queries import Asker, ExchangeShown, RewardState
from app.rewards.rules import NotCancellable, RewardRefused
from flex_templates import parts, wording
from flex_templates import rewards as template
from flex_templates.parts import Press
from flex_templates.rewards import AskView, CatalogueView, ExchangedView, RewardView
from handlers import replies, taps
from handlers.context import Context

routes: Router[Context] = Router("rewards")
FORM_LENGTH = 12


@routes.words("兌換商品", "點數兌換", "兌換", "我要兌換", "rewards")
def show_by_word(_event: Event, ctx: Context) -> Reply:
    return _catalogue(ctx)


@routes.postback(ShowRewards)
def show(_event: Event, _data: ShowRewards, ctx: Context) -> Reply:
    return _catalogue(ctx)


@routes.postback(AskExchange)
def ask(_event: Event, data: AskExchange, ctx: Context) -> Reply:
    """Nothing is spent yet."""
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    wanted = queries.reward(ctx.session, data.reward_id)
    if wanted is None:
        return [_refused(NotFound("reward", data.reward_id), ctx)]
    asker = queries.asker(ctx.session, ctx.member.id, now=ctx.now)
    view = _view(wanted, asker, ctx)
    if view.hindrance:
        return [parts.say(view.hindrance, _BUTTONS)]
    question = AskView(
        reward=view,
        balance=asker.balance,
        fetch_until=rules.last_day(rules.pickup_until(wanted.draft, ctx.now)),
        confirm=Press(
            ConfirmExchange(wanted.reward_id, ids.random_code(FORM_LENGTH)).pack(), says="確定兌換"
        ),
        cancel=taps.REWARDS,
        cancel_hours=wanted.draft.cancel_hours,
    )
    return [template.confirm_message(question, ctx.brand.theme)]


@routes.postback(ConfirmExchange)
def confirm(_event: Event, data: ConfirmExchange, ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    try:
        with ctx.session.begin_nested():
            done = service.exchange(
                ctx.session,
                reward_id=data.reward_id,
                member_id=ctx.member.id,
                form_id=data.form_id,
                now=ctx.now,
            )
    except (RewardRefused, NotEnoughPoints, NotFound, Conflict) as refusal:
        return [_refused(refusal, ctx)]
    held = queries.exchange_of(ctx.session, done.exchange_id, member_id=ctx.member.id)
    assert held is not None  # made in this transaction, or known to it
    return Lasting([template.exchanged_message(_exchanged(held, ctx), ctx.brand.theme)])


@routes.postback(CancelExchange)
def cancel(_event: Event, data: CancelExchange, ctx: Context) -> Reply:
    try:
        with ctx.session.begin_nested():
            back = service.cancel(
                ctx.session, exchange_id=data.exchange_id, member_id=ctx.member.id, now=ctx.now
            )
    except (NotCancellable, NotFound) as refusal:
        return [_refused(refusal, ctx)]
    balance = wording.points(_balance(ctx))
    words = f"已取消兌換，{wording.points(back)}已退回，目前可用 {balance}。"
    return Lasting([parts.say(words, _BUTTONS)])


_BUTTONS = (("兌換商品", taps.REWARDS), ("我的點數", taps.POINTS), ("會員卡", taps.CARD))


def _catalogue(ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    shown = queries.catalogue(ctx.session, now=ctx.now)
    asker = queries.asker(ctx.session, ctx.member.id, now=ctx.now)
    view = CatalogueView(
        rewards=tuple(_view(reward, asker, ctx) for reward in shown[: template.MOST_REWARDS]),
        balance=asker.balance,
        card=taps.CARD,
        total=len(shown),
        more=ctx.brand.page("rewards"),
    )
    return [template.catalogue_message(view, ctx.brand.theme)]


def _view(reward: RewardState, asker: Asker, ctx: Context) -> RewardView:
    return RewardView(
        name=reward.draft.name,
        points=reward.draft.points,
        colour=reward.draft.colour,
        icon=reward.draft.icon,
        price=reward.price,
        left=reward.left,
        description=reward.draft.description,
        hindrance=messages.hindrance(reward, asker, now=ctx.now),
        exchange=Press(AskExchange(reward.reward_id).pack(), says=f"兌換 {reward.draft.name}"),
    )


def _exchanged(held: ExchangeShown, ctx: Context) -> ExchangedView:
    can_undo = held.may_cancel(ctx.now)
    return ExchangedView(
        name=held.name,
        points=held.points,
        balance=_balance(ctx),
        code=held.coupon_code or "",
        fetch_until=rules.last_day(held.expires_at),
        use=Press(UseCoupon(held.coupon_id or 0).pack(), says="出示兌換券"),
        price=held.price,
        undo=Press(CancelExchange(held.id).pack(), says="取消兌換") if can_undo else None,
        undo_until=held.cancel_until.astimezone(TAIPEI) if can_undo else None,
    )


def _balance(ctx: Context) -> int:
    return points.standing(ctx.session, ctx.member.id, now=ctx.now).balance


def _refused(refusal: DomainError, ctx: Context) -> dict[str, object]:
    terms = programmes.terms_at(ctx.session, ctx.now)
    return parts.say(messages.sentence(refusal, terms), _BUTTONS)

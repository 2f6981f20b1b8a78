"""優惠券: the wallet, and using a coupon at a store without a scanner."""

from datetime import timedelta

from app.core.clock import TAIPEI
from app.core.errors import DomainError, NotFound
from app.coupons import messages, queries, service
from app.coupons.queries import HeldCoupon
from app.coupons.rules import CouponNotUsable, Situation
from app.line.events import Event
from app.line.router import Lasting, Reply, Router
from app.line.taps import ConfirmCoupon, ShowCoupons, UseCoupon
from app.purchases import queries as purchases
from app.tiers import queries as tiers
from flex_templates import coupons as template
from flex_templates import parts, wording
from flex_templates.coupons import ConfirmView, RedeemedView, WalletView
from flex_templates.parts import Press
from handlers import replies, taps
from handlers.context import Context

routes: Router[Context] = Router("coupons")
SOON = timedelta(days=7)


@routes.words("優惠券", "我的優惠券", "票券", "折價券", "coupon", "coupons")
def show_by_word(_event: Event, ctx: Context) -> Reply:
    return _wallet(ctx)


@routes.postback(ShowCoupons)
def show(_event: Event, _data: ShowCoupons, ctx: Context) -> Reply:
    return _wallet(ctx)


@routes.postback(UseCoupon)
def use(_event: Event, data: UseCoupon, ctx: Context) -> Reply:
    """Nothing is used yet: the member is asked, and the clerk presses."""
    held = queries.coupon_of_member(ctx.session, data.coupon_id, member_id=ctx.member.id)
    if held is None or not held.is_usable(ctx.now):
        return [_refused(_why_not(held, ctx))]
    view = ConfirmView(
        coupon=messages.view(held, now=ctx.now, countdown=SOON),
        confirm=Press(ConfirmCoupon(held.id).pack(), says="由店員操作"),
        cancel=taps.COUPONS,
    )
    return [template.confirm_message(view, ctx.brand.theme)]


@routes.postback(ConfirmCoupon)
def confirm(_event: Event, data: ConfirmCoupon, ctx: Context) -> Reply:
    held = queries.coupon_of_member(ctx.session, data.coupon_id, member_id=ctx.member.id)
    if held is None:
        return [_refused(_why_not(held, ctx))]
    try:
        with ctx.session.begin_nested():  # a refusal undoes the half that was done
            used = service.redeem(
                ctx.session,
                code=held.code,
                member_id=ctx.member.id,
                store_id=None,
                staff_id=None,
                situation=_situation(held, ctx),
                now=ctx.now,
            )
    except (CouponNotUsable, NotFound) as refusal:
        return [_refused(refusal)]
    view = RedeemedView(
        name=used.kind_name,
        code=used.code,
        store=ctx.brand.name,
        at=used.at.astimezone(TAIPEI),
        discount=used.discount,
        wallet=taps.COUPONS,
    )
    return Lasting([template.redeemed_message(view, ctx.brand.theme)])


def _situation(held: HeldCoupon, ctx: Context) -> Situation:
    """The chat does not know the bill: the clerk who presses has seen that it is large enough."""
    progress = tiers.progress(ctx.session, ctx.member.id, now=ctx.now)
    birthday = ctx.member.birthday
    return Situation(
        amount=held.min_spend,
        at=ctx.now,
        channel="clerk",
        tier=progress.tier.code,
        birth_month=None if birthday is None else birthday.month,
        is_first_purchase=not purchases.has_bought(ctx.session, ctx.member.id),
    )


def _wallet(ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    held = queries.usable_coupons(ctx.session, ctx.member.id, now=ctx.now)
    view = WalletView(
        coupons=tuple(messages.view(coupon, now=ctx.now, countdown=SOON) for coupon in held),
        total=len(held),
        card=taps.CARD,
        more=ctx.brand.page("coupons"),
    )
    if not held:
        return [template.empty_message(view, ctx.brand.theme)]
    return [template.wallet_message(view, ctx.brand.theme)]


def _why_not(held: HeldCoupon | None, ctx: Context) -> DomainError:
    if held is None:
        return NotFound("coupon", "")
    if held.redeemed_at is not None:
        return CouponNotUsable("already_redeemed", at=held.redeemed_at)
    if held.is_aside(ctx.now):
        return CouponNotUsable("gift")
    if held.expires_at is not None and held.expires_at <= ctx.now:
        return CouponNotUsable("expired")
    return CouponNotUsable("not_yet", usable_from=held.usable_from)


def _refused(refusal: DomainError) -> dict[str, object]:
    return parts.say(sentence(refusal), (("優惠券", taps.COUPONS), ("會員卡", taps.CARD)))


_SENTENCES = {
    "expired": "這張優惠券已過期。",
    "revoked": "這張優惠券已停用。",
    "gift": "這張優惠券正在送給朋友，收回後才能使用。",
    "reserved": "這張優惠券正在使用中。",
    "redeem_limit": "這檔優惠已兌換完畢。",
    "min_spend": "消費金額尚未達到使用門檻。",
    "store": "這張優惠券限指定門市使用，請出示券碼由店員核銷。",
    "channel": "這張優惠券不適用於此通路。",
    "tier": "這張優惠券限特定會員等級使用。",
    "weekday": "這張優惠券今天不適用。",
    "hours": "這張優惠券在這個時段不適用。",
    "birth_month": "這張優惠券限生日當月使用。",
    "first_purchase": "這張優惠券限首次消費使用。",
    "budget": "這檔優惠的預算已經用完。",
    "per_day": "這檔優惠今天的數量已經用完，請改天再使用。",
}


def sentence(refusal: DomainError) -> str:
    """Why a coupon cannot be used, for the member."""
    if not isinstance(refusal, CouponNotUsable):
        return "找不到這張優惠券。"
    if refusal.reason == "already_redeemed":
        at = refusal.facts.get("at")
        return "這張優惠券已使用。" if at is None else f"這張優惠券已於 {wording.moment(at)} 使用。"
    if refusal.reason == "not_yet":
        day = refusal.facts["usable_from"].astimezone(TAIPEI).date()
        return f"這張優惠券自 {wording.day(day)} 起可以使用。"
    return _SENTENCES.get(refusal.reason, "這張優惠券目前不能使用。")

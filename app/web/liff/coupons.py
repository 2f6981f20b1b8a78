"""The wallet, one coupon with its codes, and using it at a store without a scanner: the clerk
presses 由店員操作 on the member's phone."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session

from app.core import money
from app.core.clock import TAIPEI, taipei_date
from app.core.errors import DomainError, Invalid, NotFound
from app.coupons import queries, rules, service
from app.coupons.queries import HeldCoupon
from app.coupons.rules import CouponNotUsable, Situation, Type
from app.explanations import queries as explanations
from app.explanations.rules import Figure
from app.members.queries import Person
from app.purchases import queries as purchases
from app.staff import queries as staff
from app.staff.queries import StoreShown
from app.tiers import queries as tiers
from app.web.liff import pages
from app.web.liff.guard import LiffRoute, Member
from app.web.params import PathId
from flex_templates import wording

router = APIRouter(prefix="/liff", route_class=LiffRoute)

SOON: Final = 7  # days
CHANNEL: Final = "clerk"
PAST: Final = 20
ALIVE: Final = ("usable", "waiting", "aside")


@dataclass(frozen=True, slots=True)
class Shown:
    """A coupon as a member reads it."""

    id: int
    name: str
    code: str
    worth: str  # NT$100, 9 折, 贈品
    condition: str
    ends_on: date | None
    days_left: int | None  # only when it is soon over
    state: str  # usable | waiting | aside | redeemed | expired | revoked
    usable_from: datetime
    redeemed_at: datetime | None
    discount: int
    terms: tuple[str, ...]
    needs_amount: bool
    is_own: bool  # 僅限本人
    may_be_given: bool
    aside_until: datetime | None  # put aside for a friend


@router.get("/view/coupons")
def wallet(request: Request, member: Member) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        held = queries.coupons_of(session, member.id)
        given = queries.gifts_given(session, member.id)
    shown = [_shown(coupon, now) for coupon in held]
    usable = sorted(
        (coupon for coupon in shown if coupon.state in ALIVE),
        key=lambda coupon: (coupon.ends_on is None, coupon.ends_on, coupon.id),
    )
    past = [coupon for coupon in shown if coupon.state not in ALIVE]
    return pages.render(request, "coupons.html", usable=usable, past=past[:PAST], given=given)


@router.get("/view/coupons/{coupon_id}")
def one(request: Request, member: Member, coupon_id: PathId) -> Response:
    with request.app.state.db.reading() as session:
        held = _held(session, coupon_id, member)
        stores = _stores(session, held)
        story = explanations.coupon(session, coupon_id, member_id=member.id)
    return _page(request, held, stores, "", story=story)


@router.post("/coupons/{coupon_id}/redeem")
def redeem(
    request: Request,
    member: Member,
    coupon_id: PathId,
    store: Annotated[str, Form(max_length=20)] = "",
    amount: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Use it up, once. The screen that follows shows the clerk a running clock and the store."""
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        held = _held(session, coupon_id, member)
        stores = _stores(session, held)
        chosen = next((shop for shop in stores if shop.code == store), None)
        try:
            with session.begin_nested():
                if chosen is None:
                    raise Invalid("store", "is not one of the stores")
                used = service.redeem(
                    session,
                    code=held.code,
                    member_id=member.id,
                    store_id=chosen.id,
                    staff_id=None,
                    situation=_situation(session, held, member, chosen, amount, now),
                    now=now,
                )
        except (CouponNotUsable, Invalid) as error:
            return _page(request, held, stores, explain(error), chosen=store, amount=amount)
    return pages.render(
        request,
        "coupon_used.html",
        name=used.kind_name,
        code=used.code,
        discount=used.discount,
        store=chosen.name,
        at=used.at,
    )


def _held(session: Session, coupon_id: PathId, member: Person) -> HeldCoupon:
    """Raises NotFound for somebody else's coupon, too."""
    held = queries.coupon_of_member(session, coupon_id, member_id=member.id)
    if held is None:
        raise NotFound("coupon", coupon_id)
    return held


def _stores(session: Session, held: HeldCoupon) -> list[StoreShown]:
    allowed = held.conditions.stores
    return [shop for shop in staff.open_stores(session) if not allowed or shop.code in allowed]


def _situation(
    session: Session,
    held: HeldCoupon,
    member: Person,
    store: StoreShown,
    amount: str,
    now: datetime,
) -> Situation:
    """Raises Invalid for an amount that is none, or nothing: a coupon is not used up on that."""
    paid = money.parse(amount) if _needs_amount(held) else 0
    if _needs_amount(held) and paid < 1:
        raise Invalid("amount", "must be more than nothing")
    return Situation(
        amount=paid,
        at=now,
        store=store.code,
        channel=CHANNEL,
        tier=tiers.progress(session, member.id, now=now).tier.code,
        birth_month=None if member.birthday is None else member.birthday.month,
        is_first_purchase=not purchases.has_bought(session, member.id),
    )


def _needs_amount(held: HeldCoupon) -> bool:
    return held.min_spend > 0 or held.offer.takes_money_off


def _page(
    request: Request,
    held: HeldCoupon,
    stores: list[StoreShown],
    problem: str,
    *,
    chosen: str = "",
    amount: str = "",
    story: Figure | None = None,
) -> Response:
    return pages.render(
        request,
        "coupon.html",
        422 if problem else 200,
        coupon=_shown(held, request.app.state.clock()),
        qr=pages.qr(held.code),
        barcode=pages.barcode(held.code),
        stores=stores,
        chosen=chosen,
        amount=amount,
        problem=problem,
        story=story,
    )


def _shown(held: HeldCoupon, now: datetime) -> Shown:
    ends_on = None if held.expires_at is None else rules.last_day(held.expires_at)
    left = None if ends_on is None else (ends_on - taipei_date(now)).days
    return Shown(
        id=held.id,
        name=held.name,
        code=held.code,
        worth=worth(held),
        condition=f"消費滿 {money.show(held.min_spend)} 可用" if held.min_spend else "無消費門檻",
        ends_on=ends_on,
        days_left=left if left is not None and left <= SOON else None,
        state=_state(held, now),
        usable_from=held.usable_from,
        redeemed_at=held.redeemed_at,
        discount=held.discount or 0,
        terms=tuple(line.strip() for line in held.terms.splitlines() if line.strip()),
        needs_amount=_needs_amount(held),
        is_own=not rules.may_give(held.giving, held.given),
        may_be_given=held.may_be_given(now),
        aside_until=held.reserved_until if held.is_aside(now) else None,
    )


def _state(held: HeldCoupon, now: datetime) -> str:
    if held.status in ("redeemed", "revoked"):
        return held.status
    if held.expires_at is not None and held.expires_at <= now:
        return "expired"
    if held.status == "issued":
        return "usable" if held.usable_from <= now else "waiting"
    if held.is_aside(now):
        return "aside"
    if held.is_usable(now):  # put aside until a time that is over
        return "usable"
    return held.status


def worth(held: HeldCoupon) -> str:
    match held.type:
        case Type.AMOUNT_OFF:
            return money.show(held.value)
        case Type.PERCENT_OFF:
            return wording.folds(held.value)
        case Type.FIXED_PRICE:
            return f"{money.show(held.value)} 優惠價"
        case Type.FREE_SHIPPING:
            return "免運費"
        case Type.BUY_X_GET_Y:
            return f"買 {held.buys} 送 {max(1, held.value)}"
        case _:
            return "贈品"


_SENTENCES: Final = {
    "already_redeemed": "這張優惠券已使用。",
    "expired": "這張優惠券已過期。",
    "revoked": "這張優惠券已停用。",
    "gift": "這張優惠券正在送給朋友，收回後才能使用。",
    "reserved": "這張優惠券正在另一筆訂單使用中。",
    "redeem_limit": "這檔優惠已兌換完畢。",
    "store": "這張優惠券不適用於此門市。",
    "channel": "這張優惠券不適用於門市。",
    "tier": "這張優惠券限特定會員等級使用。",
    "weekday": "這張優惠券今天不適用。",
    "hours": "這張優惠券在這個時段不適用。",
    "birth_month": "這張優惠券限生日當月使用。",
    "first_purchase": "這張優惠券限首次消費使用。",
    "budget": "這檔優惠的預算已經用完。",
    "per_day": "這檔優惠今天的數量已經用完，請改天再使用。",
    "nothing_eligible": "這張優惠券只能折指定商品。",
}


def explain(error: DomainError) -> str:
    if isinstance(error, Invalid):
        return "請選擇門市。" if error.field == "store" else "請由店員輸入本次消費金額，例如 790。"
    if not isinstance(error, CouponNotUsable):
        return "找不到這張優惠券。"
    if error.reason == "min_spend":
        needed, missing = error.facts["needed"], error.facts["missing"]
        return f"需消費滿 {money.show(needed)}，還差 {money.show(missing)}。"
    if error.reason == "not_yet":
        day = error.facts["usable_from"].astimezone(TAIPEI)
        return f"這張優惠券自 {day:%Y/%m/%d} 起可以使用。"
    return _SENTENCES.get(error.reason, "這張優惠券目前不能使用。")

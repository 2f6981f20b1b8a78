"""A held coupon as messages show it, and what giver and friend of a coupon are told."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from sqlalchemy.orm import Session

from app.core import text
from app.core.clock import TAIPEI, taipei_date
from app.coupons import queries, rules
from app.coupons.queries import GiftShown, HeldCoupon
from app.coupons.rules import GiftRefused, KindDraft
from app.line import taps
from app.members import queries as members
from app.members.queries import Person
from app.outbox import service as outbox
from flex_templates import gifts, parts, wording
from flex_templates.coupons import CouponView
from flex_templates.gifts import GiftView, ReceivedView
from flex_templates.parts import Message, Press
from flex_templates.theme import Theme

COUPONS: Final = Press(taps.ShowCoupons().pack(), says="優惠券")


def view(held: HeldCoupon, *, now: datetime, countdown: timedelta | None = None) -> CouponView:
    """With the days it has left; when `countdown` is given, only the last ones."""
    ends_on = None if held.expires_at is None else rules.last_day(held.expires_at)
    left = None if ends_on is None else (ends_on - taipei_date(now)).days
    if left is not None and countdown is not None and left > countdown.days:
        left = None
    return CouponView(
        name=held.name,
        type=held.type,  # type: ignore[arg-type]  # the template's words are the rules' words
        value=held.value,
        code=held.code,
        ends_on=ends_on,
        min_spend=held.min_spend,
        cap=held.cap or 0,
        buys=held.buys,
        days_left=left,
        terms=held.terms,
        use=Press(taps.UseCoupon(held.id).pack(), says="使用優惠券"),
    )


def offered(draft: KindDraft, *, now: datetime) -> CouponView:
    """What a member given this kind now would hold; there is no code yet."""
    ends = rules.expires_at(
        issued_at=now,
        valid_days=draft.valid_days,
        ends_at=draft.ends_at,
        starts_at=draft.starts_at,
    )
    return CouponView(
        name=draft.name,
        type=draft.type,  # type: ignore[arg-type]  # as above
        value=draft.value,
        code="",
        ends_on=None if ends is None else rules.last_day(ends),
        min_spend=draft.min_spend,
        cap=draft.cap or 0,
        buys=draft.buys,
        terms=draft.terms,
    )


# Gifts --------------------------------------------------------------------------------------------

_WHY_NOT: Final = {
    "only_holder": "這張優惠券僅限本人使用，不能送人。",
    "given": "這張優惠券是朋友送您的，不能再轉送。",
    "not_usable": "這張優惠券現在不能送出，請重新整理後再看一次。",
    "unknown": "找不到這份禮物，請確認連結是否完整。",
    "own": "這是您自己送出的禮物，請朋友打開。要收回請到這張優惠券的頁面。",
    "taken_back": "送禮的人已經收回這份禮物。",
    "lapsed": "這份禮物已經過期，優惠券回到送禮的人手上。",
    "accepted": "這份禮物已經有人收下了。",
    "gone": "這份禮物剛剛已經被收下或收回了。",
    "per_member": "您已經有這種優惠券，這一種每人有張數限制。禮物會為送的人保留。",
}


def explain(refused: GiftRefused) -> str:
    return _WHY_NOT[refused.reason]


def name_of(person: Person) -> str:
    """What the other side may read of a member's name."""
    return text.mask_name(person.name) if person.name else "您的朋友"


def page_link(*, liff_id: str, token: str) -> str:
    return f"https://liff.line.me/{liff_id}/gift/{quote(token)}"


def gift_card(
    *, giver: Person, held: HeldCoupon, link: str, until: datetime, theme: Theme, now: datetime
) -> Message:
    """The card for a friend: it shows what the coupon is, not its code."""
    shown = GiftView(
        giver=name_of(giver),
        coupon=_without_code(held, now),
        until=rules.last_day(until),
        take=parts.Link(link),
    )
    return gifts.gift_message(shown, theme)


def _without_code(held: HeldCoupon, now: datetime) -> CouponView:
    return replace(view(held, now=now), code="", days_left=None, use=None)


def send_taken(session: Session, gift: GiftShown, *, theme: Theme, now: datetime) -> None:
    """Tell both. The same gift again tells nobody twice."""
    assert gift.friend_id is not None
    giver, friend = members.person(session, gift.giver_id), members.person(session, gift.friend_id)
    words = f"{name_of(friend)} 收下了您送的「{gift.name}」。"
    _push(session, giver, [parts.say(words, (("優惠券", COUPONS),))], "given", gift, now)
    held = queries.coupon(session, gift.coupon_id)
    received = ReceivedView(name_of(giver), _without_code(held, now), COUPONS)
    card = gifts.received_message(received, theme)
    _push(session, friend, [card], "received", gift, now)


def send_lapsed(session: Session, gift: GiftShown, *, now: datetime) -> None:
    """Nobody took it in time."""
    held = queries.coupon(session, gift.coupon_id)
    is_good = held.expires_at is None or now < held.expires_at
    after = "優惠券已回到您的優惠券匣。" if is_good else "優惠券也已經到期。"
    until = wording.moment(gift.expires_at.astimezone(TAIPEI))
    words = f"您送出的「{gift.name}」到 {until} 沒有人收下，{after}"
    giver = members.person(session, gift.giver_id)
    _push(session, giver, [parts.say(words, (("優惠券", COUPONS),))], "lapsed", gift, now)


def _push(
    session: Session, person: Person, says: list[Message], what: str, gift: GiftShown, now: datetime
) -> None:
    if person.line_user_id is None:
        return
    outbox.push(
        session,
        member_id=person.id,
        recipient=person.line_user_id,
        messages=says,
        kind=f"coupon.gift_{what}",
        klass="service",
        dedup_key=f"coupon-gift:{gift.id}:{what}",
        now=now,
    )

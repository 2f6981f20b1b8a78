"""What each life-cycle message says, or why there is nothing left to say.

Every letter is built at the moment of sending from what is true then: who bought meanwhile, used
the coupon or the points, gets none."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.core.clock import taipei_date, taipei_midnight
from app.coupons import messages as coupon_words
from app.coupons import queries as coupons
from app.coupons import rules as coupon_rules
from app.coupons.queries import HeldCoupon
from app.lifecycle import queries, rules
from app.lifecycle.queries import Recipient
from app.lifecycle.rules import Rule
from app.line import taps
from app.points import queries as points
from app.programmes import queries as programmes
from app.purchases import queries as purchases
from app.tiers import queries as tiers
from app.tiers import rules as tier_rules
from app.tiers.rules import words
from flex_templates import coupons as coupon_template
from flex_templates import greeting, lifecycle
from flex_templates import points as points_template
from flex_templates import theme as themes
from flex_templates import tiers as tiers_template
from flex_templates.coupons import CouponExpiringView, CouponView
from flex_templates.greeting import NotJoinedView
from flex_templates.lifecycle import BirthdayView, DormancyView, FirstPurchaseView, NoPurchaseView
from flex_templates.parts import Link, Message, Press, Tap, Why
from flex_templates.points import PointsExpiringView
from flex_templates.theme import Theme
from flex_templates.tiers import TierChangedView, TierExpiringView

CARD = Press(taps.ShowCard().pack(), says="會員卡")
POINTS = Press(taps.ShowPoints().pack(), says="我的點數")
COUPONS = Press(taps.ShowCoupons().pack(), says="優惠券")
TIERS = Press(taps.ShowTiers().pack(), says="等級權益")
STORES = Press(taps.ShowStores().pack(), says="門市")
STOP = Press(taps.StopMarketing().pack(), says="停止行銷訊息")
LESS = taps.StopTopic(attention.REMINDERS)

_theme = lru_cache(maxsize=16)(themes.named)


@dataclass(frozen=True, slots=True)
class Brand:
    name: str
    theme_code: str = "camphor"
    liff_id: str = ""

    @property
    def theme(self) -> Theme:
        return _theme(self.theme_code, brand=self.name)

    @property
    def join(self) -> Tap:
        """The page when there is one, else the steps in the chat."""
        if self.liff_id:
            return Link(f"https://liff.line.me/{self.liff_id}/join")
        return Press(taps.StartJoining().pack(), says="加入會員")


@dataclass(frozen=True, slots=True)
class Occasion:
    """One message to write: for whom, of which rule, about what."""

    rule: Rule
    step: int
    occasion: str
    subject_id: int | None
    to: Recipient
    brand: Brand
    now: datetime
    topic: str  # what such marketing is about, as members know it

    @property
    def today(self) -> date:
        return taipei_date(self.now)

    @property
    def day(self) -> date:
        """The day that the occasion names: an end, or a last purchase."""
        return date.fromisoformat(self.occasion.partition(":")[0])

    @property
    def days_left(self) -> int:
        return max(0, (self.day - self.today).days)

    @property
    def why(self) -> Why:
        if not self.rule.is_marketing:
            return Why(self.rule.why)
        label = attention.declined(self.topic)
        return Why(self.rule.why, STOP, (label, Press(LESS.pack(), says=label)))


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing is left to say; the reason as a marketer reads it."""

    reason: str


def compose(session: Session, this: Occasion) -> Message | Gone:
    return _LETTERS[this.rule.code](session, this)


def _not_joined(_session: Session, this: Occasion) -> Message | Gone:
    view = NotJoinedView(join=this.brand.join, why=this.why, name=this.to.name)
    return greeting.not_joined_message(view, this.brand.theme)


def _no_purchase(session: Session, this: Occasion) -> Message | Gone:
    if purchases.has_bought(session, this.to.id) or this.to.joined_at is None:
        return Gone("已經消費，不需提醒")
    held = _gift(session, this, "welcome")
    view = NoPurchaseView(
        name=this.to.name,
        days=(this.today - taipei_date(this.to.joined_at)).days,
        tap=COUPONS if held else STORES,
        why=this.why,
        coupon=held,
    )
    return lifecycle.no_purchase_message(view, this.brand.theme)


def _first_purchase(session: Session, this: Occasion) -> Message | Gone:
    sale = queries.sale(session, this.subject_id or 0)
    if sale is None or sale.is_refunded:
        return Gone("首購已退貨")
    view = FirstPurchaseView(
        name=this.to.name, store=sale.store, points=sale.points, tap=CARD, why=this.why
    )
    return lifecycle.first_purchase_message(view, this.brand.theme)


def _birthday(session: Session, this: Occasion) -> Message | Gone:
    percent = programmes.terms_at(session, this.now).earning.birthday_percent
    held = _gift(session, this, f"{rules.BIRTHDAY.code}:{this.occasion}")
    view = BirthdayView(
        name=this.to.name,
        month=this.today.month,
        tap=COUPONS if held else CARD,
        why=this.why,
        coupon=held,
        multiplier=percent // 100,
    )
    return lifecycle.birthday_message(view, this.brand.theme)


def _birthday_reminder(session: Session, this: Occasion) -> Message | Gone:
    held = _coupon(session, this)
    if held is None:
        return Gone("生日禮已使用")
    view = BirthdayView(
        name=this.to.name,
        month=this.today.month,
        tap=COUPONS,
        why=this.why,
        coupon=held,
        days_left=this.days_left,
    )
    return lifecycle.birthday_message(view, this.brand.theme)


def _coupon_expiring(session: Session, this: Occasion) -> Message | Gone:
    held = _coupon(session, this)
    if held is None or held.use is None:
        return Gone("優惠券已使用或已失效")
    view = CouponExpiringView(
        coupon=held,
        days_left=this.days_left,
        use=held.use,
        why=this.why,
        is_welcome=this.rule is rules.WELCOME_UNUSED,
    )
    return coupon_template.expiring_message(view, this.brand.theme)


def _points_expiring(session: Session, this: Occasion) -> Message | Gone:
    end = taipei_midnight(this.day + rules.DAY)
    amount = sum(
        item.points
        for item in points.expiring(session, this.to.id, now=this.now, until=end)
        if tier_rules.last_day(item.at) == this.day
    )
    value = programmes.terms_at(session, this.now).points.value
    if amount < rules.least_points(value):
        return Gone("即將到期的點數已使用")
    view = PointsExpiringView(
        amount=amount,
        expires_on=this.day,
        days_left=this.days_left,
        balance=points.standing(session, this.to.id, now=this.now).balance,
        use=POINTS,
        why=this.why,
        worth=int(amount * value),
    )
    return points_template.expiring_message(view, this.brand.theme)


def _tier_expiring(session: Session, this: Occasion) -> Message | Gone:
    period = tiers.open_period(session, this.to.id)
    if period is None or period.id != this.subject_id or period.ends_at is None:
        return Gone("等級已變更")
    progress = tiers.progress(session, this.to.id, now=this.now)
    if not progress.to_keep or tier_rules.last_day(period.ends_at) != this.day:
        return Gone("已達續等門檻")
    assert progress.in_period is not None  # what is missing was judged by it
    terms = programmes.terms_at(session, this.now)
    view = TierExpiringView(
        name=this.to.name,
        tier=progress.tier.name,
        colour=progress.tier.colour,
        ends_on=this.day,
        days_left=this.days_left,
        way=words.way_to_keep(progress),
        falls_to=tier_rules.at_expiry(terms, period.tier_code, progress.in_period).tier.name,
        progress=tier_rules.percent(progress.tier, progress.to_keep),
        tap=TIERS,
        why=this.why,
    )
    return tiers_template.expiring_message(view, this.brand.theme)


def _tier_changed(session: Session, this: Occasion) -> Message | Gone:
    held = tiers.history(session, this.to.id)
    period = held[-1] if held else None
    if period is None or period.closed_at or taipei_date(period.starts_at) != this.day:
        return Gone("等級又有變更")
    if period.reason not in ("renewed", "downgrade"):
        return Gone("等級又有變更")
    terms = programmes.terms_at(session, this.now)
    progress = tiers.progress(session, this.to.id, now=this.now)
    view = TierChangedView(
        change="renewed" if period.reason == "renewed" else "downgraded",
        name=this.to.name,
        tier=progress.tier.name,
        colour=progress.tier.colour,
        until=progress.tier_until,
        benefits=progress.tier.benefits,
        card=CARD,
        previous=terms.tier(held[-2].tier_code).name if len(held) > 1 else "",
        next_tier="" if progress.next_tier is None else progress.next_tier.name,
        way=words.way_up(progress),
        next_until=progress.until,
    )
    return tiers_template.changed_message(view, this.brand.theme)


def _dormant(session: Session, this: Occasion) -> Message | Gone:
    if queries.last_purchase_on(session, this.to.id) != this.day:
        return Gone("已經回來消費")
    held = coupons.usable_coupons(session, this.to.id, now=this.now, limit=1)
    standing = points.standing(session, this.to.id, now=this.now)
    end = standing.next_expiry_at
    view = DormancyView(
        name=this.to.name,
        days=(this.today - this.day).days,
        stage=rules.dormancy_stage(this.step),
        points=standing.balance,
        tap=COUPONS if held else CARD,
        why=this.why,
        coupon=coupon_words.view(held[0], now=this.now) if held else None,
        expires_on=None if end is None else tier_rules.last_day(end),
    )
    return lifecycle.dormancy_message(view, this.brand.theme)


def _coupon(session: Session, this: Occasion) -> CouponView | None:
    """The coupon that the message was planned for, else another that ends on the same day."""
    usable = coupons.usable_coupons(session, this.to.id, now=this.now)
    ending = [held for held in usable if held.expires_at and _last_day(held) == this.day]
    mine = [held for held in ending if held.id == this.subject_id]
    if this.rule is rules.COUPON_EXPIRING:
        mine += [held for held in ending if held.source != "welcome"]
    return coupon_words.view(mine[0], now=this.now) if mine else None


def _gift(session: Session, this: Occasion, source: str) -> CouponView | None:
    usable = coupons.usable_coupons(session, this.to.id, now=this.now)
    held = next((held for held in usable if held.source == source), None)
    return None if held is None else coupon_words.view(held, now=this.now)


def _last_day(held: HeldCoupon) -> date | None:
    return None if held.expires_at is None else coupon_rules.last_day(held.expires_at)


_LETTERS: dict[str, Callable[[Session, Occasion], Message | Gone]] = {
    rules.NOT_JOINED.code: _not_joined,
    rules.WELCOME_UNUSED.code: _coupon_expiring,
    rules.NO_PURCHASE.code: _no_purchase,
    rules.FIRST_PURCHASE.code: _first_purchase,
    rules.BIRTHDAY.code: _birthday,
    rules.BIRTHDAY_REMINDER.code: _birthday_reminder,
    rules.TIER_EXPIRING.code: _tier_expiring,
    rules.TIER_CHANGED.code: _tier_changed,
    rules.POINTS_EXPIRING.code: _points_expiring,
    rules.COUPON_EXPIRING.code: _coupon_expiring,
    rules.DORMANT.code: _dormant,
}

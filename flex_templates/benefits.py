"""Benefits to choose from: what can be chosen, the question before, and what was given."""

from dataclasses import dataclass
from datetime import date

from flex_templates import coupons, parts, wording
from flex_templates.coupons import CouponView
from flex_templates.parts import Message, Node, Tap
from flex_templates.theme import Theme

MOST_CHOICES = 10
MOST_OPTIONS = 6


@dataclass(frozen=True, slots=True)
class OptionView:
    """`gives` says what is given: `200 點`, `宅配免運券`. Without `ask` it cannot be chosen."""

    name: str
    gives: str
    ask: Tap | None = None


@dataclass(frozen=True, slots=True)
class ChoiceView:
    """`period` is `本季`; `chosen` names what was chosen for it already, empty before."""

    name: str
    period: str
    until: date | None
    options: tuple[OptionView, ...]
    chosen: str = ""


@dataclass(frozen=True, slots=True)
class BenefitsView:
    """What a member's tier lets them choose."""

    tier: str
    choices: tuple[ChoiceView, ...]
    card: Tap
    tiers: Tap


@dataclass(frozen=True, slots=True)
class AskView:
    """The question before a choice; `others` are what is then no longer to be had."""

    choice: str
    period: str
    option: str
    gives: str
    others: tuple[str, ...]
    confirm: Tap
    cancel: Tap


@dataclass(frozen=True, slots=True)
class ClaimedView:
    """What a choice gave: points, a coupon, or both."""

    choice: str
    period: str
    option: str
    points: int
    coupon: CouponView | None
    balance: int
    why: Tap
    wallet: Tap


def _name(words: str, instead: str) -> str:
    return wording.clip(wording.filled(words, instead), 30)


def rule(period: str, options: int, until: date | None = None) -> str:
    """`本季任選一項，2026/12/31 前`; of a single option `本季可領一次`."""
    what = f"{period}任選一項" if options > 1 else f"{period}可領一次"
    return f"{what}，{wording.until(until)}" if until else what


def _option(theme: Theme, option: OptionView) -> Node:
    name = _name(option.name, "權益")
    if option.ask is not None:
        return parts.button(theme, name, option.ask, "soft")
    return parts.text(name, theme.quiet, align="center")


def _choice(theme: Theme, choice: ChoiceView) -> Node:
    options = choice.options[:MOST_OPTIONS]
    about = [
        parts.fact(theme, _name(option.name, "權益"), wording.clip(option.gives, 30))
        for option in options
        if option.gives.strip() and option.gives != option.name
    ]
    is_open = not choice.chosen
    chosen = f"✓ {choice.period}已選「{_name(choice.chosen, '權益')}」"
    body = parts.column(
        parts.masthead(theme, "等級權益"),
        parts.text(
            _name(choice.name, "任選權益"), theme.ink, "lg", weight="bold", margin="xl", maxLines=2
        ),
        parts.text(
            rule(wording.clip(choice.period, 12), len(options), choice.until),
            theme.quiet,
            "xs",
            margin="sm",
        ),
        parts.column(*about, spacing="sm", margin="lg") if is_open and about else None,
        None if is_open else parts.note(theme, chosen, margin="lg"),
        paddingAll="20px",
        paddingBottom="8px",
    )
    footer = parts.buttons(*(_option(theme, option) for option in options)) if is_open else None
    return parts.bubble(theme, body, footer=footer, size="kilo")


def choices_message(view: BenefitsView, theme: Theme) -> Message:
    """Show the choices of the member's tier, one a bubble; without any, say so."""
    tier = _name(view.tier, "會員")
    if not view.choices:
        return _none(theme, tier, view)
    bubbles = parts.fitting([_choice(theme, choice) for choice in view.choices[:MOST_CHOICES]])
    left = [choice for choice in view.choices if not choice.chosen]
    alt = (
        f"{tier}權益：{len(left)} 項可以選，{_name(left[0].name, '任選權益')}"
        if left
        else f"{tier}權益：這一期的都選過了"
    )
    return parts.flex(alt, parts.carousel(bubbles))


def _none(theme: Theme, tier: str, view: BenefitsView) -> Message:
    body = parts.column(
        parts.masthead(theme, "等級權益"),
        parts.text(f"{tier}目前沒有要選的權益", theme.ink, "lg", weight="bold", margin="xl"),
        parts.text(
            "其他權益自動生效，不必領取；升等後可能有任選權益。",
            theme.quiet,
            "sm",
            margin="md",
            scaling=True,
        ),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(
        parts.button(theme, "查看等級權益", view.tiers, "soft"),
        parts.button(theme, "回到會員卡", view.card, "quiet"),
    )
    return parts.flex(f"{tier}目前沒有要選的權益", parts.bubble(theme, body, footer=footer))


def confirm_message(view: AskView, theme: Theme) -> Message:
    """Ask before a choice that cannot be changed."""
    option = _name(view.option, "權益")
    period = wording.clip(view.period, 12)
    others = "、".join(_name(name, "權益") for name in view.others[:MOST_OPTIONS])
    words = f"{period}只能選一次，選了不能更改。" if others else f"{period}可以領一次。"
    body = parts.column(
        parts.masthead(theme, _name(view.choice, "任選權益")),
        parts.text("要選這一項嗎？", theme.quiet, "sm", margin="xl"),
        parts.text(option, theme.ink, "xl", weight="bold", margin="sm"),
        parts.panel(
            theme,
            parts.fact(theme, "您會得到", wording.clip(view.gives, 40), weight="bold"),
            parts.fact(theme, "不再能選", others) if others else None,
            margin="lg",
        ),
        parts.note(theme, words, margin="lg"),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(
        parts.button(theme, "確定選這項", view.confirm),
        parts.button(theme, "再想想", view.cancel, "quiet"),
    )
    return parts.flex(f"請確認：{period}選「{option}」", parts.bubble(theme, body, footer=footer))


def claimed_message(view: ClaimedView, theme: Theme) -> Message:
    """Prove that a choice was made, with what it gave."""
    option = _name(view.option, "權益")
    body = parts.column(
        parts.masthead(theme, _name(view.choice, "任選權益")),
        parts.text(
            f"✓ {wording.clip(view.period, 12)}已選",
            theme.primary,
            "sm",
            weight="bold",
            margin="xl",
        ),
        parts.text(option, theme.ink, "xl", weight="bold", margin="sm"),
        parts.panel(
            theme,
            parts.fact(theme, "獲得點數", wording.points(view.points), weight="bold"),
            parts.fact(theme, "目前可用", wording.points(view.balance)),
            margin="lg",
        )
        if view.points > 0
        else None,
        parts.column(coupons.ticket(theme, view.coupon), margin="lg") if view.coupon else None,
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(
        parts.button(theme, "打開優惠券匣", view.wallet) if view.coupon else None,
        parts.button(theme, "為什麼有這項", view.why, "quiet"),
    )
    given = [wording.points(view.points)] if view.points > 0 else []
    given += ["優惠券已放入優惠券匣"] if view.coupon else []
    alt = f"{wording.clip(view.period, 12)}已選「{option}」"
    if given:
        alt += f"：{'，'.join(given)}"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))

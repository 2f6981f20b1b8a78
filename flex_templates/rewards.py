"""Rewards for points: the catalogue as a carousel, the question before an exchange, its result."""

from dataclasses import dataclass
from datetime import date, datetime

from flex_templates import parts, wording
from flex_templates.parts import Message, Node, Tap
from flex_templates.theme import Theme

# Eleven rewards and the way to the rest make a carousel's twelve.
MOST_REWARDS = 11


@dataclass(frozen=True, slots=True)
class RewardView:
    """A reward as one member sees it. `price` is NT$ paid at the store besides the points. `left`
    pieces are there (None: no end). `hindrance` says why it cannot be exchanged now; `exchange`
    asks before it does."""

    name: str
    points: int
    colour: str
    icon: str
    price: int = 0
    left: int | None = None
    description: str = ""
    hindrance: str = ""
    exchange: Tap | None = None


@dataclass(frozen=True, slots=True)
class CatalogueView:
    """Rewards, cheapest first; `total` counts also those not among them."""

    rewards: tuple[RewardView, ...]
    balance: int
    card: Tap
    total: int = 0
    more: Tap | None = None


@dataclass(frozen=True, slots=True)
class AskView:
    """Before an exchange: what it costs, what stays, until when to fetch it."""

    reward: RewardView
    balance: int
    fetch_until: date
    confirm: Tap
    cancel: Tap
    cancel_hours: int = 0


@dataclass(frozen=True, slots=True)
class ExchangedView:
    """An exchange that was made. `use` shows the coupon at the store; `undo` takes it back, until
    `undo_until`."""

    name: str
    points: int
    balance: int
    code: str
    fetch_until: date
    use: Tap
    price: int = 0
    undo: Tap | None = None
    undo_until: datetime | None = None


LOW = 10  # pieces left from which the number is said


def cost(points: int, price: int) -> str:
    """Say `300 點` or `300 點 + NT$199`."""
    return wording.points(points) + (f" + {wording.money(price)}" if price > 0 else "")


def _name(reward: RewardView) -> str:
    return wording.clip(wording.filled(reward.name, "兌換商品"), 40)


def _picture(theme: Theme, reward: RewardView) -> Node:
    """Its sign on its colour: no picture has to be hosted anywhere."""
    face = theme.tier(reward.colour)
    few = reward.left is not None and 0 < reward.left <= LOW
    return parts.column(
        parts.row(
            parts.text(wording.clip(theme.brand, 40), face.quiet, "xs", wrap=False, flex=1),
            parts.pill(f"剩 {reward.left} 份", theme.alert, theme.paper) if few else None,
            alignItems="center",
            spacing="sm",
            height="24px",
        ),
        parts.text(
            wording.clip(wording.filled(reward.icon, "禮"), 2),
            face.ink,
            "4xl",
            weight="bold",
            align="center",
            wrap=False,
            margin="lg",
        ),
        background=parts.gradient(face.start, face.end, centre=face.centre),
        paddingAll="20px",
        paddingBottom="32px",
    )


def _bubble(theme: Theme, reward: RewardView) -> Node:
    about = wording.clip(reward.description, 80)
    body = parts.column(
        _picture(theme, reward),
        parts.column(
            parts.text(_name(reward), theme.ink, "md", weight="bold", maxLines=2),
            parts.text(
                cost(reward.points, reward.price),
                theme.primary,
                "lg",
                weight="bold",
                wrap=False,
                adjustMode="shrink-to-fit",
            ),
            parts.text(about, theme.quiet, "xxs", maxLines=2) if about.strip() else None,
            spacing="sm",
            paddingAll="20px",
            paddingTop="14px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    can = reward.exchange is not None and not reward.hindrance
    footer = parts.column(
        parts.button(theme, "兌換", reward.exchange)
        if can and reward.exchange is not None
        else parts.text(
            wording.clip(reward.hindrance, 30), theme.quiet, "sm", align="center", maxLines=2
        ),
        paddingAll="20px",
        paddingTop="8px",
        paddingBottom="16px",
    )
    return parts.bubble(theme, body, footer=footer, size="kilo")


def catalogue_message(view: CatalogueView, theme: Theme) -> Message:
    """Show the rewards, one a bubble; without any, say so."""
    if not view.rewards:
        return empty_message(view, theme)
    bubbles = parts.fitting([_bubble(theme, reward) for reward in view.rewards[:MOST_REWARDS]])
    left = max(view.total, len(view.rewards)) - len(bubbles)
    if left > 0 and view.more is not None:
        bubbles.append(_rest(theme, left, view.more))
    first = view.rewards[0]
    alt = (
        f"您有 {wording.points(view.balance)}可用，{len(view.rewards)} 項商品可以兌換："
        f"{_name(first)} {cost(first.points, first.price)}起"
    )
    return parts.flex(alt, parts.carousel(bubbles))


def _rest(theme: Theme, left: int, more: Tap) -> Node:
    body = parts.column(
        parts.text("還有", theme.quiet, "sm", align="center"),
        parts.text(f"{left:,} 項", theme.primary, "xxl", weight="bold", align="center"),
        parts.text("商品可以兌換", theme.quiet, "sm", align="center"),
        justifyContent="center",
        spacing="sm",
        paddingAll="20px",
    )
    footer = parts.buttons(parts.button(theme, "查看全部商品", more))
    return parts.bubble(theme, body, footer=footer, size="kilo")


def empty_message(view: CatalogueView, theme: Theme) -> Message:
    """Say that there is nothing to exchange at present."""
    body = parts.column(
        parts.masthead(theme, "兌換商品"),
        parts.text("目前沒有可以兌換的商品", theme.ink, "lg", weight="bold", margin="xl"),
        parts.text(
            f"您有 {wording.points(view.balance)}可用，新的商品上架後就能在這裡兌換。",
            theme.quiet,
            "sm",
            margin="md",
            scaling=True,
        ),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(parts.button(theme, "回到會員卡", view.card, "soft"))
    return parts.flex("目前沒有可以兌換的商品", parts.bubble(theme, body, footer=footer))


def confirm_message(view: AskView, theme: Theme) -> Message:
    """Ask before points are spent."""
    reward = view.reward
    words = "兌換後請在期限內到門市領取。"
    if view.cancel_hours > 0:
        words += f"{view.cancel_hours} 小時內、領取前可以取消，點數會退回。"
    else:
        words += "兌換後無法取消。"
    body = parts.column(
        parts.masthead(theme, "兌換商品"),
        parts.text("要兌換這項商品嗎？", theme.quiet, "sm", margin="xl"),
        parts.text(_name(reward), theme.ink, "xl", weight="bold", margin="sm"),
        parts.panel(
            theme,
            parts.fact(theme, "使用點數", wording.points(reward.points), weight="bold"),
            parts.fact(theme, "領取時加價", wording.money(reward.price))
            if reward.price > 0
            else None,
            parts.fact(theme, "兌換後可用", wording.points(view.balance - reward.points)),
            parts.fact(theme, "領取期限", wording.day(view.fetch_until)),
            margin="lg",
        ),
        parts.note(theme, words, margin="lg"),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(
        parts.button(theme, "確定兌換", view.confirm),
        parts.button(theme, "先不要", view.cancel, "quiet"),
    )
    alt = f"請確認兌換：{_name(reward)}，{cost(reward.points, reward.price)}"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def exchanged_message(view: ExchangedView, theme: Theme) -> Message:
    """Prove that an exchange was made, and how to fetch the reward."""
    name = wording.clip(wording.filled(view.name, "兌換商品"), 40)
    undo = None
    if view.undo is not None and view.undo_until is not None:
        undo = parts.button(
            theme, f"取消兌換（{wording.moment(view.undo_until)} 前）", view.undo, "quiet"
        )
    body = parts.column(
        parts.masthead(theme, "兌換完成"),
        parts.text("✓ 已為您保留", theme.primary, "lg", weight="bold", margin="xl"),
        parts.text(name, theme.ink, "xl", weight="bold", margin="sm"),
        parts.panel(
            theme,
            parts.fact(theme, "使用點數", wording.points(view.points)),
            parts.fact(theme, "領取時加價", wording.money(view.price)) if view.price > 0 else None,
            parts.fact(theme, "目前可用", wording.points(view.balance), weight="bold"),
            parts.fact(theme, "領取期限", wording.day(view.fetch_until), weight="bold"),
            parts.fact(theme, "券號", wording.spaced(view.code)),
            margin="lg",
        ),
        parts.note(theme, "到門市出示兌換券，由店員核銷後領取。", margin="lg"),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(parts.button(theme, "出示兌換券", view.use), undo)
    alt = f"已兌換「{name}」，請於 {wording.day(view.fetch_until)} 前到門市領取"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))

"""The first words to a new friend, to one who came back, and to one who never joined."""

from dataclasses import dataclass

from flex_templates import parts, wording
from flex_templates.parts import Message, Tap, Why
from flex_templates.theme import Theme

JOIN = "立即加入會員"


@dataclass(frozen=True, slots=True)
class GreetingView:
    """A stranger who added the account. `name` may be empty; `gifts` are what joining brings."""

    join: Tap
    name: str = ""
    gifts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReturningView:
    """A friend who unblocked the account. A member gets the card, a guest the way to join."""

    tap: Tap
    name: str = ""
    is_member: bool = False
    points: int = 0


@dataclass(frozen=True, slots=True)
class NotJoinedView:
    """A friend of some days who has not joined."""

    join: Tap
    why: Why
    name: str = ""
    gifts: tuple[str, ...] = ()


def _to(name: str, words: str) -> str:
    return f"{wording.clip(name, 20)} {words}" if name.strip() else words


def _gifts(theme: Theme, gifts: tuple[str, ...]) -> list[parts.Node]:
    return [parts.bullet(theme, wording.clip(gift, 60)) for gift in gifts[:5]]


def message(view: GreetingView, theme: Theme) -> Message:
    """Greet a new friend, with one button."""
    brand = wording.clip(theme.brand, 40)
    gifts = view.gifts or (
        "入會即享迎新好禮",
        "消費累積點數，每一點都有來由",
        "生日當月專屬優惠",
    )
    body = parts.column(
        parts.cover(theme, _to(view.name, "您好，很高興認識您"), f"歡迎加入{brand}的 LINE 好友"),
        parts.column(
            parts.text("成為會員，您將享有", theme.quiet, "xs"),
            *_gifts(theme, gifts),
            spacing="md",
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.buttons(parts.button(theme, JOIN, view.join))
    alt = f"歡迎加入{brand}！一分鐘免費入會，馬上領取迎新好禮"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def returning_message(view: ReturningView, theme: Theme) -> Message:
    """Greet a friend who came back, with one button."""
    if view.is_member:
        lines = ("您的會員資格與點數都為您保留著。",)
        label, extra = "查看會員卡", parts.fact(theme, "可用點數", wording.points(view.points))
    else:
        lines = ("一分鐘加入會員，點數、優惠券與生日禮都不錯過。",)
        label, extra = JOIN, None
    body = parts.column(
        parts.cover(theme, _to(view.name, "歡迎回來"), "好久不見，很開心再次見到您"),
        parts.column(
            parts.paragraphs(theme, lines),
            extra and parts.panel(theme, extra),
            spacing="lg",
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.buttons(parts.button(theme, label, view.tap))
    brand = wording.clip(theme.brand, 40)
    return parts.flex(f"歡迎回到{brand}！{lines[0]}", parts.bubble(theme, body, footer=footer))


def not_joined_message(view: NotJoinedView, theme: Theme) -> Message:
    """Remind a friend, once or twice, that joining takes a minute."""
    gifts = view.gifts or ("入會即享迎新好禮", "每次消費都能累積點數")
    body = parts.column(
        parts.cover(theme, _to(view.name, "您的會員好禮還在"), "只差一步，一分鐘完成入會"),
        parts.column(*_gifts(theme, gifts), spacing="md", paddingAll="20px", paddingBottom="8px"),
        paddingAll="0px",
    )
    footer = parts.buttons(parts.button(theme, JOIN, view.join), parts.why_footer(theme, view.why))
    alt = "您的迎新好禮還沒領取，一分鐘完成入會即可使用"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))

"""Stores: where they are, when they open, how to call and how to get there."""

from dataclasses import dataclass
from urllib.parse import quote

from flex_templates import parts, wording
from flex_templates.parts import Link, Message, Node, Tap
from flex_templates.theme import Theme

MOST_STORES = 10
MAPS = "https://www.google.com/maps/search/?api=1&query="


@dataclass(frozen=True, slots=True)
class StoreView:
    """One store; `distance` is ready words such as `約 350 公尺`, empty when unknown."""

    name: str
    address: str
    hours: str
    phone: str
    distance: str = ""


@dataclass(frozen=True, slots=True)
class StoresView:
    """Stores, nearest first when the member sent a place; `more` opens the whole list."""

    stores: tuple[StoreView, ...]
    total: int = 0
    more: Tap | None = None


def map_link(store: StoreView) -> Link:
    """Return a link that any map application opens."""
    place = f"{wording.clip_units(store.name, 30)} {wording.clip_units(store.address, 50)}".strip()
    return Link(MAPS + quote(place, safe=""))


def phone_link(store: StoreView) -> Link | None:
    """Return a link that calls the store, or None without a number to call."""
    digits = "".join(sign for sign in store.phone if sign in "+0123456789")[:20]
    return Link(f"tel:{digits}") if len(digits) >= 3 else None


def _bubble(theme: Theme, store: StoreView) -> Node:
    distance = wording.clip(store.distance, 20)
    phone = phone_link(store)
    body = parts.column(
        parts.masthead(theme, "門市"),
        parts.text(
            wording.clip(wording.filled(store.name, "門市"), 40),
            theme.ink,
            "lg",
            weight="bold",
            maxLines=2,
            margin="xl",
        ),
        parts.text(distance, theme.primary, "xs", margin="xs") if distance.strip() else None,
        parts.column(
            _detail(theme, "地址", wording.clip(store.address, 80)),
            _detail(theme, "時間", wording.clip(store.hours, 120)),
            _detail(theme, "電話", wording.clip(store.phone, 30)),
            spacing="md",
            margin="lg",
        ),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(
        parts.button(theme, "開啟地圖", map_link(store)),
        parts.button(theme, "撥打電話", phone, "soft") if phone else None,
    )
    return parts.bubble(theme, body, footer=footer, size="kilo")


def _detail(theme: Theme, name: str, words: str) -> Node:
    return parts.row(
        parts.text(name, theme.quiet, "xs", flex=2),
        parts.text(wording.filled(words), theme.ink, "xs", flex=9, scaling=True),
        spacing="sm",
    )


def message(view: StoresView, theme: Theme) -> Message:
    """Show stores side by side, or say that there are none to show."""
    if not view.stores:
        return parts.say("目前沒有門市資料，請直接留言告訴我們您想找的地區，我們會為您查詢。")
    bubbles = parts.fitting([_bubble(theme, store) for store in view.stores[:MOST_STORES]])
    shown = view.stores[: len(bubbles)]
    if view.more is not None and view.total > len(shown):
        bubbles.append(_rest(theme, view.total - len(shown), view.more))
    names = "、".join(wording.clip(store.name, 20) for store in shown[:3] if store.name)
    alt = f"門市資訊：{wording.filled(names, '所有門市')}（共 {max(view.total, len(shown))} 間）"
    return parts.flex(alt, parts.carousel(bubbles))


def _rest(theme: Theme, left: int, more: Tap) -> Node:
    body = parts.column(
        parts.text("還有", theme.quiet, "sm", align="center"),
        parts.text(f"{left:,} 間門市", theme.primary, "xl", weight="bold", align="center"),
        justifyContent="center",
        spacing="sm",
        paddingAll="20px",
    )
    footer = parts.buttons(parts.button(theme, "查看全部門市", more))
    return parts.bubble(theme, body, footer=footer, size="kilo")

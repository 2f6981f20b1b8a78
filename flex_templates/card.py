"""The membership card: the tier's face with barcode, points, progress and three buttons.

The one message drawn so often that it is compiled (`render_bytes`, see splice.py): `_read` decides
and words, `_draw` places. Barcode images are 4:1.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from typing import NamedTuple

from flex_templates import parts, splice, wording
from flex_templates.parts import Message, Node, Tap
from flex_templates.theme import Theme, TierColours

BARCODE_RATIO = "4:1"
WIDE_POINTS = 999_999  # larger numbers need smaller letters to keep their unit beside them


@dataclass(frozen=True, slots=True)
class CardView:
    """All a member sees on the card.

    `way` says what is missing to `next_tier` (empty at the top tier) by `next_until`; `progress` is
    the percentage done. `way_to_keep` says what renews the top tier by `tier_until`.
    The taps are the same for every member: they belong to the compiled shape.
    """

    name: str
    number: str
    barcode_url: str
    tier: str
    tier_colour: str
    tier_until: date | None
    points: int
    coupons: int
    show_code: Tap
    my_points: Tap
    my_coupons: Tap
    benefits: Tap | None = None
    pending: int = 0
    expiring: int = 0
    expires_on: date | None = None
    next_tier: str = ""
    way: str = ""
    next_until: date | None = None
    progress: int = 0
    way_to_keep: str = ""


@dataclass(frozen=True, slots=True)
class GuestCardView:
    """The card of a friend who has not joined; `hints` are things a member gets."""

    join: Tap
    hints: tuple[str, ...] = ()


def message(view: CardView, theme: Theme) -> Message:
    """Draw a member's card."""
    shape, words = _read(view)
    return _draw(theme, shape, words)


def render_bytes(view: CardView, theme: Theme) -> bytes:
    """Return the same as `orjson.dumps(message(view, theme))`, several times faster."""
    shape, words = _read(view)
    return _renderer(theme).render(shape, words)


class _Shape(NamedTuple):
    colour: str
    has_bar: bool
    has_expiry: bool
    has_pending: bool
    is_rich: bool
    show_code: Tap
    my_points: Tap
    my_coupons: Tap
    benefits: Tap | None


class _Words(NamedTuple):
    alt: str
    tier: str
    name: str
    number: str
    barcode_url: str
    points: str
    pending: str
    expiry: str
    coupons: str
    share: str
    goal: str
    ladder: str
    until: str


def _goal(view: CardView, tier: str) -> str:
    """The sentence below the bar: what is missing, or that nothing is."""
    if view.next_tier:
        return wording.missing(view.way, view.next_tier, view.next_until)
    if view.way_to_keep:
        return wording.missing(view.way_to_keep, tier, view.tier_until, verb="續等")
    return "您已是最高等級，感謝您一路支持"


def _read(view: CardView) -> tuple[_Shape, _Words]:
    has_expiry = view.expiring > 0 and view.expires_on is not None
    shape = _Shape(
        view.tier_colour,
        bool(view.next_tier or view.way_to_keep),
        has_expiry,
        view.pending > 0,
        abs(view.points) > WIDE_POINTS,
        view.show_code,
        view.my_points,
        view.my_coupons,
        view.benefits,
    )
    tier = wording.clip(wording.filled(view.tier, "會員"), 20)
    name = wording.clip(wording.filled(view.name, "會員"), 30)
    points = f"{view.points:,}"
    next_tier = wording.clip(view.next_tier, 20) if view.next_tier else ""
    words = _Words(
        alt=f"您的會員卡：{name}（{tier}），可用 {points} 點",
        tier=tier,
        name=name,
        number=f"No. {wording.member_number(view.number)}",
        barcode_url=view.barcode_url,
        points=points,
        pending=f"另有 {view.pending:,} 點待生效",
        expiry=(
            f"{view.expiring:,} 點將於 {wording.day(view.expires_on)} 到期"
            if has_expiry and view.expires_on
            else ""
        ),
        coupons=f"{view.coupons}" if view.coupons < 1000 else "999+",
        share=f"{max(0, min(100, view.progress))}%",
        goal=_goal(view, tier),
        ladder=f"{tier} → {next_tier}" if next_tier else f"{tier}續等進度",
        until=(f"等級有效至 {wording.day(view.tier_until)}" if view.tier_until else "等級永久有效"),
    )
    return shape, words


def _draw(theme: Theme, shape: _Shape, given: splice.Words) -> Message:
    words = _Words(*given)
    body = parts.column(
        _face(theme, theme.tier(shape.colour), shape, words),
        parts.column(
            _holdings(theme, shape, words),
            parts.line(theme, margin="lg"),
            _progress(theme, shape, words),
            paddingAll="20px",
            paddingTop="18px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.column(
        parts.button(theme, "出示會員碼", shape.show_code),
        parts.row(
            parts.button(theme, "我的點數", shape.my_points, "soft"),
            parts.button(theme, "優惠券", shape.my_coupons, "soft"),
            spacing="8px",
        ),
        spacing="8px",
        paddingAll="20px",
        paddingTop="12px",
    )
    return parts.flex(words.alt, parts.bubble(theme, body, footer=footer))


def _face(theme: Theme, face: TierColours, shape: _Shape, words: _Words) -> Node:
    """The coloured upper half, like the front of a plastic card."""
    return parts.column(
        parts.row(
            parts.text(
                wording.clip(theme.brand, 40),
                face.quiet,
                "sm",
                weight="bold",
                wrap=False,
                flex=1,
                gravity="center",
            ),
            _chip(words.tier, face),
            alignItems="center",
            spacing="md",
        ),
        parts.text(words.name, face.ink, "xxl", weight="bold", margin="lg", maxLines=2),
        parts.text(words.number, face.quiet, "xs", wrap=False),
        parts.column(
            parts.image(
                words.barcode_url, size="full", aspectRatio=BARCODE_RATIO, aspectMode="fit"
            ),
            backgroundColor=theme.paper,
            cornerRadius="10px",
            paddingAll="8px",
            margin="lg",
            action=parts.action(shape.show_code, "出示會員碼"),
        ),
        background=parts.gradient(face.start, face.end, centre=face.centre),
        paddingAll="20px",
    )


def _chip(label: str, face: TierColours) -> Node:
    return parts.column(
        parts.text(label, face.ink, "xs", weight="bold", align="center", wrap=False),
        borderColor=face.ink,
        borderWidth="normal",
        cornerRadius="12px",
        paddingTop="3px",
        paddingBottom="3px",
        paddingStart="12px",
        paddingEnd="12px",
        flex=0,
    )


def _holdings(theme: Theme, shape: _Shape, words: _Words) -> Node:
    """Usable points and coupons side by side; what comes and what goes below the points."""
    return parts.row(
        parts.column(
            parts.text("可用點數", theme.quiet, "xs"),
            parts.figure(
                theme,
                words.points,
                "點",
                colour=theme.primary,
                size="xl" if shape.is_rich else "3xl",
            ),
            parts.text(words.expiry, theme.alert, "xxs") if shape.has_expiry else None,
            parts.text(words.pending, theme.quiet, "xxs") if shape.has_pending else None,
            flex=7,
            action=parts.action(shape.my_points, "我的點數"),
        ),
        parts.column(
            parts.text("優惠券", theme.quiet, "xs"),
            parts.figure(theme, words.coupons, "張", size="xl" if shape.is_rich else "3xl"),
            flex=4,
            action=parts.action(shape.my_coupons, "優惠券"),
        ),
        spacing="md",
    )


def _progress(theme: Theme, shape: _Shape, words: _Words) -> Node:
    tap = {"action": parts.action(shape.benefits, "等級權益")} if shape.benefits else {}
    bar = [
        parts.text(words.ladder, theme.ink, "xs", weight="bold"),
        parts.progress_bar(theme.track, theme.primary, words.share, margin="md"),
    ]
    return parts.column(
        *(bar if shape.has_bar else []),
        parts.text(words.goal, theme.ink, "xs", margin="md"),
        parts.text(words.until, theme.quiet, "xxs", margin="sm"),
        margin="lg",
        **tap,
    )


@lru_cache(maxsize=16)
def _renderer(theme: Theme) -> splice.Renderer[_Shape]:
    return splice.Renderer(partial(_draw, theme))


def guest_message(view: GuestCardView, theme: Theme) -> Message:
    """Draw the card's place for somebody who has not joined yet."""
    face = theme.plain
    hints = view.hints or ("消費累積點數，每一點都有來由", "生日當月專屬好禮", "會員限定優惠券")
    body = parts.column(
        parts.column(
            parts.text(wording.clip(theme.brand, 40), face.quiet, "sm", weight="bold", wrap=False),
            parts.text("您的會員卡在等您", face.ink, "xl", weight="bold", margin="lg"),
            parts.text("一分鐘加入，免費", face.quiet, "sm", margin="sm"),
            background=parts.gradient(face.start, face.end, centre=face.centre),
            paddingAll="20px",
            paddingTop="24px",
            paddingBottom="24px",
        ),
        parts.column(
            *(parts.bullet(theme, wording.clip(hint, 60)) for hint in hints[:5]),
            spacing="md",
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.buttons(parts.button(theme, "立即加入會員", view.join))
    alt = "您還不是會員，一分鐘免費加入，馬上擁有會員卡"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))

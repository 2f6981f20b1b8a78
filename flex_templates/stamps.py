"""Stamp cards: every stamp as a dot, the prizes where they lie."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from flex_templates import parts, wording
from flex_templates.parts import Message, Node, Tap
from flex_templates.theme import Theme

MOST_CARDS = 4
MOST_STAMPS = 30
MOST_PRIZES = 6
IN_A_ROW = 5
DOT = "42px"


@dataclass(frozen=True, slots=True)
class Prize:
    """What the `at`-th stamp brings."""

    at: int
    words: str
    is_won: bool


@dataclass(frozen=True, slots=True)
class StampCardView:
    """The `number`-th card of its kind: `stamps` of `size`. `until` is the last day that counts."""

    name: str
    size: int
    stamps: int
    prizes: tuple[Prize, ...]
    how: str
    number: int = 1
    description: str = ""
    until: date | None = None
    is_over: bool = False
    repeats: bool = True

    @property
    def is_full(self) -> bool:
        return self.stamps >= self.size

    @property
    def next_prize(self) -> Prize | None:
        return next((prize for prize in self.prizes if not prize.is_won), None)

    @property
    def state(self) -> str:
        """What comes next, in one sentence."""
        if self.is_full:
            return "集滿了！下次消費就開始新的一張" if self.repeats else "集滿了，謝謝您"
        if self.is_over:
            return "集點期間已結束"
        coming = self.next_prize
        if coming is None:
            return f"再 {self.size - self.stamps:,} 格集滿"
        return f"再 {coming.at - self.stamps:,} 格，獲得{coming.words}"


@dataclass(frozen=True, slots=True)
class StampsView:
    cards: tuple[StampCardView, ...]
    card: Tap
    page: Tap | None = None


def _dot(theme: Theme, view: StampCardView, at: int) -> Node:
    is_stamped = at <= view.stamps
    is_prize = any(prize.at == at for prize in view.prizes)
    sign = "禮" if is_prize else ("✓" if is_stamped else f"{at}")
    letters = theme.on_primary if is_stamped else (theme.primary if is_prize else theme.quiet)
    border = {} if is_stamped else {"borderColor": theme.primary if is_prize else theme.line}
    return parts.column(
        parts.text(sign, letters, "sm", align="center", weight="bold", wrap=False),
        width=DOT,
        height=DOT,
        cornerRadius="21px",
        backgroundColor=theme.primary if is_stamped else theme.surface,
        justifyContent="center",
        flex=0,
        **({"borderWidth": "normal"} | border if border else {}),
    )


def _dots(theme: Theme, view: StampCardView) -> Iterator[Node]:
    """Rows of five; the last keeps its dots under those above."""
    size = min(view.size, MOST_STAMPS)
    for first in range(1, size + 1, IN_A_ROW):
        places = range(first, first + IN_A_ROW)
        yield parts.row(
            *(
                _dot(theme, view, at)
                if at <= size
                else parts.column(parts.text(" ", theme.paper), width=DOT, height=DOT, flex=0)
                for at in places
            ),
            justifyContent="space-between",
        )


def _prize(theme: Theme, prize: Prize) -> Node:
    mark = "✓ " if prize.is_won else ""
    return parts.fact(
        theme,
        f"{mark}第 {prize.at:,} 格",
        wording.clip(prize.words, 30),
        colour=theme.primary if prize.is_won else "",
        weight="bold",
        shares=(3, 5),
    )


def _bubble(theme: Theme, view: StampCardView, whole: StampsView) -> Node:
    title = wording.clip(view.name, 40)
    number = f" 第 {view.number:,} 張" if view.number > 1 else ""
    until = f"，集到 {wording.day(view.until)}" if view.until else ""
    body = parts.column(
        parts.masthead(theme, f"集點卡{number}"),
        parts.row(
            parts.text(title, theme.ink, "xl", weight="bold", flex=1),
            parts.text(
                f"{view.stamps:,}/{view.size:,}",
                theme.primary,
                "xl",
                weight="bold",
                flex=0,
                wrap=False,
            ),
            margin="lg",
            spacing="md",
        ),
        parts.text(wording.clip(view.description, 80), theme.quiet, "xs", margin="sm")
        if view.description
        else None,
        parts.column(*_dots(theme, view), spacing="8px", margin="lg"),
        parts.text(view.state, theme.primary, weight="bold", margin="lg"),
        parts.panel(
            theme, *(_prize(theme, prize) for prize in view.prizes[:MOST_PRIZES]), margin="md"
        ),
        parts.text(f"{view.how}{until}", theme.quiet, "xs", margin="md"),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(
        parts.button(theme, "集點明細", whole.page, "soft") if whole.page else None,
        parts.button(theme, "出示會員卡", whole.card, "quiet"),
    )
    return parts.bubble(theme, body, footer=footer)


def message(view: StampsView, theme: Theme) -> Message:
    """One bubble a card; the alternative text says how far the first is."""
    shown = view.cards[:MOST_CARDS]
    first = shown[0]
    alt = f"集點卡：{wording.clip(first.name, 20)} {first.stamps:,}/{first.size:,}，{first.state}"
    bubbles = parts.fitting([_bubble(theme, item, view) for item in shown])
    return parts.flex(alt, bubbles[0] if len(bubbles) == 1 else parts.carousel(bubbles))

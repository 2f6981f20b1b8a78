"""為什麼是這個數字: one bubble a number, with the lines that make it and the rule it follows."""

from dataclasses import dataclass
from datetime import date

from flex_templates import parts, wording
from flex_templates.parts import Message, Node, Tap
from flex_templates.theme import Theme

MOST_FIGURES = 6
MOST_LINES = 6


@dataclass(frozen=True, slots=True)
class Cause:
    """One line: what it was, when, and its part as shown (`+7 點`, `NT$790`; empty in a story)."""

    words: str
    part: str = ""
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """A number as shown and what makes it; `more` causes are not among `causes`."""

    title: str
    value: str
    sentence: str
    causes: tuple[Cause, ...] = ()
    rule: str = ""


@dataclass(frozen=True, slots=True)
class ExplainView:
    figures: tuple[Explained, ...]
    card: Tap
    page: Tap | None = None  # with every line


def _cause(theme: Theme, cause: Cause) -> Node:
    return parts.row(
        parts.column(
            parts.text(wording.clip(cause.words, 40), theme.ink, maxLines=2),
            parts.text(wording.day(cause.on), theme.quiet, "xxs") if cause.on else None,
            flex=7,
        ),
        parts.text(wording.clip(cause.part, 20), theme.ink, align="end", weight="bold", flex=4)
        if cause.part
        else None,
        spacing="md",
        alignItems="center",
    )


def _bubble(theme: Theme, figure: Explained, view: ExplainView) -> Node:
    shown = figure.causes[:MOST_LINES]
    left = len(figure.causes) - len(shown)
    more = f"還有 {left} 筆，請看完整明細" if view.page else f"還有 {left} 筆"
    body = parts.column(
        parts.masthead(theme, "為什麼是這個數字"),
        parts.text(wording.clip(figure.title, 40), theme.quiet, "xs", margin="xl"),
        parts.figure(theme, wording.clip(figure.value, 30), "", size="xxl"),
        parts.text(wording.clip(figure.sentence, 160), theme.ink, margin="md"),
        parts.column(*(_cause(theme, cause) for cause in shown), spacing="md", margin="lg")
        if shown
        else None,
        parts.text(more, theme.quiet, "xs", margin="md") if left else None,
        parts.text(wording.clip(figure.rule, 120), theme.quiet, "xxs", margin="lg")
        if figure.rule
        else None,
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(
        parts.button(theme, "完整明細", view.page, "soft") if view.page else None,
        parts.button(theme, "回到會員卡", view.card, "quiet"),
    )
    return parts.bubble(theme, body, footer=footer)


def message(view: ExplainView, theme: Theme) -> Message:
    """A carousel; the alternative text gives every number."""
    figures = view.figures[:MOST_FIGURES]
    alt = "、".join(f"{wording.clip(item.title, 20)} {item.value}" for item in figures)
    return parts.flex(
        f"為什麼是這個數字：{alt}", parts.carousel([_bubble(theme, item, view) for item in figures])
    )

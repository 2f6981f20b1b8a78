"""Help: what one can type, and the answer to words we did not understand."""

from dataclasses import dataclass

from flex_templates import parts, wording
from flex_templates.parts import Message, Node, Tap
from flex_templates.theme import Theme

MOST_WORDS = 10


@dataclass(frozen=True, slots=True)
class HelpWord:
    """One word that can be typed or tapped, and what it does."""

    word: str
    meaning: str
    tap: Tap


@dataclass(frozen=True, slots=True)
class HelpView:
    words: tuple[HelpWord, ...]
    contact: Tap | None = None


@dataclass(frozen=True, slots=True)
class FallbackView:
    """Nothing matched what the friend wrote; `suggestions` become buttons above the keyboard."""

    suggestions: tuple[tuple[str, Tap], ...]
    has_staff: bool = False


def _word(theme: Theme, word: HelpWord) -> Node:
    label = wording.clip(word.word, 20)
    return parts.row(
        parts.text(label, theme.primary, "sm", weight="bold", flex=4),
        parts.text(wording.clip(word.meaning, 60), theme.ink, "xs", flex=8, scaling=True),
        parts.text("›", theme.quiet, "md", flex=0, align="end"),
        spacing="md",
        alignItems="center",
        paddingTop="8px",
        paddingBottom="8px",
        action=parts.action(word.tap, label),
    )


def message(view: HelpView, theme: Theme) -> Message:
    """Show the words one can type; every line can be tapped instead."""
    shown = view.words[:MOST_WORDS]
    rows = [_word(theme, word) for word in shown]
    lined = [node for row in rows for node in (parts.line(theme), row)][1:]
    body = parts.column(
        parts.masthead(theme, "使用說明"),
        parts.text("您可以輸入或點選", theme.ink, "lg", weight="bold", margin="xl"),
        parts.column(*lined, margin="md"),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = None
    if view.contact is not None:
        footer = parts.buttons(parts.button(theme, "聯絡客服", view.contact, "soft"))
    words = "、".join(wording.clip(word.word, 20) for word in shown)
    quick = tuple((word.word, word.tap) for word in shown)
    alt = f"您可以輸入：{wording.filled(words, '說明')}"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer), quick)


def fallback_message(view: FallbackView) -> Message:
    """Answer words that matched nothing: say so, and offer what there is."""
    words = "不好意思，我還看不懂這段文字。請點選下方按鈕，或輸入「說明」查看可以使用的功能。"
    if view.has_staff:
        words += "\n\n您的訊息我們已經收到，客服人員會盡快回覆您。"
    return parts.say(words, view.suggestions)

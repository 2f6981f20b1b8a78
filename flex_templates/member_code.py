"""The code shown at the till: a QR that lives for a minute, and a button for a new one."""

from dataclasses import dataclass
from datetime import datetime

from flex_templates import parts, wording
from flex_templates.parts import Message, Tap
from flex_templates.theme import Theme


@dataclass(frozen=True, slots=True)
class MemberCodeView:
    """One issued code. `live` opens the page whose code renews itself; `expires_at` is aware."""

    qr_url: str
    name: str
    number: str
    expires_at: datetime
    refresh: Tap
    seconds: int = 60
    live: Tap | None = None


def message(view: MemberCodeView, theme: Theme) -> Message:
    """Draw the code large on white, which scanners like best."""
    name = wording.clip(wording.filled(view.name, "會員"), 30)
    end = wording.clock(view.expires_at)
    body = parts.column(
        parts.masthead(theme, "會員碼"),
        parts.column(
            parts.image(view.qr_url, size="full", aspectRatio="1:1", aspectMode="fit"),
            backgroundColor=theme.paper,
            borderColor=theme.line,
            borderWidth="normal",
            cornerRadius="16px",
            paddingAll="18px",
            margin="lg",
        ),
        parts.text(name, theme.ink, "lg", weight="bold", align="center", margin="lg", maxLines=2),
        parts.text(
            f"No. {wording.member_number(view.number)}",
            theme.quiet,
            "xs",
            align="center",
            margin="xs",
        ),
        parts.note(theme, f"請於 {end} 前出示（{view.seconds} 秒內有效）", margin="lg"),
        parts.text(
            "結帳請先出示會員碼；截圖無法使用。", theme.quiet, "xxs", align="center", margin="md"
        ),
        paddingAll="20px",
        paddingBottom="12px",
    )
    footer = parts.buttons(
        parts.button(theme, "重新產生會員碼", view.refresh),
        parts.button(theme, "開啟自動更新頁面", view.live, "soft") if view.live else None,
    )
    alt = f"您的會員碼已產生，請於 {end} 前出示給店員掃描"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))

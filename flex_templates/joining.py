"""Joining step by step in the chat: notice and consents, phone, code, name, birthday, done."""

from dataclasses import dataclass

from flex_templates import parts, wording
from flex_templates.parts import Message, Node, PickDate, Tap
from flex_templates.theme import Theme

STEPS = ("同意條款", "手機號碼", "簡訊驗證", "基本資料")


@dataclass(frozen=True, slots=True)
class Consent:
    """One separate box that starts unticked; `toggle` turns it round and shows the page again."""

    label: str
    is_given: bool
    toggle: Tap
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class NoticeView:
    """The six items of 個資法 Article 8 on one screen, and the consents below."""

    collector: str
    purpose: str
    kinds: str
    use: str
    rights: str
    effect: str
    version: str
    consents: tuple[Consent, ...]
    proceed: Tap
    cancel: Tap
    terms: Tap | None = None


@dataclass(frozen=True, slots=True)
class PhoneView:
    """Ask for the mobile number. `problem` says what was wrong with the last answer."""

    cancel: Tap
    problem: str = ""
    type_phone: Tap | None = None


@dataclass(frozen=True, slots=True)
class CodeView:
    """Ask for the code sent by SMS; `phone` is masked already."""

    phone: str
    resend: Tap
    change_phone: Tap
    minutes: int = 5
    wait_seconds: int = 60
    problem: str = ""


@dataclass(frozen=True, slots=True)
class NameView:
    """Ask for the name; `suggested` is the name on LINE, taken by one tap."""

    suggested: str
    accept: Tap
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BirthdayView:
    pick: PickDate
    problem: str = ""


@dataclass(frozen=True, slots=True)
class GuardianView:
    """Ask a member under 18 for a guardian's name and phone."""

    cancel: Tap
    problem: str = ""


@dataclass(frozen=True, slots=True)
class DoneView:
    """The membership exists. `gifts` are the names of coupons already in the wallet."""

    name: str
    number: str
    tier: str
    card: Tap
    coupons: Tap
    points: int = 0
    gifts: tuple[str, ...] = ()
    was_linked: bool = False


def _steps(theme: Theme, at: int) -> Node:
    """The bar of four segments that says how far one is."""
    # A height on a child of a horizontal box would take its share of the width away.
    segments = [
        parts.column(
            parts.column(
                height="4px",
                cornerRadius="2px",
                backgroundColor=theme.primary if index <= at else theme.track,
            ),
            flex=1,
        )
        for index in range(len(STEPS))
    ]
    return parts.column(
        parts.row(*segments, spacing="4px"),
        parts.text(f"步驟 {at + 1}/{len(STEPS)} {STEPS[at]}", theme.quiet, "xs", margin="md"),
    )


def _page(theme: Theme, at: int, title: str, *contents: Node | None, problem: str = "") -> Node:
    trouble = parts.note(theme, wording.clip(problem, 120), is_alert=True) if problem else None
    return parts.column(
        _steps(theme, at),
        parts.text(title, theme.ink, "lg", weight="bold", scaling=True),
        trouble,
        *contents,
        spacing="lg",
        paddingAll="20px",
        paddingBottom="12px",
    )


def _consent(theme: Theme, consent: Consent) -> Node:
    """A box to tick: the whole row is the target."""
    tick = parts.text("✓", theme.on_primary, "xs", align="center", weight="bold")
    mark = parts.column(
        tick if consent.is_given else None,
        width="20px",
        height="20px",
        cornerRadius="5px",
        borderWidth="medium",
        borderColor=theme.primary if consent.is_given else theme.quiet,
        backgroundColor=theme.primary if consent.is_given else theme.paper,
        flex=0,
        justifyContent="center",
    )
    need = "（必要）" if consent.is_required else "（選填）"
    label = f"{wording.clip(consent.label, 90)}{need}"
    return parts.row(
        mark,
        parts.text(label, theme.ink, "sm", flex=1, gravity="center", scaling=True),
        spacing="md",
        action=parts.action(consent.toggle, consent.label),
        paddingTop="6px",
        paddingBottom="6px",
        alignItems="center",
    )


def _item(theme: Theme, name: str, words: str) -> Node:
    return parts.column(
        parts.text(name, theme.ink, "xs", weight="bold"),
        parts.text(wording.clip(words, 300), theme.quiet, "xs", scaling=True),
        spacing="xs",
    )


def notice_message(view: NoticeView, theme: Theme) -> Message:
    """Show the Article 8 notice with its consents; nothing is ticked beforehand."""
    items = (
        ("蒐集單位", view.collector),
        ("蒐集目的", view.purpose),
        ("資料類別", view.kinds),
        ("利用期間、地區、對象及方式", view.use),
        ("您的權利及行使方式", view.rights),
        ("不提供資料的影響", view.effect),
    )
    body = _page(
        theme,
        0,
        "加入會員前，請您先閱讀",
        parts.panel(theme, *(_item(theme, *item) for item in items), spacing="md"),
        parts.text(f"個資告知事項版本 {wording.clip(view.version, 40)}", theme.quiet, "xxs"),
        parts.column(*(_consent(theme, consent) for consent in view.consents[:5]), spacing="xs"),
    )
    is_ready = all(consent.is_given for consent in view.consents if consent.is_required)
    footer = parts.buttons(
        parts.button(theme, "同意並繼續", view.proceed, "primary" if is_ready else "soft"),
        parts.button(theme, "閱讀完整條款", view.terms, "quiet") if view.terms else None,
        parts.button(theme, "暫不加入", view.cancel, "quiet"),
    )
    alt = "加入會員：請閱讀個人資料告知事項並勾選同意項目"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def phone_message(view: PhoneView, theme: Theme) -> Message:
    """Ask for the mobile number, typed into the chat."""
    body = _page(
        theme,
        1,
        "請輸入您的手機號碼",
        parts.paragraphs(theme, ("請直接在下方對話框輸入。", "我們會傳送簡訊驗證碼給您。")),
        parts.panel(theme, parts.text("例如 0912-345-678", theme.quiet, "sm", align="center")),
        problem=view.problem,
    )
    footer = parts.buttons(
        parts.button(theme, "輸入手機號碼", view.type_phone) if view.type_phone else None,
        parts.button(theme, "取消加入", view.cancel, "quiet"),
    )
    alt = view.problem or "請輸入您的手機號碼，例如 0912-345-678"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def code_message(view: CodeView, theme: Theme) -> Message:
    """Ask for the code of the SMS, with a way to have it again."""
    lines = (
        f"6 位數驗證碼已傳送至 {wording.clip(view.phone, 20)}，{view.minutes} 分鐘內有效。",
        f"沒收到嗎？{view.wait_seconds} 秒後可重新傳送。",
    )
    body = _page(theme, 2, "請輸入簡訊驗證碼", parts.paragraphs(theme, lines), problem=view.problem)
    footer = parts.buttons(
        parts.button(theme, "重新傳送驗證碼", view.resend, "soft"),
        parts.button(theme, "更改手機號碼", view.change_phone, "quiet"),
    )
    alt = view.problem or f"請輸入簡訊驗證碼（{view.minutes} 分鐘內有效）"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def name_message(view: NameView, theme: Theme) -> Message:
    """Ask how to call the member."""
    suggested = wording.clip(view.suggested, 20)
    body = _page(
        theme,
        3,
        "請問怎麼稱呼您？",
        parts.paragraphs(theme, ("請輸入您的姓名（2 至 50 個字）。",)),
        problem=view.problem,
    )
    footer = None
    if suggested.strip():
        footer = parts.buttons(parts.button(theme, f"使用「{suggested}」", view.accept, "soft"))
    alt = view.problem or "請輸入您的姓名"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def birthday_message(view: BirthdayView, theme: Theme) -> Message:
    """Ask for the birthday with LINE's date picker."""
    lines = ("生日當月我們會為您準備專屬好禮。", "生日只能自行修改一次，請確認後再送出。")
    body = _page(theme, 3, "請選擇您的生日", parts.paragraphs(theme, lines), problem=view.problem)
    footer = parts.buttons(parts.button(theme, "選擇生日", view.pick))
    alt = view.problem or "最後一步：請選擇您的生日"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def guardian_message(view: GuardianView, theme: Theme) -> Message:
    """Ask for a guardian, because a contract of somebody under 18 needs one."""
    lines = (
        "未滿 18 歲加入會員，需經法定代理人同意。",
        "請輸入法定代理人的姓名與手機號碼，例如「王大明 0912-345-678」。",
    )
    body = _page(theme, 3, "法定代理人同意", parts.paragraphs(theme, lines), problem=view.problem)
    footer = parts.buttons(parts.button(theme, "取消加入", view.cancel, "quiet"))
    alt = view.problem or "請輸入法定代理人的姓名與手機號碼"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def done_message(view: DoneView, theme: Theme) -> Message:
    """Welcome the new member: number, tier, points and the gifts that wait."""
    name = wording.clip(wording.filled(view.name, "您"), 20)
    tier = wording.clip(wording.filled(view.tier, "會員"), 20)
    subtitle = "已為您找到並保留原有的點數與等級" if view.was_linked else "您的會員卡已經準備好了"
    gifts = [parts.bullet(theme, wording.clip(gift, 60)) for gift in view.gifts[:5]]
    body = parts.column(
        parts.cover(theme, f"{name}，歡迎加入！", subtitle),
        parts.column(
            parts.panel(
                theme,
                parts.fact(theme, "會員編號", wording.member_number(view.number)),
                parts.fact(theme, "會員等級", tier),
                parts.fact(theme, "可用點數", wording.points(view.points)),
            ),
            parts.text("已放入您的優惠券匣", theme.quiet, "xs") if gifts else None,
            *gifts,
            spacing="md",
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.buttons(
        parts.button(theme, "查看會員卡", view.card),
        parts.button(theme, "查看優惠券", view.coupons, "soft") if gifts else None,
    )
    gift_words = f"，{len(view.gifts)} 份好禮已放入優惠券匣" if view.gifts else ""
    alt = f"{name}，歡迎加入！您是{tier}會員{gift_words}"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))

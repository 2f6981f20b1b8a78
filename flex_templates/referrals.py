"""Inviting friends: the inviter's own card, the card a friend gets, the reward."""

from dataclasses import dataclass
from datetime import date

from flex_templates import parts, wording
from flex_templates.parts import Copy, Link, Message, Node, Tap
from flex_templates.theme import Theme

MOST_CONDITIONS = 6


@dataclass(frozen=True, slots=True)
class InviteView:
    """`mine` and `friends` are rewards in words, empty for none; `invitation` is what a friend
    writes in the chat; `open` is the page that shares, where there is one."""

    code: str
    invitation: str
    mine: str
    friends: str
    conditions: tuple[str, ...]
    joined: int
    rewarded: int
    open: Tap | None = None


@dataclass(frozen=True, slots=True)
class InvitationView:
    """What a friend gets. Shared from a page, so its only tap is a link. `ends_on`: the first day
    too late."""

    inviter: str
    gift: str
    min_spend: int
    ends_on: date
    join: Link


@dataclass(frozen=True, slots=True)
class RewardedView:
    """`friend` is whom the inviter brought; empty for the friend's own reward."""

    friend: str
    points: int
    coupon: str
    see_points: Tap
    see_coupons: Tap
    invite: Tap


def _gift(theme: Theme, name: str, value: str) -> Node:
    return parts.column(
        parts.text(name, theme.quiet, "xs", align="center"),
        parts.text(
            value, theme.primary, "lg", weight="bold", align="center", adjustMode="shrink-to-fit"
        ),
        spacing="xs",
        flex=1,
    )


def invite_message(view: InviteView, theme: Theme) -> Message:
    """The inviter's card: what both get, the code, how far it has come."""
    gifts = [
        _gift(theme, name, wording.clip(value, 20))
        for name, value in (("好友獲得", view.friends), ("您獲得", view.mine))
        if value.strip()
    ]
    body = parts.column(
        parts.cover(theme, "邀請好友，一起享好禮", "好友入會並完成首次消費，雙方都有獎勵"),
        parts.column(
            parts.row(*gifts, spacing="md") if gifts else None,
            parts.panel(
                theme,
                parts.text("您的邀請碼", theme.quiet, "xs", align="center"),
                parts.text(
                    wording.spaced(view.code, 5),
                    theme.ink,
                    "xl",
                    weight="bold",
                    align="center",
                    adjustMode="shrink-to-fit",
                ),
                margin="lg",
            ),
            parts.column(
                parts.fact(theme, "已加入的好友", f"{view.joined:,} 位", weight="bold"),
                parts.fact(theme, "已獲得獎勵", f"{view.rewarded:,} 位", weight="bold"),
                spacing="sm",
                margin="lg",
            ),
            parts.column(
                *(
                    parts.text(f"・{wording.clip(line, 80)}", theme.quiet, "xxs")
                    for line in view.conditions[:MOST_CONDITIONS]
                ),
                spacing="xs",
                margin="lg",
            )
            if view.conditions
            else None,
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    copied = wording.clip(wording.filled(view.invitation), 100)
    footer = parts.buttons(
        parts.button(theme, "分享給好友", view.open) if view.open is not None else None,
        parts.button(theme, "複製邀請碼", Copy(copied), "soft"),
    )
    alt = f"邀請好友：您的邀請碼 {view.code}，已有 {view.joined:,} 位好友加入"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def invitation_message(view: InvitationView, theme: Theme) -> Message:
    """A friend's invitation."""
    inviter = wording.clip(wording.filled(view.inviter, "您的好友"), 20)
    gift = wording.clip(view.gift, 30)
    least = f"（單筆滿 {wording.money(view.min_spend)}）" if view.min_spend > 0 else ""
    body = parts.column(
        parts.cover(theme, f"{inviter} 邀請您加入會員"),
        parts.column(
            parts.text("完成首次消費，就能獲得", theme.quiet, "sm", align="center")
            if gift.strip()
            else None,
            parts.text(gift, theme.primary, "xxl", weight="bold", align="center", margin="sm")
            if gift.strip()
            else None,
            parts.text(
                f"入會後首次消費{least}並過退貨期限後發放，限首次加入、年滿 18 歲的新會員。",
                theme.quiet,
                "xs",
                margin="lg",
                align="center",
            ),
            parts.text(
                f"這張邀請卡限一人使用，請於 {wording.day(view.ends_on)} 前加入。",
                theme.quiet,
                "xs",
                margin="sm",
                align="center",
            ),
            paddingAll="20px",
            paddingBottom="8px",
        ),
        paddingAll="0px",
    )
    footer = parts.buttons(parts.button(theme, "接受邀請，加入會員", view.join))
    alt = f"{inviter} 邀請您加入 {wording.clip(theme.brand, 40)} 會員"
    return parts.flex(alt, parts.bubble(theme, body, footer=footer))


def rewarded_message(view: RewardedView, theme: Theme) -> Message:
    """The reward is there."""
    friend = wording.clip(view.friend, 20)
    is_inviter = bool(friend.strip())
    given = [wording.points(view.points)] if view.points > 0 else []
    given += [f"優惠券「{wording.clip(view.coupon, 30)}」"] if view.coupon.strip() else []
    gift = "、".join(given)
    title = "好友推薦獎勵已入帳" if is_inviter else "好友推薦禮已入帳"
    thanks = (
        f"謝謝您推薦 {friend}，獎勵已經放進您的帳戶。"
        if is_inviter
        else "謝謝您透過好友邀請加入，推薦禮已經放進您的帳戶。"
    )
    body = parts.column(
        parts.masthead(theme, "好友推薦"),
        parts.text(title, theme.ink, "lg", weight="bold", margin="xl"),
        parts.text(thanks, theme.quiet, "sm", margin="md"),
        parts.panel(
            theme,
            parts.fact(theme, "點數", f"+{view.points:,} 點", colour=theme.primary, weight="bold")
            if view.points > 0
            else None,
            parts.fact(theme, "優惠券", wording.clip(view.coupon, 30), weight="bold")
            if view.coupon.strip()
            else None,
            margin="lg",
        )
        if given
        else None,
        paddingAll="20px",
        paddingBottom="12px",
    )
    see = (
        parts.button(theme, "查看點數", view.see_points)
        if view.points > 0
        else parts.button(theme, "查看優惠券", view.see_coupons)
    )
    again = parts.button(theme, "再邀請好友", view.invite, "soft")
    return parts.flex(
        f"{title}：{gift}" if gift else title,
        parts.bubble(theme, body, footer=parts.buttons(see, again)),
    )

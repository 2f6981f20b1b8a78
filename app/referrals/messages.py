"""What inviter and friend are told. Of a friend an inviter reads the masked name, nothing else."""

from datetime import datetime
from urllib.parse import quote

from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.line.taps import InviteFriends, ShowCoupons, ShowPoints
from app.members import queries as members
from app.members.queries import Person
from app.outbox import service as outbox
from app.programmes.rules import ReferralTerms, Reward
from app.referrals import queries, rules
from app.referrals.queries import Progress
from app.referrals.rules import CannotBeInvited, CannotInvite
from flex_templates import parts, referrals, wording
from flex_templates.parts import Message, Press
from flex_templates.referrals import InvitationView, InviteView, RewardedView
from flex_templates.theme import Theme

INVITE = Press(InviteFriends().pack(), says="邀請好友")
POINTS = Press(ShowPoints().pack(), says="我的點數")
COUPONS = Press(ShowCoupons().pack(), says="優惠券")

_WHY_NOT_INVITE = {
    "closed": "目前沒有好友推薦活動，敬請期待。",
    "minor": "好友推薦獎勵限年滿 18 歲的會員參加；尚未填寫生日的會員，請先到會員中心補上。",
    "staff": "門市人員不適用好友推薦獎勵。",
}
_WHY_NOT_INVITED = {
    "member": "您已經是會員了，邀請碼限尚未加入的新朋友使用。",
    "unknown": "找不到這組邀請碼，請再確認一次。",
    "used": "這張邀請卡已經使用過或已過期，請向好友索取新的邀請。",
    "self": "不能使用自己的邀請碼。",
    "inviter": "這組邀請碼目前無法使用。",
}


def explain(refusal: CannotInvite | CannotBeInvited) -> str:
    words = _WHY_NOT_INVITE if isinstance(refusal, CannotInvite) else _WHY_NOT_INVITED
    return words[refusal.reason]


def reward_in_words(reward: Reward) -> str:
    """`100 點`, `優惠券`, both, or nothing."""
    given = [wording.points(reward.points)] if reward.points else []
    given += ["優惠券 1 張"] if reward.coupon is not None else []
    return "與".join(given)


def conditions(terms: ReferralTerms, *, return_window: int) -> tuple[str, ...]:
    """What an inviter must know, one sentence a line."""
    wait = return_window if terms.wait_days is None else terms.wait_days
    least = f"單筆滿 {wording.money(terms.min_spend)}" if terms.min_spend else "首次消費"
    lines = [
        f"好友須為首次加入的新會員，並於 {terms.valid_days} 天內完成入會",
        f"好友入會後 {terms.purchase_days} 天內{least}，期滿 {wait} 天未退貨即發放獎勵",
    ]
    if terms.cap_per_month is not None:
        lines.append(f"每人每月最多獎勵 {terms.cap_per_month} 位")
    return (*lines, "雙方須年滿 18 歲；自我推薦、重複帳號不適用")


def invite_view(
    *,
    code: str,
    terms: ReferralTerms,
    return_window: int,
    progress: Progress,
    open_page: parts.Tap | None,
) -> InviteView:
    return InviteView(
        code=code,
        invitation=rules.invitation(code),
        mine=reward_in_words(terms.inviter),
        friends=reward_in_words(terms.friend),
        conditions=conditions(terms, return_window=return_window),
        joined=progress.joined,
        rewarded=progress.rewarded,
        open=open_page,
    )


def invitation(
    *, inviter: Person, terms: ReferralTerms, link: str, until: datetime, theme: Theme
) -> Message:
    """The card a friend gets."""
    view = InvitationView(
        inviter=queries.masked(inviter) if inviter.name else "您的好友",
        gift=reward_in_words(terms.friend),
        min_spend=terms.min_spend,
        ends_on=taipei_date(until),
        join=parts.Link(link),
    )
    return referrals.invitation_message(view, theme)


def page_link(*, liff_id: str, token: str) -> str:
    return f"https://liff.line.me/{liff_id}/join?invite={quote(token)}"


def chat_link(*, basic_id: str, code: str) -> str:
    """Opens the account's chat with the words typed in already."""
    return f"https://line.me/R/oaMessage/{quote(basic_id)}/?{quote(rules.invitation(code))}"


def note_of_sale(terms: ReferralTerms, due: datetime) -> tuple[str, ...]:
    if terms.friend.is_nothing:
        return ()
    day = wording.day(taipei_date(due))
    return (f"好友推薦禮 {reward_in_words(terms.friend)}將於 {day} 發放",)


def send_joined(
    session: Session,
    *,
    referral_id: int,
    inviter_id: int,
    friend: Person,
    terms: ReferralTerms,
    now: datetime,
) -> None:
    recipient = members.person(session, inviter_id).line_user_id
    if recipient is None:
        return
    mine = reward_in_words(terms.inviter)
    after = f"好友完成首次消費並過了退貨期限後，您將獲得 {mine}。" if mine else ""
    words = f"{queries.masked(friend)} 接受了您的邀請，已加入會員。{after}"
    outbox.push(
        session,
        member_id=inviter_id,
        recipient=recipient,
        messages=[parts.say(words, (("邀請進度", INVITE),))],
        kind="referral.joined",
        klass="service",
        dedup_key=f"referral:{referral_id}:joined",
        now=now,
    )


def send_rewarded(
    session: Session,
    *,
    referral_id: int,
    party: str,
    person: Person,
    friend: Person,
    points: int,
    coupon: str,
    theme: Theme,
    now: datetime,
) -> None:
    if person.line_user_id is None:
        return
    view = RewardedView(
        friend=queries.masked(friend) if party == "inviter" else "",
        points=points,
        coupon=coupon,
        see_points=POINTS,
        see_coupons=COUPONS,
        invite=INVITE,
    )
    outbox.push(
        session,
        member_id=person.id,
        recipient=person.line_user_id,
        messages=[referrals.rewarded_message(view, theme)],
        kind="referral.rewarded",
        klass="service",
        dedup_key=f"referral:{referral_id}:{party}",
        now=now,
    )

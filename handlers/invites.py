"""邀請好友: a member's card with code and progress; 邀請碼 …: somebody comes by a code."""

from urllib.parse import quote

from app.line.events import Event
from app.line.router import UNHANDLED, Lasting, Message, Reply, Router
from app.line.taps import InviteFriends
from app.programmes import queries as programmes
from app.referrals import messages, queries, rules, service
from app.referrals.rules import CannotBeInvited, CannotInvite
from flex_templates import parts, referrals
from flex_templates.parts import Link, Tap
from handlers import replies, taps
from handlers.context import Brand, Context

routes: Router[Context] = Router("invites")


@routes.words("邀請好友", "好友推薦", "推薦好友", "邀請碼", "邀請進度", "invite")
def show_by_word(_event: Event, ctx: Context) -> Reply:
    return _card(ctx)


@routes.postback(InviteFriends)
def show(_event: Event, _data: InviteFriends, ctx: Context) -> Reply:
    return _card(ctx)


@routes.message("text")
def come_by_code(event: Event, ctx: Context) -> Reply:
    """Works until somebody joins, also in the midst of joining."""
    code = rules.read_code(event.text)
    if code is None:
        return UNHANDLED
    try:
        bound = service.bind(ctx.session, friend=ctx.member, code=code, channel="chat", now=ctx.now)
    except CannotBeInvited as refusal:
        return [parts.say(messages.explain(refusal), _next(ctx))]
    return Lasting([_welcome(bound.inviter, ctx)])


def _card(ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    try:
        code = service.give_code(ctx.session, member=ctx.member, now=ctx.now)
    except CannotInvite as refusal:
        return [parts.say(messages.explain(refusal), _next(ctx))]
    terms = programmes.terms_at(ctx.session, ctx.now)
    view = messages.invite_view(
        code=code,
        terms=terms.referral,
        return_window=terms.return_window_days,
        progress=queries.progress(ctx.session, ctx.member.id),
        open_page=ctx.brand.page("invite") or _share(ctx.brand, code),
    )
    return [referrals.invite_message(view, ctx.brand.theme)]


def _share(brand: Brand, code: str) -> Tap | None:
    """Without a page of ours: LINE's own way to send a text to a friend, with a link that opens
    the account's chat. https://developers.line.biz/en/docs/messaging-api/using-line-url-scheme/"""
    if not brand.basic_id:
        return None
    link = messages.chat_link(basic_id=brand.basic_id, code=code)
    words = f"邀請您加入{brand.name}會員，點連結並送出邀請碼即可：{link}"
    return Link(f"https://line.me/R/share?text={quote(words, safe='')}")


def _welcome(inviter: str, ctx: Context) -> Message:
    terms = queries.terms_in_force(ctx.session, ctx.now)
    gift = messages.reward_in_words(terms.friend)
    promised = f"加入會員並完成首次消費，即可獲得 {gift}。" if gift else "歡迎加入會員。"
    told = "加入後，邀請人會看到您遮罩後的姓名與推薦進度。"
    words = f"已為您記下 {inviter} 的邀請。{promised}{told}"
    return parts.say(words, (("加入會員", taps.join(ctx.brand)),))


def _next(ctx: Context) -> tuple[tuple[str, Tap], ...]:
    if ctx.member.is_member:
        return (("會員卡", taps.CARD), ("邀請好友", messages.INVITE))
    return (("加入會員", taps.join(ctx.brand)), ("說明", taps.HELP))

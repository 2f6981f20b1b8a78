"""A word of a campaign typed in the chat, such as SUMMER100: a coupon for it."""

from app.core import text
from app.core.clock import taipei_date
from app.coupons import messages, queries, rules, service
from app.coupons.service import WordRefused
from app.line.events import Event
from app.line.router import UNHANDLED, Lasting, Reply, Router
from flex_templates import coupons as template
from flex_templates import parts
from flex_templates.coupons import WalletView
from handlers import replies, taps
from handlers.context import Context

routes: Router[Context] = Router("words")


@routes.message("text")
def claim(event: Event, ctx: Context) -> Reply:
    """What is no word of a campaign is somebody else's to answer."""
    word = rules.word_of(event.text)
    if word is None:
        return UNHANDLED
    if not ctx.member.is_member:
        is_known = queries.kind_of_word(ctx.session, word) is not None
        return [replies.invitation(ctx)] if is_known else UNHANDLED
    joined = ctx.member.joined_at
    try:
        with ctx.session.begin_nested():  # a refusal undoes the half that was done
            issued = service.claim_word(
                ctx.session,
                word=word,
                member_id=ctx.member.id,
                joined_on=None if joined is None else taipei_date(joined),
                now=ctx.now,
            )
    except WordRefused as refused:
        return [parts.say(sentence(refused), (("優惠券", taps.COUPONS), ("說明", taps.HELP)))]
    if issued is None:
        return UNHANDLED
    held = queries.coupon_of_member(ctx.session, issued.coupon_id, member_id=ctx.member.id)
    if held is None:
        return UNHANDLED
    view = WalletView((messages.view(held, now=ctx.now),), 1, taps.CARD)
    return Lasting(
        [
            parts.say(f"代碼 {text.half_width(word)} 領取成功，已放進您的優惠券匣。", ()),
            template.wallet_message(view, ctx.brand.theme),
        ]
    )


def sentence(refused: WordRefused) -> str:
    """Why the word gives nothing, for the member."""
    match refused.reason:
        case "too_often":
            return "輸入錯誤的代碼太多次了，請明天再試。"
        case "not_new":
            return f"這個代碼限入會 {refused.days} 天內的會員使用。"
        case "per_member":
            return "您已經領過這個代碼的優惠券了，請到優惠券匣查看。"
        case "ended":
            return "這個代碼的活動已經結束。"
        case _:
            return "這個代碼的優惠券已經發完。"

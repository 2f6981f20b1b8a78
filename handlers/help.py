"""說明, 聯絡客服, 最新活動, and what to say when nothing matched."""

from app.line.events import Event
from app.line.router import Reply, Router
from app.line.taps import AskForHelp, ContactUs, ShowNews
from app.programmes import queries as programmes
from flex_templates import help as template
from flex_templates import parts
from flex_templates.help import FallbackView, HelpView, HelpWord
from flex_templates.parts import Tap
from handlers import taps
from handlers.context import Context

routes: Router[Context] = Router("help")
fallback: Router[Context] = Router("fallback")


@routes.words("說明", "幫助", "功能", "選單", "help", "?")
def show_by_word(_event: Event, ctx: Context) -> Reply:
    return [_help(ctx)]


@routes.postback(AskForHelp)
def show(_event: Event, _data: AskForHelp, ctx: Context) -> Reply:
    return [_help(ctx)]


@routes.words("聯絡客服", "客服", "真人")
def contact_by_word(_event: Event, ctx: Context) -> Reply:
    return [_contact(ctx)]


@routes.postback(ContactUs)
def contact(_event: Event, _data: ContactUs, ctx: Context) -> Reply:
    return [_contact(ctx)]


@routes.words("最新活動", "活動", "優惠")
def news_by_word(_event: Event, ctx: Context) -> Reply:
    return [_news(ctx)]


@routes.postback(ShowNews)
def news(_event: Event, _data: ShowNews, ctx: Context) -> Reply:
    return [_news(ctx)]


@fallback.message("text")
def unknown_words(_event: Event, ctx: Context) -> Reply:
    """聯絡客服 asks people to write here, so what is written may well be for the staff."""
    return [template.fallback_message(FallbackView(_suggestions(ctx), has_staff=True))]


@fallback.event("message")
def other_message(_event: Event, ctx: Context) -> Reply:
    """Stickers, pictures, films, voices: thanked, not processed."""
    return [parts.say("收到您的訊息了，謝謝您。需要什麼服務呢？", _suggestions(ctx))]


@fallback.event("postback")
def old_button(_event: Event, ctx: Context) -> Reply:
    return [parts.say("這個按鈕已失效，請從下方重新選擇。", _suggestions(ctx))]


def _suggestions(ctx: Context) -> tuple[tuple[str, Tap], ...]:
    if not ctx.member.is_member:
        return (
            ("加入會員", taps.join(ctx.brand)),
            ("門市", taps.STORES),
            ("說明", taps.HELP),
        )
    return (
        ("會員卡", taps.CARD),
        ("我的點數", taps.POINTS),
        ("優惠券", taps.COUPONS),
        ("門市", taps.STORES),
        ("說明", taps.HELP),
    )


def _help(ctx: Context) -> dict[str, object]:
    words: tuple[HelpWord, ...] = (
        HelpWord("會員卡", "出示會員碼、等級與升等進度", taps.CARD),
        HelpWord("我的點數", "點數餘額、明細與到期日", taps.POINTS),
        HelpWord("優惠券", "查看與使用優惠券", taps.COUPONS),
        HelpWord("等級權益", "各等級的門檻與好處", taps.TIERS),
        HelpWord("消費紀錄", "最近的消費與獲得點數", taps.PURCHASES),
        HelpWord("門市", "地址、電話與營業時間", taps.STORES),
    )
    if ctx.member.is_member:
        words = (*words, HelpWord("兌換商品", "用點數兌換商品，到門市領取", taps.REWARDS))
        words = (*words, HelpWord("抽獎", "進行中的抽獎與我的抽獎券", taps.DRAWS))
        words = (*words, HelpWord("邀請好友", "好友入會首購，雙方都有獎勵", taps.INVITE))
        words = (*words, HelpWord("會員中心", "個人資料、行銷訊息與刪除會員", taps.CENTRE))
    else:
        words = (HelpWord("加入會員", "一分鐘免費入會", taps.join(ctx.brand)), *words)
    return template.message(HelpView(words, contact=taps.CONTACT), ctx.brand.theme)


def _contact(ctx: Context) -> dict[str, object]:
    return parts.say(
        f"請直接在這裡留言，{ctx.brand.name}的客服人員會盡快回覆您。也可以撥打門市電話與我們聯絡。",
        (("門市電話", taps.STORES), ("說明", taps.HELP)),
    )


def _news(ctx: Context) -> dict[str, object]:
    terms = programmes.terms_at(ctx.session, ctx.now)
    running = [
        f"・{campaign.name}：點數 {campaign.percent / 100:g} 倍"
        for campaign in terms.earning.campaigns
        if campaign.starts_at <= ctx.now < campaign.ends_at
    ]
    lines = ["最新活動", *running, *(f"・{benefit}" for benefit in terms.tiers[0].benefits)]
    if not ctx.member.is_member:
        lines.append("・加入會員即享入會禮")
    return parts.say("\n".join(lines), _suggestions(ctx))

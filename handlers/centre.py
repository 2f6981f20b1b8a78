"""會員中心: what somebody decides about their own data: marketing and its topics, a copy, leaving,
coming back."""

from app.attention import queries as topics
from app.attention import service as governor
from app.cards import queries as cards
from app.core.errors import NotFound
from app.enrolments.notice import notice
from app.line.events import Event
from app.line.router import Lasting, Reply, Router
from app.line.taps import (
    AskToClose,
    CloseMembership,
    ReopenMembership,
    ResumeMarketing,
    ResumeTopic,
    ShowCentre,
    ShowTopics,
    StopMarketing,
    StopTopic,
)
from app.members import service as members
from app.rights import rules as rights_rules
from app.rights import service as rights
from flex_templates import membership, parts
from flex_templates.membership import ConfirmClosingView, ResumedView, StoppedView
from handlers import replies, taps
from handlers.context import Context

routes: Router[Context] = Router("centre")


@routes.words("停止行銷訊息", "停止行銷", "取消訂閱", "停止接收")
def stop_by_word(_event: Event, ctx: Context) -> Reply:
    return _set(ctx, is_given=False)


@routes.postback(StopMarketing)
def stop(_event: Event, _data: StopMarketing, ctx: Context) -> Reply:
    return _set(ctx, is_given=False)


@routes.words("恢復行銷訊息", "恢復行銷")
def resume_by_word(_event: Event, ctx: Context) -> Reply:
    return _set(ctx, is_given=True)


@routes.postback(ResumeMarketing)
def resume(_event: Event, _data: ResumeMarketing, ctx: Context) -> Reply:
    return _set(ctx, is_given=True)


@routes.words("訊息主題", "訊息設定", "不想收到", "想收什麼")
def topics_by_word(_event: Event, ctx: Context) -> Reply:
    return _topics(ctx)


@routes.postback(ShowTopics)
def show_topics(_event: Event, _data: ShowTopics, ctx: Context) -> Reply:
    return _topics(ctx)


def _topics(ctx: Context) -> Reply:
    """Each topic as a button that turns it off, or on again."""
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    stopped = topics.stopped_by(ctx.session, ctx.member.id)
    offered = topics.topics(ctx.session)
    lines = [
        f"{'✕ 不收' if topic.code in stopped else '✓ 會收'}　{topic.name}：{topic.about}"
        for topic in offered
    ]
    choices = [
        taps.resume_topic(topic) if topic.code in stopped else taps.stop_topic(topic)
        for topic in offered
    ]
    words = "\n".join(["您可以只關掉不想收的主題：", *lines])
    return [parts.say(words, (("停止行銷訊息", taps.STOP), *choices))]


@routes.postback(StopTopic)
def stop_topic(_event: Event, data: StopTopic, ctx: Context) -> Reply:
    return _set_topic(ctx, data.topic, is_wanted=False)


@routes.postback(ResumeTopic)
def resume_topic(_event: Event, data: ResumeTopic, ctx: Context) -> Reply:
    return _set_topic(ctx, data.topic, is_wanted=True)


def _set_topic(ctx: Context, code: str, *, is_wanted: bool) -> Reply:
    try:
        topic = topics.topic(ctx.session, code)
    except NotFound:
        return _topics(ctx)
    do = governor.resume_topic if is_wanted else governor.stop_topic
    do(ctx.session, member_id=ctx.member.id, topic=code, channel="chat", now=ctx.now)
    if is_wanted:
        words = f"好的，之後有「{topic.name}」的消息會再告訴您。"
        choice = taps.stop_topic(topic)
    else:
        words = f"好的，之後不再寄「{topic.name}」給您，其他主題照舊。消費與點數通知不受影響。"
        choice = taps.resume_topic(topic)
    return Lasting([parts.say(words, (choice, ("其他主題", taps.TOPICS)))])


@routes.words("會員中心", "個人資料", "我的資料", "更正資料", "下載我的資料", "下載資料")
def centre_by_word(_event: Event, ctx: Context) -> Reply:
    return _centre(ctx)


@routes.postback(ShowCentre)
def centre(_event: Event, _data: ShowCentre, ctx: Context) -> Reply:
    return _centre(ctx)


def _centre(ctx: Context) -> Reply:
    """The page does it all; without one, staff hand out and correct data on request."""
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    choices = (("訊息主題", taps.TOPICS), ("停止行銷訊息", taps.STOP), ("刪除會員", taps.LEAVE))
    page = ctx.brand.page("centre")
    if page is not None:
        words = "在會員中心可以查看、更正與下載您的資料，停止行銷訊息，或刪除會員。"
        return [parts.say(words, (("開啟會員中心", page), *choices))]
    words = (
        "要查看、下載或更正您的資料，請直接在這裡留言，或洽各門市。"
        "查詢與複製於 15 日內、更正於 30 日內處理，不收取費用。"
    )
    return [parts.say(words, (*choices, ("門市電話", taps.STORES)))]


@routes.words("刪除會員", "刪除帳號", "退出會員", "退會")
def leave_by_word(_event: Event, ctx: Context) -> Reply:
    return _leave(ctx)


@routes.postback(AskToClose)
def leave(_event: Event, _data: AskToClose, ctx: Context) -> Reply:
    return _leave(ctx)


def _leave(ctx: Context) -> Reply:
    """Nothing is closed yet: what will be lost is shown first."""
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    card = cards.card(ctx.session, ctx.member.id, now=ctx.now)
    view = ConfirmClosingView(
        points=card.points.balance + card.points.pending,
        coupons=card.coupons,
        tier=card.tier.name,
        confirm=taps.CLOSE,
        cancel=taps.CARD,
        undo_days=rights_rules.WIPE_AFTER.days,
    )
    return [membership.confirm_closing_message(view, ctx.brand.theme)]


@routes.postback(CloseMembership)
def close(_event: Event, _data: CloseMembership, ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    wipe_at = rights.close(ctx.session, member_id=ctx.member.id, channel="chat", now=ctx.now)
    return [replies.closing(ctx, wipe_at)]


@routes.words("取消刪除", "復原會員")
def reopen_by_word(_event: Event, ctx: Context) -> Reply:
    return _reopen(ctx)


@routes.postback(ReopenMembership)
def reopen(_event: Event, _data: ReopenMembership, ctx: Context) -> Reply:
    return _reopen(ctx)


def _reopen(ctx: Context) -> Reply:
    try:
        rights.reopen(ctx.session, member_id=ctx.member.id, now=ctx.now)
    except rights.NothingToReopen:
        if not ctx.member.is_member:
            return [replies.invitation(ctx)]
        return [parts.say("您的會員資格有效，不需要復原。", (("會員卡", taps.CARD),))]
    words = "歡迎回來，您的會員資格、點數與優惠券都已復原。行銷訊息維持停止。"
    return [parts.say(words, (("會員卡", taps.CARD), ("恢復行銷訊息", taps.RESUME)))]


def _set(ctx: Context, *, is_given: bool) -> Reply:
    members.consent(
        ctx.session,
        member_id=ctx.member.id,
        kind="marketing",
        version=notice(ctx.brand.name).version,
        is_given=is_given,
        channel="chat",
        now=ctx.now,
    )
    theme = ctx.brand.theme
    if is_given:
        return Lasting([membership.resumed_message(ResumedView(taps.STOP), theme)])
    return Lasting([membership.stopped_message(StoppedView(taps.RESUME), theme)])

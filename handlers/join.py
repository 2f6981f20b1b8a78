"""Joining step by step in the chat; where the brand has a page, its button opens that instead."""

from datetime import date

from app.core import text
from app.core.clock import taipei_date
from app.enrolments import rules
from app.enrolments.notice import MARKETING_LABEL, SHARING_LABEL, TERMS_LABEL, notice
from app.enrolments.rules import Consents
from app.enrolments.service import chat, chat_step
from app.enrolments.service.chat import Prompt
from app.line.events import Event
from app.line.router import UNHANDLED, Lasting, Message, Reply, Router
from app.line.taps import JoinStep, StartJoining
from flex_templates import joining, parts
from flex_templates.joining import (
    BirthdayView,
    CodeView,
    Consent,
    DoneView,
    GuardianView,
    NoticeView,
    PhoneView,
)
from flex_templates.parts import PickDate
from handlers import replies, taps
from handlers.context import Context

routes: Router[Context] = Router("join")
_SUGGESTED_YEAR = 1990


@routes.words("加入會員", "立即加入會員", "入會", "join")
def start(event: Event, ctx: Context) -> Reply:
    return _step(event, ctx, press=chat.START)


@routes.postback(StartJoining)
def start_by_button(event: Event, _data: StartJoining, ctx: Context) -> Reply:
    return _step(event, ctx, press=chat.START)


@routes.postback(JoinStep)
def press(event: Event, data: JoinStep, ctx: Context) -> Reply:
    return _step(event, ctx, press=data.press, picked=_picked(event))


@routes.message("text")
def answer(event: Event, ctx: Context) -> Reply:
    """What is typed belongs to a joining under way, if there is one."""
    if ctx.member.status == "member":
        return UNHANDLED
    return _step(event, ctx, say=event.text)


def _picked(event: Event) -> date | None:
    try:
        return date.fromisoformat(event.postback_params.get("date", ""))
    except ValueError:
        return None


def _step(
    _event: Event, ctx: Context, *, say: str = "", press: str = "", picked: date | None = None
) -> Reply:
    prompt = chat_step(
        ctx.session,
        member=ctx.member,
        brand=ctx.brand.name,
        key=ctx.brand.secret_key,
        now=ctx.now,
        say=say,
        press=press,
        picked=picked,
        source="chat",
    )
    return UNHANDLED if prompt is None else Lasting(_shown(prompt, ctx))


def _shown(prompt: Prompt, ctx: Context) -> list[Message]:  # one line a step
    theme = ctx.brand.theme
    match prompt.step:
        case rules.NOTICE:
            return [joining.notice_message(_notice(ctx, prompt.consents), theme)]
        case rules.PHONE:
            cancel = taps.joining(chat.CANCEL, says="取消加入")
            return [joining.phone_message(PhoneView(cancel, prompt.problem), theme)]
        case rules.CODE:
            return [joining.code_message(_code(prompt), theme)]
        case rules.BIRTHDAY:
            return [joining.birthday_message(BirthdayView(_pick(ctx), prompt.problem), theme)]
        case rules.GUARDIAN:
            cancel = taps.joining(chat.CANCEL, says="取消加入")
            return [joining.guardian_message(GuardianView(cancel, prompt.problem), theme)]
        case rules.DONE:
            return [joining.done_message(_done(prompt), theme)]
        case chat.CLOSING if prompt.wipe_at is not None:
            return [replies.closing(ctx, prompt.wipe_at)]
        case chat.MEMBER:
            return [parts.say("您已經是會員了，歡迎回來。", (("會員卡", taps.CARD),))]
        case chat.CANCELLED:
            again = (("加入會員", taps.join(ctx.brand)),)
            return [parts.say("已取消。想加入時，隨時告訴我們。", again)]
        case _:
            return [parts.say(prompt.problem or "暫時無法完成，請稍後再試。")]


def _notice(ctx: Context, consents: Consents | None) -> NoticeView:
    text_of = notice(ctx.brand.name)
    given = consents or Consents(text_of.version)
    labels = (
        ("terms", TERMS_LABEL, given.terms),
        ("marketing", MARKETING_LABEL, given.marketing),
        ("sharing", SHARING_LABEL, given.sharing),
    )
    return NoticeView(
        collector=text_of.collector,
        purpose=text_of.purpose,
        kinds=text_of.kinds,
        use=text_of.use,
        rights=text_of.rights,
        effect=text_of.effect,
        version=text_of.version,
        consents=tuple(
            Consent(label, is_given, taps.joining(kind), is_required=kind == rules.REQUIRED_CONSENT)
            for kind, label, is_given in labels
        ),
        proceed=taps.joining(chat.PROCEED, says="同意並繼續"),
        cancel=taps.joining(chat.CANCEL, says="暫不加入"),
        terms=ctx.brand.page("terms"),
    )


def _code(prompt: Prompt) -> CodeView:
    return CodeView(
        phone=text.mask_phone(prompt.phone or ""),
        resend=taps.joining(chat.RESEND, says="重新傳送驗證碼"),
        change_phone=taps.joining(chat.CHANGE_PHONE, says="更改手機號碼"),
        problem=prompt.problem,
    )


def _pick(ctx: Context) -> PickDate:
    today = taipei_date(ctx.now)
    first = date(today.year - rules.OLDEST, 1, 1)
    return PickDate(
        JoinStep(chat.PICK).pack(), first=first, last=today, initial=date(_SUGGESTED_YEAR, 1, 1)
    )


def _done(prompt: Prompt) -> DoneView:
    assert prompt.joined is not None  # the step says so
    joined = prompt.joined
    return DoneView(
        name=joined.name,
        number=joined.number,
        tier=joined.tier,
        card=taps.CARD,
        coupons=taps.COUPONS,
        points=joined.points,
        gifts=joined.gifts,
        was_linked=joined.how != "new",
    )

"""登錄發票: a photo of the slip, or the barcode typed, and how it works."""

import re

from app.invoices import messages, service
from app.invoices.rules import slips
from app.invoices.rules.campaigns import InvoiceRefused
from app.invoices.rules.slips import NotAnInvoice
from app.line.events import Event
from app.line.router import UNHANDLED, Lasting, Reply, Router
from app.programmes import queries as programmes
from flex_templates import parts
from handlers import replies, taps
from handlers.context import Context

routes: Router[Context] = Router("invoices")
_BARCODE = re.compile(r"\s*\*?[0-9]{5}[A-Za-z]{2}[0-9]{12}\*?\s*")


@routes.words("登錄發票", "發票", "發票登錄", "上傳發票", "invoice")
def show_by_word(_event: Event, ctx: Context) -> Reply:
    if not ctx.member.is_member:
        return [replies.invitation(ctx)]
    terms = programmes.terms_at(ctx.session, ctx.now).invoices
    if not terms.is_on:
        return [parts.say("目前沒有開放登錄發票。", _next())]
    lines = [
        "登錄發票",
        "・把電子發票證明聯上的兩個 QR Code 拍清楚，直接傳到這裡",
        f"・發票日起 {terms.within_days} 天內，每張限登錄一次，每天最多 {terms.cap_per_day} 張",
        f"・門市確認後點數即生效，最晚 {terms.hold_days} 天後可以使用",
        "・結帳時已出示會員卡的消費不必登錄",
    ]
    return [parts.say("\n".join(lines), _next(ctx))]


@routes.message("image")
def photo(event: Event, ctx: Context) -> Reply:
    """Only members' photos are looked at, and only where invoices can be registered."""
    if not ctx.member.is_member or not event.message_id:
        return UNHANDLED
    if not programmes.terms_at(ctx.session, ctx.now).invoices.is_on:
        return UNHANDLED
    service.keep_photo(
        ctx.session,
        member_id=ctx.member.id,
        message_id=event.message_id,
        reply_token=event.reply_token,
        received_at=event.received_at,
        now=ctx.now,
    )
    return []  # the answer comes when it is read, on this reply token


@routes.message("text")
def barcode(event: Event, ctx: Context) -> Reply:
    """The nineteen characters under the barcode, typed or scanned."""
    if not ctx.member.is_member or not _BARCODE.fullmatch(event.text):
        return UNHANDLED
    try:
        slip = slips.read_barcode(event.text)
        with ctx.session.begin_nested():
            service.claim(
                ctx.session,
                member_id=ctx.member.id,
                slip=slip,
                source="chat",
                theme=ctx.brand.theme,
                now=ctx.now,
            )
    except (InvoiceRefused, NotAnInvoice) as refused:
        return [parts.say(messages.explain(refused), _next())]
    return Lasting([parts.say("發票登錄成功。", _next(ctx))])


def _next(ctx: Context | None = None) -> tuple[tuple[str, parts.Tap], ...]:
    page = None if ctx is None else ctx.brand.page("invoices")
    mine = () if page is None else (("我的發票", page),)
    return (*mine, ("我的點數", taps.POINTS), ("會員卡", taps.CARD))

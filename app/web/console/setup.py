"""/console/setup: from an empty brand to the first member, each step told from the facts."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final, Protocol, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.core.config import Settings
from app.core.errors import Conflict
from app.coupons import queries as coupons
from app.insights.queries import beginnings
from app.insights.queries.beginnings import Beginnings
from app.line import account
from app.line.account import Health
from app.programmes import queries as programmes
from app.programmes.service import ProgrammeMoved
from app.rulebooks import queries as books
from app.rulebooks import service as rulebooks
from app.rulebooks.rules import Book
from app.rulebooks.starters import STARTERS
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.tiers.rules import words as tier_words
from app.web import pages, qr, security
from app.web.security import StaffRoute, require
from app.web.webhook import PATH as WEBHOOK

router = APIRouter(prefix="/console/setup", route_class=StaffRoute)
Owner = Annotated[Visitor, Depends(require(Permission.MANAGE_STORES))]
Reader = Annotated[Visitor, Depends(require(Permission.READ_NUMBERS))]


class Coded(Protocol):
    @property
    def code(self) -> str: ...


Draft = TypeVar("Draft", bound=Coded)

NOTICES: Final = {
    "begun": (True, "會員制度已經開始，入會禮、生日禮與升等禮的優惠券也準備好了。"),
    "known": (False, "已經有會員制度了，要改請到會員制度的頁面。"),
}
# What to do about a fault of the connection, in one sentence.
FAULTS: Final = {
    "token": "LINE 不接受這個權杖：到 LINE Developers 的 Messaging API 頁面重新發行，"
    "填到 LINE_CHANNEL_ACCESS_TOKEN 後重新啟動。",
    "unreachable": "連不上 LINE：請檢查這台機器的網路。",
    "no_webhook": "LINE 還沒有 Webhook 網址：把下面的網址貼到 LINE Developers 的 Webhook URL。",
    "inactive": "Webhook 網址是對的，但沒有打開：到 LINE Developers 打開 Use webhook。",
    "other_webhook": "LINE 把訊息送到別的網址：把 Webhook URL 改成下面的網址。",
    "webhook": "LINE 送不到這裡：請檢查網址能從外面連進來，且 LINE_CHANNEL_SECRET 是同一個帳號的。",
}


@dataclass(frozen=True, slots=True)
class Step:
    """What to do in one sentence, where, and whether the facts say it is done."""

    code: str
    name: str
    todo: str
    url: str
    link: str
    is_done: bool


def steps(begun: Beginnings, settings: Settings) -> tuple[Step, ...]:
    """In the order in which a new brand takes them."""
    has_liff = bool(settings.liff_id and settings.line_login_channel_id)
    return (
        Step(
            "line",
            "連上 LINE",
            "按檢查，照說明改好設定，再用自己的手機把官方帳號加為好友。",
            "/console/setup#line",
            "檢查連線",
            begun.heard and begun.sent,
        ),
        Step(
            "liff",
            "會員頁面（LIFF）",
            "在 LINE Developers 建立 LIFF，把 LIFF_ID 與 LINE_LOGIN_CHANNEL_ID 填進設定。",
            "/console/setup#liff",
            "看要填的網址",
            has_liff,
        ),
        Step(
            "tiers",
            "等級與點數",
            "選一個最像您的店的範本，之後都能修改。",
            "/console/programme" if begun.programme else "/console/setup/tiers",
            "看會員制度" if begun.programme else "選範本",
            begun.programme,
        ),
        Step(
            "coupon",
            "第一張優惠券",
            "做一張券，當作入會禮或生日禮。",
            "/console/coupons" if begun.coupon else "/console/coupons/new",
            "看優惠券" if begun.coupon else "做一張券",
            begun.coupon,
        ),
        Step(
            "store",
            "第一家門市",
            "填門市的名稱與地址，會員與收銀都看得到。",
            "/console/stores",
            "門市",
            begun.store,
        ),
        Step(
            "clerk",
            "第一位店員",
            "邀請店員，用手機就能掃會員卡、登錄消費。",
            "/console/staff",
            "人員",
            begun.clerk,
        ),
        Step(
            "menu",
            "圖文選單",
            "發布聊天室下方的選單，會員一按就看到會員卡。",
            "/console/menus",
            "圖文選單",
            begun.menu,
        ),
        Step(
            "member",
            "第一位會員",
            "印出入會海報放在櫃台，請第一位客人掃描加入。",
            "/console/setup/poster",
            "入會海報",
            begun.member,
        ),
    )


def progress(session: Session, settings: Settings, *, now: datetime) -> tuple[Step, ...]:
    return steps(beginnings.beginnings(session, now=now), settings)


@router.get("")
def guide(
    request: Request, _: Owner, notice: Annotated[str, Query(max_length=10)] = ""
) -> Response:
    return _page(request, NOTICES.get(notice), None)


@router.post("/check")
def check(request: Request, _: Owner) -> Response:
    """Asks LINE while the visitor waits; no transaction is open meanwhile, nothing is kept."""
    settings = request.app.state.settings
    health = asyncio.run(
        account.check(
            base=settings.line_api_base,
            token=settings.line_channel_access_token.get_secret_value(),
            wanted=webhook_url(settings),
        )
    )
    return _page(request, None, health)


def webhook_url(settings: Settings) -> str:
    return settings.public_base_url.rstrip("/") + WEBHOOK


def _page(request: Request, notice: tuple[bool, str] | None, health: Health | None) -> Response:
    settings = request.app.state.settings
    with request.app.state.db.reading() as session:
        found = progress(session, settings, now=request.app.state.clock())
    return pages.render(
        request,
        "console/setup.html",
        steps=found,
        done=sum(step.is_done for step in found),
        notice=notice,
        health=health,
        fault=FAULTS.get(health.fault, "") if health else "",
        webhook=webhook_url(settings),
        liff=settings.public_base_url.rstrip("/") + "/liff",
        has_https=settings.public_base_url.startswith("https://"),
        has_basic_id=bool(settings.line_basic_id),
    )


@router.get("/tiers")
def tiers(request: Request, _: Owner) -> Response:
    """What the templates hold; they can be chosen while there is no programme."""
    with request.app.state.db.reading() as session:
        is_open = not programmes.newest(session)
    return pages.render(
        request,
        "console/setup_tiers.html",
        starters=STARTERS,
        goals=tier_words.goals,
        is_open=is_open,
    )


@router.post("/tiers/{code}")
def begin(request: Request, visitor: Owner, code: str) -> Response:
    """The first version of the programme. Of two who begin at once the second is told so."""
    starter = STARTERS.get(code)
    if starter is None:
        return RedirectResponse("/console/setup/tiers", 303)
    now = request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            if programmes.newest(session):
                return RedirectResponse("/console/setup?notice=known", 303)
            done = rulebooks.apply(
                session,
                _with_own(starter.book, books.with_lists(session, starter.book.terms)),
                starts_at=now,
                actor=f"staff:{visitor.staff_id}",
                now=now,
                note=f"範本：{starter.name}",
            )
            security.audit(
                request,
                session,
                visitor,
                "programme.begun",
                f"programme:{done.version}",
                after={"template": code},
            )
    except (Conflict, ProgrammeMoved):
        return RedirectResponse("/console/setup?notice=known", 303)
    return RedirectResponse("/console/setup?notice=begun", 303)


def _with_own(chosen: Book, own: Book) -> Book:
    """The template beside what the brand made before it chose one: that is neither stopped nor
    changed. Both have the template's terms."""
    return replace(
        own,
        coupons=_joined(own.coupons, chosen.coupons),
        rewards=_joined(own.rewards, chosen.rewards),
        missions=_joined(own.missions, chosen.missions),
        stamps=_joined(own.stamps, chosen.stamps),
    )


def _joined(own: tuple[Draft, ...], chosen: tuple[Draft, ...]) -> tuple[Draft, ...]:
    known = {draft.code for draft in own}
    return (*own, *(draft for draft in chosen if draft.code not in known))


@router.get("/poster")
def poster(request: Request, _: Reader) -> Response:
    """One sheet of A4 with the code that opens the account in LINE."""
    basic_id = request.app.state.settings.line_basic_id
    url = f"https://line.me/R/ti/p/{basic_id}" if basic_id else ""
    with request.app.state.db.reading() as session:
        gift = _welcome(session, request.app.state.clock())
    return pages.render(
        request,
        "console/poster.html",
        basic_id=basic_id,
        picture=qr.picture(url) if url else "",
        gift=gift,
    )


def _welcome(session: Session, now: datetime) -> str:
    """The name of what joining gives; empty for nothing."""
    try:
        code = programmes.terms_at(session, now).gifts.welcome
    except programmes.NoProgramme:
        return ""
    found = None if code is None else coupons.newest_offer(session, code)
    return "" if found is None or not found.is_active else found.draft.name

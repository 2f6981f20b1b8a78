"""/console/requests: what people asked about their own data, and by when it is to be decided."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, RedirectResponse

from app.core import ids, text
from app.core.clock import taipei_date
from app.core.errors import Invalid, NotFound
from app.enrolments.notice import notice as notice_of
from app.members import queries as members
from app.rights import queries, rules
from app.rights import service as rights
from app.rights.queries import ClosingShown, RequestShown
from app.rights.service import NoMember, NotOpen
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import looks
from app.web.console.privacy import mask_for
from app.web.params import PathId, QueryId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/requests", route_class=StaffRoute)
Handler = Annotated[Visitor, Depends(require(Permission.HANDLE_RIGHTS))]
Short = Annotated[str, Form(max_length=60)]
Note = Annotated[str, Form(max_length=1_000)]
PAGE: Final = 50

KINDS: Final = {
    rules.ACCESS: "查詢或閱覽",
    rules.COPY: "複製一份",
    rules.CORRECT: "補充或更正",
    rules.STOP: "停止蒐集、處理或利用",
    rules.DELETE: "刪除",
}
CHANNELS: Final = {
    "store": "門市",
    "phone": "電話",
    "letter": "書信",
    "line": "LINE 對話",
    "email": "電子郵件",
}
# What 「已照辦」 does by itself, said before it is pressed, and what it does not.
DOING: Final = {
    rules.ACCESS: "請先下載資料，並且已經給對方看過。",
    rules.COPY: "請先下載資料，並且已經交給對方。",
    rules.CORRECT: "按下不會更改資料。請先把資料改好（會員可在 LINE 會員中心自己改），再結案。",
    rules.STOP: "按下馬上停止行銷訊息，已排定的也取消；點數、交易通知與會員資格不變。",
    rules.DELETE: "按下馬上關閉會員資格，7 天後自動清除資料；這 7 天內會員可以在 LINE 取消。",
}
STATUSES: Final = {
    rules.OPEN: "處理中",
    rules.DONE: "已照辦",
    rules.REFUSED: "不同意",
    rules.WITHDRAWN: "會員撤回",
}
NOTICES: Final = {
    "opened": (True, "已登記，期限從收到的隔天起算。"),
    "prolonged": (True, "已延長一次。請記得以書面把原因告訴對方。"),
    "decided": (True, "已結案。"),
    "guest": (False, "這位不是會員，沒有會員資格可以關閉，請求沒有結案。"),
    "late": (False, "這一筆已經結案或延長過，沒有改變任何東西。"),
    "note": (False, "請寫下原因（300 字以內），再送出一次。"),
}


@dataclass(frozen=True, slots=True)
class Line:
    request: RequestShown
    name: str
    days_left: int


@dataclass(frozen=True, slots=True)
class Fields:
    member: str = ""
    kind: str = ""
    channel: str = ""
    asked_on: str = ""
    note: str = ""


@router.get("")
def listed(
    request: Request,
    visitor: Handler,
    member: Annotated[str, Query(max_length=30)] = "",
    before: QueryId = None,
    notice: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    fields = Fields(member=member)
    return _page(request, visitor, fields=fields, before=before, notice=NOTICES.get(notice))


def _page(
    request: Request,
    visitor: Visitor,
    status: int = 200,
    *,
    fields: Fields,
    before: int | None = None,
    fault: Invalid | None = None,
    notice: tuple[bool, str] | None = None,
) -> Response:
    today = taipei_date(request.app.state.clock())
    with request.app.state.db.reading() as session:
        waiting = queries.open_requests(session)
        decided = queries.decided_requests(session, before_id=before, limit=PAGE + 1)
        closings: list[ClosingShown] = queries.closings(session)
    mask = mask_for(visitor)

    def lines(found: list[RequestShown]) -> list[Line]:
        return [Line(one, mask.name(one.name), one.days_left(today)) for one in found]

    shown = lines(decided[:PAGE])
    looks.note(request, visitor, "list", source="requests", people=len(waiting) + len(shown))
    older = decided[PAGE - 1].id if len(decided) > PAGE else None
    return pages.render(
        request,
        "console/requests.html",
        status,
        waiting=lines(waiting),
        decided=shown,
        closings=closings,
        older=older,
        is_first=before is None,
        kinds=KINDS,
        channels=CHANNELS,
        statuses=STATUSES,
        doing=DOING,
        by_file=rules.BY_FILE,
        days=rules.DAYS,
        fields=fields,
        today=f"{today:%Y-%m-%d}",
        form_id=ids.random_code(),
        faults={} if fault is None else {fault.field: fault.reason},
        notice=notice,
    )


@router.post("")
def ask(
    request: Request,
    visitor: Handler,
    form_id: Annotated[str, Form(min_length=1, max_length=40)],
    member: Short = "",
    kind: Short = "",
    channel: Short = "",
    asked_on: Short = "",
    note: Note = "",
) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            member_id = _member_id(session, member)
            is_new = rights.ask(
                session,
                member_id=member_id,
                kind=kind,
                channel=channel,
                asked_on=_day(asked_on),
                note=note,
                form_id=form_id,
                staff_id=visitor.staff_id,
                now=request.app.state.clock(),
            )
            if is_new:
                after = {"kind": kind, "channel": channel, "asked_on": asked_on}
                target = f"member:{member_id}"
                security.audit(request, session, visitor, "request.opened", target, after=after)
    except Invalid as wrong:
        fields = Fields(member, kind, channel, asked_on, note)
        return _page(request, visitor, 422, fields=fields, fault=wrong)
    return _back("opened")


def _member_id(session: Session, typed: str) -> int:
    """By phone, member number or `#78`; a merged membership leads to the member it became."""
    typed = typed.strip()
    if typed.startswith("#"):
        wanted = ids.id_typed(typed[1:])
        if wanted is not None and members.names(session, [wanted]):
            return members.living_id(session, wanted)
    found = members.person_as_typed(session, typed)
    if found is None:
        raise Invalid("member", "找不到這位會員；請輸入完整的手機、會員編號，或 #78 這樣的編號")
    return found.id


def _day(typed: str) -> date:
    try:
        return text.parse_date(typed, field="asked_on")
    except Invalid as wrong:
        raise Invalid("asked_on", "請填寫收到的日期") from wrong


@router.post("/{request_id}/prolong")
def prolong(request: Request, visitor: Handler, request_id: PathId, note: Note = "") -> Response:
    try:
        with request.app.state.db.transaction() as session:
            rights.prolong(session, request_id=request_id, note=note, staff_id=visitor.staff_id)
            target = f"request:{request_id}"
            security.audit(request, session, visitor, "request.prolonged", target)
    except Invalid:
        return _back("note")
    except NotOpen:
        return _back("late")
    return _back("prolonged")


@router.post("/{request_id}/decide")
def decide(
    request: Request, visitor: Handler, request_id: PathId, status: Short = "", note: Note = ""
) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            rights.decide(
                session,
                request_id=request_id,
                status=status,
                note=note,
                notice_version=notice_of(request.app.state.settings.brand_name).version,
                staff_id=visitor.staff_id,
                now=request.app.state.clock(),
            )
            target, after = f"request:{request_id}", {"status": status}
            security.audit(request, session, visitor, "request.decided", target, after=after)
    except Invalid:
        return _back("note")
    except NotOpen:
        return _back("late")
    except NoMember:
        return _back("guest")
    return _back("decided")


@router.get("/{request_id}/data")
def data(request: Request, visitor: Handler, request_id: PathId) -> Response:
    """Everything that is held about the person, as the file that carries the request out."""
    now, db = request.app.state.clock(), request.app.state.db
    with db.reading() as session:
        found = queries.open_request(session, request_id)
        if found is None or found.kind not in rules.BY_FILE:
            raise NotFound("request", request_id)
        member_id = members.living_id(session, found.member_id)
        content = {"at": now.isoformat(), "held": queries.held(session, member_id)}
    looks.note(request, visitor, "file", member_id=member_id, source=f"request:{request_id}")
    with db.transaction() as session:
        target = f"request:{request_id}"
        security.audit(request, session, visitor, "request.fetched", target)
    name = f"member-{member_id}-{taipei_date(now).isoformat()}.json"
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "no-store",
    }
    return JSONResponse(content, headers=headers)


def _back(notice: str) -> Response:
    return RedirectResponse(f"/console/requests?notice={notice}", 303)

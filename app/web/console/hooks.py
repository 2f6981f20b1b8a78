"""/console/hooks: the addresses that are told of what happens, and every delivery to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from starlette.responses import RedirectResponse

from app.core import ids
from app.core.errors import Invalid, NotFound
from app.hooks import queries, rules
from app.hooks import service as hooks
from app.hooks.queries import DeliveryShown, HookShown
from app.hooks.rules import HookDraft
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import looks
from app.web.params import PathId, QueryId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/hooks", route_class=StaffRoute)
Keeper = Annotated[Visitor, Depends(require(Permission.MANAGE_HOOKS))]
Short = Annotated[str, Form(max_length=100)]
Long = Annotated[str, Form(max_length=2_000)]
Kinds = Annotated[list[str], Form(max_length=50)]
FormId = Annotated[str, Form(min_length=1, max_length=40)]
PAGE: Final = 25

STATUSES: Final = {
    "": "全部",
    rules.WAITING: "等待送出",
    rules.FAILED: "送不出去",
    rules.DELIVERED: "已送達",
    rules.CANCELLED: "不送了",
}
TROUBLES: Final = {
    rules.REFUSED: "對方拒絕連線",
    rules.TIMED_OUT: "10 秒內沒有回應",
    rules.UNREACHABLE: "連不上",
    rules.UNSAFE: "網址指向內部網路，沒有送出",
}
PAUSES: Final = {
    rules.BY_HAND: "已暫停，發生的事會留 30 天，期限內恢復就會補送。",
    rules.FAILING: "連續三天送不出去，已自動暫停。修好之後按「恢復」，30 天內留著的會補送。",
    rules.SEALED: (
        "簽章金鑰打不開（SECRET_KEY 換過），已自動暫停。"
        "請按「換金鑰」，把新的交給接收端，再按「恢復」。"
    ),
    rules.GONE: "對方回答 410（這個網址不再使用），已自動暫停。",
}
NOTICES: Final = {
    "saved": (True, "已儲存，之後發生的事照新的設定送。"),
    "paused": (True, "已暫停。"),
    "resumed": (True, "已恢復，留著的現在開始補送。"),
    "removed": (True, "已刪除，還沒送出的不會再送。"),
    "tested": (True, "測試已排入，幾秒後在下面看得到結果。"),
    "again": (True, "已重新排入，幾秒內會再送一次。"),
    "late": (False, "目前的狀態不需要這樣做，沒有改變任何東西。"),
}


@dataclass(frozen=True, slots=True)
class Fields:
    """What was typed, or what is kept."""

    name: str = ""
    url: str = ""
    kinds: tuple[str, ...] = ("member.joined", "purchase.recorded", "purchase.refunded")
    with_person: bool = False


@router.get("")
def listed(
    request: Request, _: Keeper, notice: Annotated[str, Query(max_length=10)] = ""
) -> Response:
    return _list(request, notice=NOTICES.get(notice))


def _list(
    request: Request,
    status: int = 200,
    *,
    fields: Fields | None = None,
    fault: Invalid | None = None,
    notice: tuple[bool, str] | None = None,
) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.hooks(session)
    return pages.render(
        request,
        "console/hooks.html",
        status,
        hooks=found,
        fields=fields or Fields(),
        form_id=ids.random_code(),
        kinds=rules.KINDS,
        faults=_faults(fault),
        notice=notice,
    )


@router.post("")
def make(
    request: Request,
    visitor: Keeper,
    form_id: FormId,
    name: Short = "",
    url: Long = "",
    kinds: Kinds = [],  # noqa: B006  # FastAPI copies it
    with_person: Short = "",
) -> Response:
    """The secret is on this one answer and nowhere else."""
    fields = Fields(name, url, tuple(kinds), bool(with_person))
    try:
        with request.app.state.db.transaction() as session:
            made = hooks.create(
                session,
                draft=_draft(fields),
                form_id=form_id,
                key=_key(request),
                allows_private=request.app.state.settings.regulars_hooks_private,
                now=request.app.state.clock(),
            )
            if made.is_new:
                target, after = f"hook:{made.hook_id}", _audited(fields)
                security.audit(request, session, visitor, "hook.made", target, after=after)
    except Invalid as wrong:
        return _list(request, 422, fields=fields, fault=wrong)
    return _one(request, visitor, made.hook_id, secret=made.secret)


@router.get("/{hook_id}")
def one(
    request: Request,
    visitor: Keeper,
    hook_id: PathId,
    status: Annotated[str, Query(max_length=10)] = "",
    before: QueryId = None,
    notice: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    return _one(request, visitor, hook_id, status=status, before=before, notice=NOTICES.get(notice))


@dataclass(frozen=True, slots=True)
class HookView:
    hook: HookShown
    fields: Fields
    lines: tuple[DeliveryShown, ...]
    status: str
    is_first: bool
    next_url: str | None
    has_old_secret: bool


def _one(
    request: Request,
    visitor: Visitor,
    hook_id: int,
    code: int = 200,
    *,
    status: str = "",
    before: int | None = None,
    secret: str = "",
    fields: Fields | None = None,
    fault: Invalid | None = None,
    notice: tuple[bool, str] | None = None,
) -> Response:
    status = status if status in STATUSES else ""
    with request.app.state.db.reading() as session:
        found = queries.hook(session, hook_id)
        if found is None:
            raise NotFound("hook", hook_id)
        lines = queries.deliveries(
            session, hook_id, status=status or None, before_id=before, limit=PAGE + 1
        )
    shown = tuple(lines[:PAGE])
    if any('"name":' in line.body.partition('"data"')[0] for line in shown):
        looks.note(request, visitor, "list", source=f"hook:{hook_id}", people=len(shown))
    older = shown[-1].id if len(lines) > PAGE else None
    here = f"/console/hooks/{hook_id}"
    now = request.app.state.clock()
    view = HookView(
        hook=found,
        fields=fields or Fields(found.name, found.url, found.kinds, found.with_person),
        lines=shown,
        status=status,
        is_first=before is None,
        next_url=None if older is None else pages.with_query(here, status=status, before=older),
        has_old_secret=found.old_until is not None and now < found.old_until,
    )
    return pages.render(
        request,
        "console/hook.html",
        code,
        view=view,
        secret=secret,
        form_id=ids.random_code(),
        kinds=rules.KINDS,
        statuses=STATUSES,
        troubles=TROUBLES,
        pauses=PAUSES,
        faults=_faults(fault),
        notice=notice,
    )


@router.post("/{hook_id}")
def change(
    request: Request,
    visitor: Keeper,
    hook_id: PathId,
    name: Short = "",
    url: Long = "",
    kinds: Kinds = [],  # noqa: B006  # FastAPI copies it
    with_person: Short = "",
) -> Response:
    fields = Fields(name, url, tuple(kinds), bool(with_person))
    try:
        with request.app.state.db.transaction() as session:
            before = queries.hook(session, hook_id)
            hooks.change(
                session,
                hook_id=hook_id,
                draft=_draft(fields),
                allows_private=request.app.state.settings.regulars_hooks_private,
            )
            security.audit(
                request,
                session,
                visitor,
                "hook.changed",
                f"hook:{hook_id}",
                before=None if before is None else _audited(before),
                after=_audited(fields),
            )
    except Invalid as wrong:
        return _one(request, visitor, hook_id, 422, fields=fields, fault=wrong)
    return _back(hook_id, "saved")


@router.post("/{hook_id}/pause")
def pause(request: Request, visitor: Keeper, hook_id: PathId) -> Response:
    with request.app.state.db.transaction() as session:
        is_done = hooks.pause(session, hook_id=hook_id)
        if is_done:
            security.audit(request, session, visitor, "hook.paused", f"hook:{hook_id}")
    return _back(hook_id, "paused" if is_done else "late")


@router.post("/{hook_id}/resume")
def resume(request: Request, visitor: Keeper, hook_id: PathId) -> Response:
    with request.app.state.db.transaction() as session:
        is_done = hooks.resume(session, hook_id=hook_id, now=request.app.state.clock())
        if is_done:
            security.audit(request, session, visitor, "hook.resumed", f"hook:{hook_id}")
    return _back(hook_id, "resumed" if is_done else "late")


@router.post("/{hook_id}/remove")
def remove(request: Request, visitor: Keeper, hook_id: PathId) -> Response:
    with request.app.state.db.transaction() as session:
        hooks.remove(session, hook_id=hook_id)
        security.audit(request, session, visitor, "hook.removed", f"hook:{hook_id}")
    return RedirectResponse("/console/hooks?notice=removed", 303)


@router.post("/{hook_id}/secret")
def rotate(request: Request, visitor: Keeper, hook_id: PathId, form_id: FormId) -> Response:
    """The new secret is on this one answer and nowhere else."""
    with request.app.state.db.transaction() as session:
        made = hooks.rotate(
            session,
            hook_id=hook_id,
            form_id=form_id,
            key=_key(request),
            now=request.app.state.clock(),
        )
        if made.is_new:
            security.audit(request, session, visitor, "hook.secret_changed", f"hook:{hook_id}")
    return _one(request, visitor, hook_id, secret=made.secret)


@router.post("/{hook_id}/test")
def test(
    request: Request,
    _: Keeper,
    hook_id: PathId,
    form_id: FormId,
) -> Response:
    with request.app.state.db.transaction() as session:
        hooks.test(session, hook_id=hook_id, form_id=form_id, now=request.app.state.clock())
    return _back(hook_id, "tested")


@router.post("/{hook_id}/again")
def all_again(request: Request, visitor: Keeper, hook_id: PathId) -> Response:
    return _again(request, visitor, hook_id, None)


@router.post("/{hook_id}/deliveries/{delivery_id}/again")
def again(request: Request, visitor: Keeper, hook_id: PathId, delivery_id: PathId) -> Response:
    return _again(request, visitor, hook_id, delivery_id)


def _again(request: Request, visitor: Visitor, hook_id: int, delivery_id: int | None) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.transaction() as session:
        found = hooks.again(session, hook_id=hook_id, delivery_id=delivery_id, now=now)
        if found:
            after = {"deliveries": found, "delivery": delivery_id}
            target = f"hook:{hook_id}"
            security.audit(request, session, visitor, "hook.sent_again", target, after=after)
    return _back(hook_id, "again" if found else "late")


def _back(hook_id: int, notice: str) -> Response:
    return RedirectResponse(f"/console/hooks/{hook_id}?notice={notice}", 303)


def _draft(fields: Fields) -> HookDraft:
    return HookDraft(fields.name, fields.url, fields.kinds, fields.with_person)


def _key(request: Request) -> str:
    return str(request.app.state.settings.secret_key.get_secret_value())


def _audited(kept: Fields | HookShown) -> dict[str, object]:
    return {
        "name": kept.name,
        "url": kept.url,
        "kinds": list(kept.kinds),
        "with_person": kept.with_person,
    }


def _faults(wrong: Invalid | None) -> Mapping[str, str]:
    return {} if wrong is None else {wrong.field: wrong.reason}

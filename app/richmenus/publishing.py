"""What stands in the database put on LINE, a call at a time; never inside a transaction."""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, TypedDict

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from app.core.config import Settings
from app.core.db import Database
from app.line.gateway import Failure, SendError
from app.line.richmenus import SdkRichMenus
from app.richmenus import pictures, queries, service
from app.richmenus.models import LIVE, MAKING
from app.richmenus.queries import Audience
from app.richmenus.rules import document
from app.richmenus.rules.audiences import GUEST
from app.richmenus.rules.design import Json
from app.richmenus.rules.document import OURS
from app.richmenus.service import LeaseLost, Work
from flex_templates.theme import Theme

log = structlog.get_logger(__name__)
USERS_AT_ONCE: Final = (
    500  # https://developers.line.biz/en/reference/messaging-api/#link-rich-menu-to-users
)
WISHES_AT_ONCE: Final = 2_000  # rows a transaction
_BAD_REQUEST: Final = 400
_LOOKS, _PAUSE_SECONDS = 300, 0.2

Stopping = Callable[[], bool]


class ListedMenu(TypedDict):
    richMenuId: str
    name: str


class RichMenuGateway(Protocol):
    """The calls to LINE that menus need; every one raises SendError on refusal."""

    def create(self, document: Json) -> str:
        """Return the id of the new menu."""

    def upload(self, rich_menu_id: str, picture: bytes, kind: str) -> None:
        """Give the menu its PNG or JPEG; possible once."""

    def has_picture(self, rich_menu_id: str) -> bool: ...

    def set_alias(self, alias: str, rich_menu_id: str) -> None:
        """Create the alias or point it to another menu."""

    def delete_alias(self, alias: str) -> None:
        """Fine when there is none."""

    def set_default(self, rich_menu_id: str) -> None:
        """Show this menu to everybody without one of their own."""

    def list(self) -> Sequence[ListedMenu]:
        """Return the menus made through the API."""

    def move(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Give everybody linked to the first of a pair the second (LINE's batch; takes a while)."""

    def link(self, rich_menu_id: str, user_ids: Sequence[str]) -> None:
        """Up to 500 people."""

    def unlink(self, user_ids: Sequence[str]) -> None:
        """Up to 500 people: the default is theirs again."""

    def delete(self, rich_menu_id: str) -> None:
        """Fine when it is gone."""


@dataclass(frozen=True, slots=True)
class Look:
    """What drawing and the cells need of the brand."""

    theme: Theme
    liff_id: str


def line_menus(config: Settings) -> SdkRichMenus:
    return SdkRichMenus(
        base=config.line_api_base.rstrip("/"),
        data_base=config.line_data_base,
        token=config.line_channel_access_token.get_secret_value(),
    )


# Versions -----------------------------------------------------------------------------------------


def advance(
    db: Database, line: RichMenuGateway, look: Look, *, is_stopping: Stopping, now: datetime
) -> int:
    """Go on with every version that is due; return how many steps were tried."""
    tried = 0
    while not is_stopping():
        with db.transaction() as session:
            work = service.claim(session, now=now)
        if work is None:
            break
        _try(db, line, look, work, now)
        tried += 1
    return tried


def _try(
    db: Database, line: RichMenuGateway, look: Look, work: Work, now: datetime
) -> SendError | None:
    try:
        step(db, line, look, work, now=now)
    except LeaseLost:
        return None  # somebody stopped it, or was faster
    except SendError as error:
        log.warning("richmenu.not_published", version_id=work.id, failure=error.failure.value)
        with db.transaction() as session:
            service.put_off(
                session, work, reason=error.reason, is_final=error.is_permanent, now=now
            )
        return error
    return None


def step(db: Database, line: RichMenuGateway, look: Look, work: Work, *, now: datetime) -> None:
    """The next call or two to LINE, and what came of it written down. Raises SendError, LeaseLost.

    Everything new stands complete before anybody is led to it; the version before stays until its
    people have been moved."""
    if work.status == MAKING:
        for number in range(1, len(work.design.pages) + 1):
            page = work.pages.get(number)
            if page is None:
                return _create(db, line, look, work, number, now)
            if not page.has_picture:
                return _upload(db, line, look, work, number, now)
        with db.transaction() as session:
            return service.go_live(session, work, now=now)
    if not work.is_placed:
        return _place(db, line, work, now)
    return _move(db, line, work)


def _create(
    db: Database, line: RichMenuGateway, look: Look, work: Work, number: int, now: datetime
) -> None:
    """LINE has no retry key for this: what a lost answer left behind is found by its name."""
    name, listed = work.name(number), line.list()
    with db.transaction() as session:
        known = queries.known_ids(session, work.menu_id)
        own = {work.name(each) for each in range(1, len(work.design.pages) + 1)}
        strange = [
            item["richMenuId"]
            for item in listed
            if _is_of(work.code, item["name"])
            and item["name"] not in own
            and item["richMenuId"] not in known
        ]
        service.adopt(session, menu_id=work.menu_id, line_ids=strange, now=now)
    found = [item["richMenuId"] for item in listed if item["name"] == name]
    line_id = found[0] if found else line.create(_document(work, look, number))
    with db.transaction() as session:
        service.created(session, work, number=number, line_id=line_id, now=now)


def _is_of(code: str, name: str) -> bool:
    return re.fullmatch(rf"{OURS}/{re.escape(code)}/(\d+|v\d+-\w+/\d+)", name) is not None


def _document(work: Work, look: Look, number: int) -> Json:
    return document.document(
        work.design, number - 1, code=work.code, name=work.name(number), liff_id=look.liff_id
    )


def _upload(
    db: Database, line: RichMenuGateway, look: Look, work: Work, number: int, now: datetime
) -> None:
    line_id = work.pages[number].line_id
    # A second upload is refused, and its answer may have been lost.
    if not line.has_picture(line_id):
        picture, kind = _picture(db, look, work, number)
        line.upload(line_id, picture, kind)
    with db.transaction() as session:
        service.pictured(session, work, number=number, now=now)


def _picture(db: Database, look: Look, work: Work, number: int) -> tuple[bytes, str]:
    digest = work.design.pages[number - 1].picture
    if not digest:
        return pictures.picture(work.design, number - 1, look.theme), "PNG"
    with db.reading() as session:
        kept = queries.picture(session, digest)
    if kept is None:
        raise SendError(Failure.PERMANENT, "上傳的圖片已經不在")
    return kept.content, kept.kind


def _place(db: Database, line: RichMenuGateway, work: Work, now: datetime) -> None:
    """Raises LeaseLost when another version went live meanwhile: what was set here may lie over
    what that one had set, so it is put in place once more."""
    try:
        for spans, (number, page) in enumerate(sorted(work.pages.items()), 1):
            with db.transaction() as session:
                service.renew(session, work, until=now + spans * service.LEASE)
            line.set_alias(document.alias(work.code, number), page.line_id)
        if work.audience == GUEST:
            line.set_default(work.pages[1].line_id)
        with db.transaction() as session:
            service.placed(session, work, now=now)
    except (LeaseLost, SendError):
        with db.transaction() as session:
            service.place_again(session, work, now=now)
        raise


def _move(db: Database, line: RichMenuGateway, work: Work) -> None:
    with db.reading() as session:
        pairs = queries.moves(session, work.menu_id)
    if pairs:
        try:
            line.move(pairs)
        except SendError as error:
            if not error.is_permanent:
                raise
            there = _there(db, line, work, pairs)
            if len(there) == len(pairs):
                raise
            if there:
                line.move(there)
    with db.transaction() as session:
        service.moved(session, work)


def _there(
    db: Database, line: RichMenuGateway, work: Work, pairs: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """LINE refuses all of a batch for one menu that is gone: forget such old pages, and return what
    is left to move."""
    listed = {item["richMenuId"] for item in line.list()}
    gone = [old for old, _ in pairs if old not in listed]
    with db.transaction() as session:
        service.vanished(session, menu_id=work.menu_id, line_ids=gone)
    return [pair for pair in pairs if pair[0] in listed]


def clear(db: Database, line: RichMenuGateway, *, now: datetime) -> int:
    """Delete what nobody sees any more from LINE; return how many pages. Raises SendError."""
    with db.reading() as session:
        left = queries.leftovers(session, now=now)
    for page in left:
        if page.is_last:
            line.delete_alias(document.alias(page.code, page.number))
        line.delete(page.line_id)
        with db.transaction() as session:
            service.gone(session, page)
    return len(left)


# Who has which ------------------------------------------------------------------------------------


def look_up(
    db: Database,
    members: sa.Select[Any],
    audiences: Callable[[Session], Sequence[Audience]],
    *,
    only: Sequence[int] | None = None,
) -> int:
    """Write down who is to have another menu than before; return how many. Read in one snapshot,
    written in portions, so that nobody waits for it."""
    with db.reading() as session:
        seen = queries.unsettled(session)
        meant = audiences(session)
        wishes = queries.differences(session, members, meant, only=only)
    for start in range(0, len(wishes), WISHES_AT_ONCE):
        with db.transaction() as session:
            service.wear(session, wishes[start : start + WISHES_AT_ONCE])
    if only is None:
        with db.transaction() as session:
            service.settled(session, seen)
            service.drop_strangers(session, members)
    return len(wishes)


def tell(
    db: Database,
    line: RichMenuGateway,
    accounts: Callable[[Session, Sequence[int]], Mapping[int, str]],
    *,
    is_stopping: Stopping,
) -> int:
    """Link what was written down, 500 members a call; return how many. `accounts` gives LINE user
    ids by member. A menu LINE does not give is passed over, and its people stay due. Raises
    SendError when LINE does not answer; the rest stays due."""
    done = 0
    passed: set[int | None] = set()
    while not is_stopping():
        with db.reading() as session:
            due = queries.due(session, limit=USERS_AT_ONCE, but=passed)
            users = {} if due is None else accounts(session, due.member_ids)
        if due is None:
            break
        try:
            _link(line, due.line_id, list(users.values()))
        except SendError as error:
            if not error.is_permanent:
                raise
            log.warning("richmenu.not_linked", menu_id=due.menu_id, reason=error.reason)
            if due.version_id is None:
                break  # those who lose theirs: the same people would be first again
            with db.transaction() as session:
                service.refused(session, due, reason=error.reason)
            passed.add(due.menu_id)
            continue
        with db.transaction() as session:
            if not service.told(session, due, due.member_ids):
                break  # published anew at this moment: the next run links that
        done += len(due.member_ids)
    return done


def _link(line: RichMenuGateway, line_id: str | None, users: Sequence[str]) -> None:
    """One person LINE does not take must not keep the others from their menu. Raises SendError,
    permanent when it is the menu that LINE does not take."""
    if not users:
        return
    try:
        if line_id is None:
            line.unlink(users)
        else:
            line.link(line_id, users)
    except SendError as error:
        if error.status != _BAD_REQUEST or not _is_whole(line, line_id):
            raise
        _link_others(line, line_id, users, error)


def _link_others(
    line: RichMenuGateway, line_id: str | None, users: Sequence[str], error: SendError
) -> None:
    """Halve until who was refused stands alone."""
    if len(users) == 1:
        log.warning("richmenu.not_linked", reason=error.reason)
        return
    half = len(users) // 2
    for some in (users[:half], users[half:]):
        try:
            line.unlink(some) if line_id is None else line.link(line_id, some)
        except SendError as refused:
            if refused.status != _BAD_REQUEST:
                raise
            _link_others(line, line_id, some, refused)


def _is_whole(line: RichMenuGateway, line_id: str | None) -> bool:
    """Whether LINE has the menu and its picture, so that a refusal means the people."""
    if line_id is None:
        return True
    return any(item["richMenuId"] == line_id for item in line.list()) and line.has_picture(line_id)


# By command ---------------------------------------------------------------------------------------


def publish_menus(db: Database, config: Settings, *, now: datetime) -> dict[str, str]:
    """Publish the guests' and the members' menu at once; return LINE's ids by alias. Raises
    SendError when LINE refuses; what was reached is gone on from, by the next call or the job."""
    line = line_menus(config)
    with db.transaction() as session:
        service.ready(session, now=now)
        own = [menu for menu in queries.menus(session) if menu.is_own]
    return {menu.code: _publish(db, line, config, menu.id, now) for menu in own}


def _publish(
    db: Database, line: RichMenuGateway, config: Settings, menu_id: int, now: datetime
) -> str:
    look, patience = Look(config.theme, config.liff_id), threading.Event()
    with db.transaction() as session:
        version_id = _version_of(session, menu_id, now)
    for _ in range(_LOOKS):
        with db.transaction() as session:
            # What the job would wait for has passed: nobody is in the middle of anything.
            work = service.claim(session, now=now + service.MOVE_AFTER, version_id=version_id)
        if work is not None:
            error = _try(db, line, look, work, now)
            if error is not None:
                raise error
            continue
        with db.reading() as session:
            version = queries.version(session, version_id)
            pages = queries.pages_of(session, version_id)
        if version.status == LIVE and version.is_placed:
            return pages[1].line_id
        if version.status != MAKING and version.status != LIVE:
            break
        patience.wait(_PAUSE_SECONDS)  # the job was faster and is at it
    raise SendError(Failure.UNKNOWN, version.reason or "still being published")


def _version_of(session: Session, menu_id: int, now: datetime) -> int:
    """The one that is being published, or a new one."""
    menu = queries.menu(session, menu_id)
    if menu.latest is not None and menu.latest.status == MAKING:
        return menu.latest.id
    return service.begin(session, menu_id=menu_id, staff_id=None, now=now)

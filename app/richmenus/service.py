"""Draw menus, publish them, take them back; give each member the one they are to see.

A picture cannot be replaced on LINE: a change is a new menu, and the old one goes later
(https://developers.line.biz/en/docs/messaging-api/using-rich-menus/). What publishing has reached
is written down after each call to LINE, under a lease, so that another process goes on from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.core.db import changed, insert_for, insert_ignore, insert_many_ignore
from app.core.errors import DomainError, Invalid, NotFound
from app.outbox import service as outbox
from app.richmenus import models, pictures, queries
from app.richmenus.models import (
    MENUS,
    PAGES,
    VERSIONS,
    WEARERS,
    RichMenu,
    RichMenuPage,
    RichMenuPicture,
    RichMenuVersion,
    RichMenuWearer,
)
from app.richmenus.queries import Due, Leftover, Placed
from app.richmenus.rules import audiences, design, document, layouts
from app.richmenus.rules.design import Design

LEASE: Final = timedelta(seconds=120)  # longer than two calls may take
# Messages that were about to link the version before are through, and LINE's alias is up to date.
MOVE_AFTER: Final = timedelta(seconds=10)
LONGEST_WAIT: Final = timedelta(minutes=20)  # LINE moves people at most three times an hour
NAME: Final = 40
READY_NAMES: Final = {design.GUEST: "訪客選單", design.MEMBER: "會員選單"}
DEFAULT_PRIORITY: Final = 50


class NotNow(DomainError):
    """Somebody publishes this menu at this moment, or removed it."""


class LeaseLost(DomainError):
    """Another process took the work over, or a person stopped it."""


@dataclass(frozen=True, slots=True)
class Meant:
    """For whom a special menu is, and when; both days are included."""

    audience: str
    tier_code: str | None = None
    segment_id: int | None = None
    priority: int = DEFAULT_PRIORITY
    starts_on: date | None = None
    ends_on: date | None = None


# Drawing ------------------------------------------------------------------------------------------


def ready(session: Session, *, now: datetime) -> int:
    """The two menus every brand begins with, unless they are there; return how many were not."""
    return sum(
        insert_ignore(
            session,
            RichMenu,
            _menu_row(code, READY_NAMES[code], Meant(code), layouts.arranged(drawn), now),
        )
        for code, drawn in design.READY.items()
    )


def _menu_row(code: str, name: str, meant: Meant, drawn: Design, now: datetime) -> dict[str, Any]:
    return {
        "code": code,
        "name": name,
        **_meant_values(meant),
        "draft": design.to_document(drawn),
        "is_active": True,
        "is_unsettled": False,
        "created_at": now,
        "changed_at": now,
    }


def _meant_values(meant: Meant) -> dict[str, Any]:
    return {name: getattr(meant, name) for name in Meant.__slots__}


def create(session: Session, *, name: str, meant: Meant, drawn: Design, now: datetime) -> int:
    """Keep a new menu for a tier or a segment; return its id. It may have faults until it is
    published. Raises Invalid for its name or whom it is for."""
    _check(name, meant)
    if meant.audience not in (audiences.TIER, audiences.SEGMENT):
        raise Invalid("audience", "訪客和會員各有一個選單，請直接改那一個")
    code = f"menu{ids.random_code(10).lower()}"
    row = _menu_row(code, name, meant, layouts.arranged(drawn), now)
    menu_id: int = session.execute(sa.insert(MENUS).returning(MENUS.c.id), row).scalar_one()
    return menu_id


def revise(
    session: Session, *, menu_id: int, name: str, meant: Meant, drawn: Design, now: datetime
) -> None:
    """Keep what was drawn; what people see stays until it is published. Whom a published menu is
    for changes at once.

    Raises Invalid, NotFound for a removed menu."""
    _check(name, meant)
    own = (audiences.GUEST, audiences.MEMBER)
    is_own = sa.case((MENUS.c.audience.in_(own), MENUS.c.audience), else_="special")
    done = changed(
        session,
        sa.update(MENUS)
        .where(
            MENUS.c.id == menu_id,
            MENUS.c.is_active.is_(True),
            is_own == (meant.audience if meant.audience in own else "special"),
        )
        .values(
            name=name,
            **_meant_values(meant),
            draft=design.to_document(layouts.arranged(drawn)),
            is_unsettled=meant.audience not in own,
            changed_at=now,
        ),
    )
    if not done:
        raise NotFound("rich menu", menu_id)


def _check(name: str, meant: Meant) -> None:
    if not 1 <= len(name) <= NAME:
        raise Invalid("name", f"名稱要有 1 到 {NAME} 個字")
    if meant.audience == audiences.TIER and not meant.tier_code:
        raise Invalid("audience", "請選一個等級")
    if meant.audience == audiences.SEGMENT and meant.segment_id is None:
        raise Invalid("audience", "請選一個分眾")
    if not 1 <= meant.priority <= audiences.MOST_PRIORITY:
        raise Invalid("priority", f"優先順序是 1 到 {audiences.MOST_PRIORITY} 的數字")
    if meant.starts_on and meant.ends_on and meant.ends_on < meant.starts_on:
        raise Invalid("ends_on", "結束日不能早於開始日")


def keep_picture(session: Session, content: bytes, *, drawn: Design, now: datetime) -> str:
    """Keep an uploaded picture for a page of this menu; return its digest. Raises Invalid."""
    kind, width, height = pictures.looked_at(content)
    wrong = document.picture_fault(
        kind=kind, width=width, height=height, weight=len(content), design=drawn
    )
    if wrong:
        raise Invalid("picture", wrong)
    digest = sha256(content).hexdigest()
    row = {"digest": digest, "kind": kind, "content": content, "width": width, "height": height}
    insert_ignore(session, RichMenuPicture, row | {"created_at": now})
    return digest


# Publishing ---------------------------------------------------------------------------------------


def begin(session: Session, *, menu_id: int, staff_id: int | None, now: datetime) -> int:
    """Have the draft put on LINE by the next run of the job; return the version's id.

    Raises Invalid naming the first fault, NotFound, NotNow."""
    return _begin(session, menu_id, queries.menu(session, menu_id).draft, staff_id, now)


def _begin(
    session: Session, menu_id: int, drawn: Design, staff_id: int | None, now: datetime
) -> int:
    for fault in document.faults(drawn):
        raise Invalid(fault.field, fault.reason)
    if not _hold(session, menu_id):
        raise NotNow(f"rich menu {menu_id} was removed")
    last = session.scalar(
        sa.select(sa.func.max(VERSIONS.c.number)).where(VERSIONS.c.menu_id == menu_id)
    )
    row = {
        "menu_id": menu_id,
        "number": (last or 0) + 1,
        "token": ids.random_code(8).lower(),
        "design": design.to_document(drawn),
        "status": models.MAKING,
        "is_placed": False,
        "is_moved": False,
        "due_at": now,
        "attempts": 0,
        "made_by": staff_id,
        "created_at": now,
    }
    # The number, and the one version that may be made at a time: another publisher was faster.
    if not insert_ignore(session, RichMenuVersion, row):
        raise NotNow(f"rich menu {menu_id} is being published")
    return int(
        session.scalars(
            sa.select(VERSIONS.c.id).where(
                VERSIONS.c.menu_id == menu_id, VERSIONS.c.number == row["number"]
            )
        ).one()
    )


def _hold(session: Session, menu_id: int) -> bool:
    """Whoever changes what a menu's versions are holds its row first, always in this order, so that
    nobody waits crosswise. False when it was removed."""
    return bool(
        changed(
            session,
            sa.update(MENUS)
            .where(MENUS.c.id == menu_id, MENUS.c.is_active.is_(True))
            .values(changed_at=MENUS.c.changed_at),
        )
    )


def roll_back(
    session: Session, *, menu_id: int, version_id: int, staff_id: int | None, now: datetime
) -> int:
    """Publish what an earlier version showed, as a new one, and draw on from there.

    Raises Invalid, NotFound, NotNow."""
    queries.menu(session, menu_id)
    kept = session.scalar(
        sa.select(VERSIONS.c.design).where(
            VERSIONS.c.id == version_id,
            VERSIONS.c.menu_id == menu_id,
            VERSIONS.c.status == models.RETIRED,
        )
    )
    if kept is None:
        raise NotFound("rich menu version", version_id)
    changed(
        session,
        sa.update(MENUS)
        .where(MENUS.c.id == menu_id, MENUS.c.is_active.is_(True))
        .values(draft=kept, changed_at=now),
    )
    return _begin(session, menu_id, design.from_document(kept), staff_id, now)


def cancel(session: Session, *, version_id: int, now: datetime) -> None:
    """Stop a version that nobody sees yet; what is there of it goes later. Raises NotNow."""
    if not _fail(session, VERSIONS.c.id == version_id, "已停止發布", now):
        raise NotNow(f"version {version_id} is not being published any more")


def _fail(session: Session, which: sa.ColumnElement[bool], reason: str, now: datetime) -> int:
    return changed(
        session,
        sa.update(VERSIONS)
        .where(which, VERSIONS.c.status == models.MAKING)
        .values(status=models.FAILED, reason=reason[:300], retired_at=now, due_at=None, lease=None),
    )


def remove(session: Session, *, menu_id: int, now: datetime) -> None:
    """Take a special menu away: its members get the next one that is for them, then it goes from
    LINE. Raises NotNow for one that is gone, or that everybody falls back to."""
    done = changed(
        session,
        sa.update(MENUS)
        .where(
            MENUS.c.id == menu_id,
            MENUS.c.is_active.is_(True),
            MENUS.c.audience.in_((audiences.TIER, audiences.SEGMENT)),
        )
        .values(is_active=False, is_unsettled=True, changed_at=now),
    )
    if not done:
        raise NotNow(f"rich menu {menu_id} cannot be removed")
    _fail(session, VERSIONS.c.menu_id == menu_id, "選單已移除", now)
    _retire(session, menu_id, now)


def _retire(session: Session, menu_id: int, now: datetime) -> None:
    changed(
        session,
        sa.update(VERSIONS)
        .where(VERSIONS.c.menu_id == menu_id, VERSIONS.c.status == models.LIVE)
        .values(status=models.RETIRED, retired_at=now, due_at=None, lease=None),
    )


# The publisher's steps ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Work:
    """A version this process puts on LINE; `pages` stand there already, by number."""

    id: int
    menu_id: int
    code: str
    audience: str
    number: int
    token: str
    design: Design
    status: str
    is_placed: bool
    attempts: int
    lease: str
    pages: dict[int, Placed]

    def name(self, number: int) -> str:
        """What a page of this version is called on LINE, unlike any other ever."""
        return f"{document.OURS}/{self.code}/v{self.number}-{self.token}/{number}"


def claim(session: Session, *, now: datetime, version_id: int | None = None) -> Work | None:
    """Take the version that waits longest, or this one. One whose lease ended belonged to a
    process that died."""
    waiting = sa.select(VERSIONS.c.id).where(VERSIONS.c.due_at <= now)
    if version_id is not None:
        waiting = waiting.where(VERSIONS.c.id == version_id)
    found = session.scalar(
        waiting.order_by(VERSIONS.c.due_at, VERSIONS.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    lease = ids.retry_key()
    won = changed(
        session,
        sa.update(VERSIONS)
        .where(VERSIONS.c.id == found, VERSIONS.c.due_at <= now)
        .values(lease=lease, due_at=now + LEASE),
    )
    if not won:
        return None
    row = session.execute(
        sa.select(VERSIONS, MENUS.c.code, MENUS.c.audience)
        .join(MENUS, MENUS.c.id == VERSIONS.c.menu_id)
        .where(VERSIONS.c.id == found)
    ).one()
    return Work(
        id=row.id,
        menu_id=row.menu_id,
        code=row.code,
        audience=row.audience,
        number=row.number,
        token=row.token,
        design=design.from_document(row.design),
        status=row.status,
        is_placed=row.is_placed,
        attempts=row.attempts,
        lease=lease,
        pages=queries.pages_of(session, row.id),
    )


def _reached(session: Session, work: Work, *, due_at: datetime | None, **values: Any) -> None:
    """Write down a step that LINE took, and let go. Raises LeaseLost."""
    won = changed(
        session,
        sa.update(VERSIONS)
        .where(
            VERSIONS.c.id == work.id,
            VERSIONS.c.lease == work.lease,
            VERSIONS.c.status == work.status,
        )
        .values({"lease": None, "attempts": 0, "reason": None, "due_at": due_at, **values}),
    )
    if not won:
        raise LeaseLost(f"version {work.id}")


def created(session: Session, work: Work, *, number: int, line_id: str, now: datetime) -> None:
    """A page stands on LINE, without its picture. Raises LeaseLost."""
    _reached(session, work, due_at=now)
    row = {"version_id": work.id, "number": number, "line_id": line_id, "has_picture": False}
    insert_ignore(session, RichMenuPage, row)


def pictured(session: Session, work: Work, *, number: int, now: datetime) -> None:
    """Raises LeaseLost."""
    _reached(session, work, due_at=now)
    changed(
        session,
        sa.update(PAGES)
        .where(PAGES.c.version_id == work.id, PAGES.c.number == number)
        .values(has_picture=True),
    )


def adopt(session: Session, *, menu_id: int, line_ids: Sequence[str], now: datetime) -> None:
    """Pages on LINE that carry the menu's name and that no version knows (published before there
    were versions, or by a process that died): their people are moved, then they go, too."""
    if not line_ids:
        return
    row = {
        "menu_id": menu_id,
        "number": 0,
        "token": "",
        "design": design.to_document(layouts.arranged(design.READY[design.MEMBER])),
        "status": models.RETIRED,
        "is_placed": True,
        "is_moved": True,
        "attempts": 0,
        "created_at": now,
        "retired_at": now,
    }
    insert_ignore(session, RichMenuVersion, row)
    version_id, last = session.execute(
        sa.select(VERSIONS.c.id, sa.func.coalesce(sa.func.max(PAGES.c.number), 0))
        .outerjoin(PAGES, PAGES.c.version_id == VERSIONS.c.id)
        .where(VERSIONS.c.menu_id == menu_id, VERSIONS.c.number == 0)
        .group_by(VERSIONS.c.id)
    ).one()
    rows = [
        {"version_id": version_id, "number": number, "line_id": line_id, "has_picture": True}
        for number, line_id in enumerate(line_ids, last + 1)
    ]
    insert_many_ignore(session, RichMenuPage, rows)


def go_live(session: Session, work: Work, *, now: datetime) -> None:
    """All of it stands on LINE: from now on this is what people are to see. Raises LeaseLost."""
    if not _hold(session, work.menu_id):
        raise LeaseLost(f"version {work.id}")
    _retire(session, work.menu_id, now)
    _reached(session, work, due_at=now, status=models.LIVE, live_at=now)


def placed(session: Session, work: Work, *, now: datetime) -> None:
    """Aliases and default lead to it; people of the versions before follow a little later.
    Raises LeaseLost."""
    changed(
        session,
        sa.update(MENUS)
        .where(
            MENUS.c.id == work.menu_id,
            MENUS.c.audience.in_((audiences.TIER, audiences.SEGMENT)),
        )
        .values(is_unsettled=True, changed_at=now),
    )
    _reached(session, work, due_at=now + MOVE_AFTER, is_placed=True)


def renew(session: Session, work: Work, *, until: datetime) -> None:
    """Keep the work for its next calls. Raises LeaseLost."""
    kept = changed(
        session,
        sa.update(VERSIONS)
        .where(
            VERSIONS.c.id == work.id,
            VERSIONS.c.lease == work.lease,
            VERSIONS.c.status == work.status,
        )
        .values(due_at=until),
    )
    if not kept:
        raise LeaseLost(f"version {work.id}")


def place_again(session: Session, work: Work, *, now: datetime) -> int:
    """Aliases and default may lead to this version although a later one went live: that one sets
    them anew and moves who was given this one meanwhile. Nothing to do for the one that lives."""
    return changed(
        session,
        sa.update(VERSIONS)
        .where(
            VERSIONS.c.menu_id == work.menu_id,
            VERSIONS.c.status == models.LIVE,
            VERSIONS.c.id != work.id,
        )
        .values(is_placed=False, is_moved=False, lease=None, due_at=now),
    )


def moved(session: Session, work: Work) -> None:
    """Raises LeaseLost."""
    _reached(session, work, due_at=None, is_moved=True)


def put_off(session: Session, work: Work, *, reason: str, is_final: bool, now: datetime) -> None:
    """LINE did not take a step. For good, before anybody saw anything: the version failed, and what
    people see stays. Else it is tried again, each time later."""
    mine = sa.and_(VERSIONS.c.id == work.id, VERSIONS.c.lease == work.lease)
    if is_final and _fail(session, mine, reason, now):
        return
    wait = min(timedelta(seconds=2 ** min(work.attempts + 1, 12)), LONGEST_WAIT)
    changed(
        session,
        sa.update(VERSIONS)
        .where(mine)
        .values(lease=None, attempts=work.attempts + 1, reason=reason[:300], due_at=now + wait),
    )


def vanished(session: Session, *, menu_id: int, line_ids: Sequence[str]) -> int:
    """LINE has these old pages no more, whoever deleted them; return how many we knew."""
    old = sa.select(VERSIONS.c.id).where(
        VERSIONS.c.menu_id == menu_id, VERSIONS.c.status == models.RETIRED
    )
    return changed(
        session, sa.delete(PAGES).where(PAGES.c.line_id.in_(line_ids), PAGES.c.version_id.in_(old))
    )


def gone(session: Session, leftover: Leftover) -> None:
    """LINE has deleted a page."""
    changed(
        session,
        sa.delete(PAGES).where(
            PAGES.c.version_id == leftover.version_id, PAGES.c.number == leftover.number
        ),
    )


# Who has which ------------------------------------------------------------------------------------


def show(
    session: Session,
    *,
    member_id: int,
    recipient: str,
    is_member: bool,
    dedup_key: str,
    now: datetime,
) -> bool:
    """Link the menu that is this person's, as for somebody who comes or comes back. False when
    that was queued before, or they blocked us."""
    menu: str | None = design.GUEST
    if is_member:
        menu = queries.worn(session, member_id) or design.MEMBER
    else:
        changed(session, sa.delete(WEARERS).where(WEARERS.c.member_id == member_id))
    return outbox.link_menu(
        session,
        member_id=member_id,
        recipient=recipient,
        menu=menu or design.GUEST,
        dedup_key=dedup_key,
        now=now,
    )


def wear(session: Session, wishes: Sequence[tuple[int, int | None]]) -> None:
    """Write down which menu members are to have; None: the members' own again."""
    if not wishes:
        return
    insert = insert_for(session, RichMenuWearer)
    session.execute(
        insert.on_conflict_do_update(
            index_elements=["member_id"],
            set_={"menu_id": insert.excluded.menu_id, "is_due": True},
            where=WEARERS.c.menu_id.is_distinct_from(insert.excluded.menu_id),
        ),
        [
            {"member_id": member_id, "menu_id": menu_id, "is_due": True}
            for member_id, menu_id in wishes
        ],
    )


def settled(session: Session, seen: Sequence[tuple[int, datetime]]) -> None:
    """Who is to see these menus was looked up, as they were at their last change."""
    for menu_id, changed_at in seen:
        changed(
            session,
            sa.update(MENUS)
            .where(MENUS.c.id == menu_id, MENUS.c.changed_at == changed_at)
            .values(is_unsettled=False),
        )


def told(session: Session, due: Due, member_ids: Sequence[int]) -> int:
    """LINE took the link of these members. Whoever is to have another menu by now stays due, and
    everybody when the menu was published anew meanwhile."""
    mine = WEARERS.c.member_id.in_(member_ids)
    if due.menu_id is None:
        return changed(session, sa.delete(WEARERS).where(mine, WEARERS.c.menu_id.is_(None)))
    is_live = sa.exists().where(VERSIONS.c.id == due.version_id, VERSIONS.c.status == models.LIVE)
    return changed(
        session,
        sa.update(WEARERS)
        .where(mine, WEARERS.c.menu_id == due.menu_id, WEARERS.c.is_due.is_(True), is_live)
        .values(is_due=False),
    )


def refused(session: Session, due: Due, *, reason: str) -> None:
    """LINE does not give this menu to anybody; its people stay due."""
    changed(
        session,
        sa.update(VERSIONS)
        .where(VERSIONS.c.id == due.version_id, VERSIONS.c.status == models.LIVE)
        .values(reason=reason[:300]),
    )


def try_refused(session: Session) -> int:
    """Let the menus LINE refused be linked again; return how many."""
    return changed(session, sa.update(VERSIONS).where(queries.IS_REFUSED).values(reason=None))


def drop_strangers(session: Session, members: sa.Select[Any]) -> int:
    """Forget the menus of who is no member any more (`members` gives the ids of those who are):
    what they see was decided when they left."""
    wearer, person = WEARERS.alias(), members.subquery()
    strangers = (
        sa.select(wearer.c.member_id)
        .outerjoin(person, person.c.id == wearer.c.member_id)
        .where(person.c.id.is_(None))
    )
    return changed(session, sa.delete(WEARERS).where(WEARERS.c.member_id.in_(strangers)))


def tell_again(session: Session) -> int:
    """LINE has forgotten who had which menu, as the simulator does when it begins anew."""
    return changed(
        session, sa.update(WEARERS).where(WEARERS.c.is_due.is_(False)).values(is_due=True)
    )

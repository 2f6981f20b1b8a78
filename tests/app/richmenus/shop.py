"""A brand with menus, and what its jobs do."""

from datetime import datetime, timedelta

from app.core.config import Settings
from app.core.db import Database
from app.jobs import menus as jobs
from app.richmenus import queries, service
from app.richmenus.queries import MenuShown
from app.richmenus.rules.design import Design, Page, blank
from app.richmenus.service import Meant
from tests.app.richmenus.lines import FakeMenus
from tests.support.times import NOW

CONFIG = Settings(secret_key="k", line_channel_access_token="token")
GOLD = Design("compact", "金卡專屬", (Page("two", (blank("card"), blank("rewards"))),))
LATER = NOW + service.LEASE + timedelta(minutes=1)


def own_menus(db: Database) -> dict[str, MenuShown]:
    """The guests' and the members', by code."""
    with db.transaction() as session:
        service.ready(session, now=NOW)
        return {menu.code: menu for menu in queries.menus(session) if menu.is_own}


def begun(db: Database, menu_id: int, now: datetime = NOW) -> int:
    with db.transaction() as session:
        return service.begin(session, menu_id=menu_id, staff_id=None, now=now)


def work(db: Database, line: FakeMenus, now: datetime = NOW) -> int:
    """What the job does at this moment."""
    return jobs.advance(db, line, CONFIG, is_stopping=lambda: False, now=now)


def settle(db: Database, line: FakeMenus, now: datetime = NOW) -> datetime:
    """Until there is nothing left to do, also what waits a while; returns when that was."""
    for _ in range(3):
        work(db, line, now)
        now += service.MOVE_AFTER
    assert not jobs.has_work(db, now=now)
    return now


def publish_own(db: Database, line: FakeMenus, now: datetime = NOW) -> datetime:
    for menu in own_menus(db).values():
        begun(db, menu.id, now)
    return settle(db, line, now)


def special(
    db: Database, meant: Meant | None = None, *, drawn: Design = GOLD, name: str = "金卡選單"
) -> int:
    with db.transaction() as session:
        return service.create(
            session, name=name, meant=meant or Meant("tier", tier_code="gold"), drawn=drawn, now=NOW
        )


def menu(db: Database, menu_id: int) -> MenuShown:
    with db.reading() as session:
        return queries.menu(session, menu_id)

"""Three draws of the demonstration: one that is over, with its proof; one and a wheel that run."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final

from sqlalchemy.orm import Session

from app.core.clock import taipei_date, taipei_midnight
from app.draws import queries, service
from app.draws.rules import DrawDraft, Prize
from flex_templates.theme import CAMPHOR

ENTRANTS: Final = 80
SINCE: Final = timedelta(days=65)  # members before any of these began


def write(session: Session, members: Sequence[int], *, rng: Random, now: datetime) -> None:
    """`members` may enter; nobody is told of what is over, as nobody has a LINE id yet."""
    today = taipei_midnight(taipei_date(now))
    month = timedelta(days=30)
    past = _over(today - 2 * month, today - month)
    running = _running(today - timedelta(days=10), today + timedelta(days=12))
    for draft in (past, running, _wheel(today - timedelta(days=5), today + month)):
        service.create(session, draft=draft, now=draft.starts_at, staff_id=None)
    for draft, at in ((past, today - month - timedelta(days=3)), (running, now)):
        draw = queries.draw_by_code(session, draft.code)
        for member_id in rng.sample(list(members), k=min(ENTRANTS, len(members))):
            for serial in range(rng.randint(1, 4)):
                key = f"seed:{draw.id}:{member_id}:{serial}"
                service.grant(
                    session,
                    draw=draw,
                    member_id=member_id,
                    source="mission",
                    dedup_key=key,
                    now=at,
                )
    over = queries.draw_by_code(session, past.code)
    service.freeze(session, draw_id=over.id, now=past.ends_at)
    service.decide(session, draw_id=over.id, theme=CAMPHOR, now=past.ends_at)


def _over(starts_at: datetime, ends_at: datetime) -> DrawDraft:
    return DrawDraft(
        "moon-tea",
        "中秋茶宴抽獎",
        starts_at,
        ends_at,
        (Prize("手拉坯陶壺組", 1, 3_680), Prize("中秋茶點禮盒", 5, 1_280), Prize("茶巾", 10, 240)),
        description="活動期間消費累積抽獎機會。",
        sale_unit=500,
        may_enter=False,
        alternates=3,
        claim_days=60,
    )


def _running(starts_at: datetime, ends_at: datetime) -> DrawDraft:
    return DrawDraft(
        "winter-tea",
        "冬日暖茶抽獎",
        starts_at,
        ends_at,
        (
            Prize("旅行茶具組", 2, 1_480),
            Prize("老茶 50g", 5, 1_680),
            Prize("冷泡茶 10 入", 20, 220),
        ),
        description="每次 10 點，也可以在消費滿 NT$800 時自動獲得機會。",
        cost=10,
        sale_unit=800,
        per_member=20,
        per_day=3,
        alternates=5,
    )


def _wheel(starts_at: datetime, ends_at: datetime) -> DrawDraft:
    return DrawDraft(
        "lucky-wheel",
        "每日幸運輪盤",
        starts_at,
        ends_at,
        (
            Prize("30 點", 50, 30, points=30, weight=2),
            Prize("5 點", 500, 5, points=5, weight=10),
            Prize("三角茶包試飲", 100, 60, weight=3),
        ),
        kind="wheel",
        description="每天免費轉一次。",
        per_day=1,
        blank_weight=25,
    )

"""Broadcasts of the demonstration: two that are over, one that waits to be sent."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.campaigns import queries, service
from app.campaigns.messages import Brand
from app.campaigns.models import RECIPIENTS
from app.campaigns.rules import QUEUED, Letter
from app.campaigns.service import composing, freezing
from app.core.clock import taipei_date, taipei_midnight
from app.core.db import table_of
from app.outbox.models import SENT, OutboxRow
from app.seeds import brand
from app.segments import queries as segments
from app.tags import service as tags
from flex_templates import theme as themes

_OUTBOX = table_of(OutboxRow)
NOON: Final = timedelta(hours=12, minutes=30)
TAKEN_AFTER: Final = timedelta(seconds=4)  # LINE was given them


@dataclass(frozen=True, slots=True)
class Past:
    """`days` ago; `clicked` of those who got it pressed its button."""

    name: str
    segment: str | None
    letter: Letter
    days: int
    clicked: float
    tag: str = ""  # of who pressed


PAST: Final = (
    Past(
        "夏茶上市",
        None,
        Letter(
            "夏茶到了，第一壺留給您",
            "{姓名}您好：\n今年的夏茶已經到店，蜜香紅茶與東方美人都可以試喝。\n"
            "您是{等級}會員，結帳時出示會員碼一樣累積點數。",
            label="看最近的門市",
            place="stores",
        ),
        days=44,
        clicked=0.17,
        tag="對夏茶有興趣",
    ),
    Past(
        "熟客品茶會",
        "近一年常來的熟客",
        Letter(
            "只邀請熟客的品茶會",
            "{姓名}您好：\n謝謝您常常來。下週六下午在台北店有一場小小的品茶會，"
            "座位不多，想先問問您。\n您現在有 {點數} 點，當天也可以折抵。",
            label="看我的會員卡",
            place="card",
        ),
        days=9,
        clicked=0.31,
    ),
)
DRAFT: Final = Letter(
    "好一陣子沒見到您了",
    "{姓名}您好：\n換季了，店裡準備了溫潤的老茶。附上一張優惠券，歡迎回來坐坐。",
    coupon="tasting",
    label="看優惠券",
    place="coupons",
)


def write(session: Session, *, rng: Random, now: datetime) -> None:
    """Everybody has their LINE id already; nobody is sent anything now."""
    known = {segment.name: segment.id for segment in segments.segments(session)}
    for past in PAST:
        at = taipei_midnight(taipei_date(now) - timedelta(days=past.days)) + NOON
        segment_id = None if past.segment is None else known.get(past.segment)
        _lived(session, past, segment_id, at, rng)
    service.create(
        session,
        name="換季邀請（草稿）",
        segment_id=known.get("快要沉睡的客人"),
        letter=DRAFT,
        staff_id=None,
        now=now,
    )


def _lived(session: Session, past: Past, segment_id: int | None, at: datetime, rng: Random) -> None:
    letter = past.letter
    if past.tag:
        letter = replace(letter, tag=str(tags.make(session, name=past.tag, now=at)))
    broadcast_id = service.create(
        session, name=past.name, segment_id=segment_id, letter=letter, staff_id=None, now=at
    )
    service.plan(session, broadcast_id=broadcast_id, send_at=at, now=at)
    go_out(session, at, past.clicked, rng)


def go_out(session: Session, at: datetime, clicked: float, rng: Random) -> None:
    """The next broadcast that was due then; so many of who got it pressed its button."""
    work = freezing.begin(session, now=at)
    assert work is not None
    members, ids = freezing.meant(session, work)
    freezing.write(session, work, ids)
    freezing.close(session, work, members=members)
    # No button of it leads to an address, so that no link has to be signed.
    letterhead = Brand(themes.named("camphor", brand=brand.NAME), "", "")
    going = queries.broadcast(session, work.id)
    while composing.compose(session, going, brand=letterhead, now=at):
        pass
    service.finish(session, broadcast_id=work.id, now=at)
    _taken(session, work.id, at)
    _pressed(session, work.id, clicked, at, rng)


def _taken(session: Session, broadcast_id: int, at: datetime) -> None:
    """LINE took them then."""
    session.execute(
        sa.update(_OUTBOX)
        .where(_OUTBOX.c.kind == queries.kind_of(broadcast_id))
        .values(
            status=SENT,
            attempts=1,
            first_tried_at=at + TAKEN_AFTER,
            sent_at=at + TAKEN_AFTER,
            request_id=sa.literal("demo-") + sa.cast(_OUTBOX.c.id, sa.String),
        )
    )


def _pressed(session: Session, broadcast_id: int, share: float, at: datetime, rng: Random) -> None:
    got = session.scalars(
        sa.select(RECIPIENTS.c.member_id)
        .where(RECIPIENTS.c.broadcast_id == broadcast_id, RECIPIENTS.c.status == QUEUED)
        .order_by(RECIPIENTS.c.member_id)
    ).all()
    for member_id in got:
        if rng.random() < share:
            moment = at + timedelta(minutes=rng.randint(1, 600))
            service.followed(session, broadcast_id=broadcast_id, member_id=member_id, now=moment)

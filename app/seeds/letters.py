"""Broadcasts of the demonstration: three that are over, one of several messages, and two that wait
to be sent."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.attention import service as governor
from app.campaigns import queries, service
from app.campaigns.messages import Brand
from app.campaigns.models import RECIPIENTS
from app.campaigns.rules import QUEUED
from app.campaigns.rules.letters import PICTURE, TEXT, Letter, Part, Quick, of_card
from app.campaigns.service import composing, freezing
from app.core.clock import taipei_date, taipei_midnight
from app.core.db import table_of
from app.outbox.models import SENT, OutboxRow
from app.seeds import brand, posters
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
    stopped: float = 0  # of those who got it turned its topic off


PAST: Final = (
    Past(
        "夏茶上市",
        None,
        of_card(
            "夏茶到了，第一壺留給您",
            "{姓名}您好：\n今年的夏茶已經到店，蜜香紅茶與東方美人都可以試喝。\n"
            "您是{等級}會員，結帳時出示會員碼一樣累積點數。",
            label="看最近的門市",
            place="stores",
            topic=attention.NEWS,
        ),
        days=44,
        clicked=0.17,
        tag="對夏茶有興趣",
    ),
    Past(
        "熟客品茶會",
        "近一年常來的熟客",
        of_card(
            "只邀請熟客的品茶會",
            "{姓名}您好：\n謝謝您常常來。下週六下午在台北店有一場小小的品茶會，"
            "座位不多，想先問問您。\n您現在有 {點數} 點，當天也可以折抵。",
            label="看我的會員卡",
            place="card",
            topic=attention.EVENTS,
        ),
        days=9,
        clicked=0.31,
    ),
    Past(
        "中秋禮盒預購",
        None,
        Letter(
            (
                Part(TEXT, body="中秋快到了，今年的禮盒先讓會員挑。"),
                Part(PICTURE, title="中秋茶禮盒：兩款新味，九月起出貨", place="stores"),
                Part(
                    title="會員先挑，三天後才公開",
                    body="東方美人配桂花酥、凍頂烏龍配鳳梨酥。\n門市都能試喝，訂五盒以上可以代寄。",
                    label="看我的會員卡",
                    place="card",
                ),
            ),
            (Quick("怎麼集點", "earn"), Quick("我的優惠券", "coupons")),
            topic=attention.NEWS,
        ),
        days=4,
        clicked=0.24,
        stopped=0.012,
    ),
)
POSTERS: Final = {
    "中秋禮盒預購": ("月圓，茶也圓", "中秋禮盒 會員先挑"),
    "秋茶": ("秋茶初採", "山上剛涼，第一批到店"),
}
SEVERAL: Final = Letter(
    (
        Part(PICTURE, title="秋茶初採，第一批到店"),
        Part(TEXT, body="{姓名}您好，山上剛涼，今年的秋茶第一批到店了。"),
        Part(
            title="先請您喝一杯",
            body="附上一張試喝券，兩週內到任何一家門市都能用。\n您是{等級}會員，帶走的茶一樣累積點數。",
            coupon="tasting",
            label="看優惠券",
            place="coupons",
        ),
    ),
    (Quick("門市在哪裡", "stores"), Quick("我的點數", "points")),
    topic=attention.NEWS,
)
DRAFT: Final = of_card(
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
    service.create(
        session,
        name="秋茶初採（草稿）",
        segment_id=None,
        letter=_with_poster(session, SEVERAL, "秋茶", now),
        staff_id=None,
        now=now,
    )


def _with_poster(session: Session, letter: Letter, name: str, at: datetime) -> Letter:
    digest = service.keep_picture(session, posters.poster(*POSTERS[name]), staff_id=None, now=at)
    parts = [
        replace(part, picture=digest) if part.kind == PICTURE else part for part in letter.parts
    ]
    return replace(letter, parts=tuple(parts))


def _lived(session: Session, past: Past, segment_id: int | None, at: datetime, rng: Random) -> None:
    letter = past.letter
    if past.name in POSTERS:
        letter = _with_poster(session, letter, past.name, at)
    if past.tag:
        letter = replace(letter, tag=str(tags.make(session, name=past.tag, now=at)))
    broadcast_id = service.create(
        session, name=past.name, segment_id=segment_id, letter=letter, staff_id=None, now=at
    )
    service.plan(session, broadcast_id=broadcast_id, send_at=at, now=at)
    go_out(session, at, rng, clicked=past.clicked, stopped=past.stopped)


def go_out(
    session: Session, at: datetime, rng: Random, *, clicked: float, stopped: float = 0
) -> None:
    """The next broadcast that was due then; so many of who got it pressed its button or turned its
    topic off."""
    work = freezing.begin(session, now=at)
    assert work is not None
    members, ids = freezing.meant(session, work)
    freezing.write(session, work, ids)
    freezing.close(session, work, members=members)
    # No button of it leads to an address, so that no link has to be signed.
    letterhead = Brand(themes.named("camphor", brand=brand.NAME), "https://tea.example.tw", "")
    going = queries.broadcast(session, work.id)
    while composing.compose(session, going, brand=letterhead, now=at):
        pass
    service.finish(session, broadcast_id=work.id, now=at)
    _taken(session, work.id, at)
    _pressed(session, going, at, rng, clicked=clicked, stopped=stopped)


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


def _pressed(
    session: Session,
    going: queries.BroadcastShown,
    at: datetime,
    rng: Random,
    *,
    clicked: float,
    stopped: float,
) -> None:
    """The letter's buttons, and the line that turns its topic off."""
    got = session.scalars(
        sa.select(RECIPIENTS.c.member_id)
        .where(RECIPIENTS.c.broadcast_id == going.id, RECIPIENTS.c.status == QUEUED)
        .order_by(RECIPIENTS.c.member_id)
    ).all()
    for member_id in got:
        if rng.random() < clicked:
            moment = at + timedelta(minutes=rng.randint(1, 600))
            service.followed(session, broadcast_id=going.id, member_id=member_id, now=moment)
        if stopped and rng.random() < stopped:
            moment = at + timedelta(minutes=rng.randint(1, 600))
            topic = going.letter.topic
            governor.stop_topic(
                session, member_id=member_id, topic=topic, channel="chat", now=moment
            )

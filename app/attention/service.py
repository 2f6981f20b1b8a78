"""Who gets marketing on which day: at most one message a Taipei day and three in seven days; and
of which topics they want to hear no more."""

from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.attention import queries, rules
from app.attention.models import MARKETING_DAYS, TOPIC_STOPS, TOPICS, MarketingTopic, TopicStop
from app.core import ids
from app.core.db import changed, insert_for, insert_ignore, table_of
from app.core.errors import Invalid, NotFound
from app.core.prepared import Prepared, among
from app.members.models import Member
from app.outbox import service as outbox
from app.timeline import service as timeline

_MEMBERS = table_of(Member)
_DAY = sa.bindparam("day", type_=sa.Date)
_AFTER = sa.bindparam("after", type_=sa.Date)
_IN_THE_WEEK = (
    sa.select(sa.func.count())
    .where(
        MARKETING_DAYS.c.member_id == _MEMBERS.c.id,
        MARKETING_DAYS.c.day > _AFTER,
        MARKETING_DAYS.c.day <= _DAY,
    )
    .correlate(_MEMBERS)
    .scalar_subquery()
)


def _taking(what: sa.ColumnElement[str]) -> Prepared:
    """Book a day of members. The unique key holds "one a day", the count inside the INSERT "three
    in seven days": two at once can only meet on the same day, where the key lets one through."""
    free = (
        sa.select(_MEMBERS.c.id, _DAY, what)
        .where(among(_MEMBERS.c.id, "members"), _IN_THE_WEEK < rules.PER_WEEK)
        .order_by(_MEMBERS.c.id)
    )
    return Prepared(
        {
            dialect: insert(MARKETING_DAYS)
            .from_select(["member_id", "day", "what"], free)
            .on_conflict_do_nothing()
            .returning(MARKETING_DAYS.c.member_id)
            for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
        }
    )


_WHAT = sa.bindparam("what", type_=sa.String)
_TAKE, _TAKE_ALL = _taking(_WHAT), _taking(_WHAT + sa.cast(_MEMBERS.c.id, sa.String))


def take_day(session: Session, *, member_id: int, day: date, what: str) -> bool:
    """Book the member's day for one marketing message. False when it may not be."""
    return bool(_TAKE.rows(session, _booking([member_id], day, what)))


def take_days(
    session: Session, *, member_ids: Sequence[int], day: date, what_prefix: str
) -> set[int]:
    """`take_day` for many in one statement: those whose day it was. What is sent to each is the
    prefix with the member's id."""
    taken = _TAKE_ALL.rows(session, _booking(member_ids, day, what_prefix))
    return {member_id for (member_id,) in taken}


def _booking(member_ids: Sequence[int], day: date, what: str) -> dict[str, object]:
    after = day - rules.WEEK * rules.DAY
    return {"members": list(member_ids), "day": day, "after": after, "what": what}


def give_back(session: Session, *, member_id: int, day: date, what: str) -> None:
    """The booked message was not sent after all."""
    _give(session, [member_id], day, sa.literal(what))


def give_all_back(
    session: Session, *, member_ids: Sequence[int], day: date, what_prefix: str
) -> None:
    """`give_back` for many, as `take_days` took them."""
    member = sa.cast(MARKETING_DAYS.c.member_id, sa.String)
    _give(session, member_ids, day, sa.literal(what_prefix) + member)


def _give(
    session: Session, member_ids: Sequence[int], day: date, what: sa.ColumnElement[str]
) -> None:
    mine = sa.delete(MARKETING_DAYS).where(
        MARKETING_DAYS.c.member_id.in_(member_ids),
        MARKETING_DAYS.c.day == day,
        MARKETING_DAYS.c.what == what,
    )
    changed(session, mine)


def next_day(session: Session, *, member_id: int, today: date) -> date | None:
    """The first day from tomorrow on that has room; None when that is more than a week away."""
    booked = session.scalars(
        sa.select(MARKETING_DAYS.c.day).where(
            MARKETING_DAYS.c.member_id == member_id,
            MARKETING_DAYS.c.day > today - rules.WEEK * rules.DAY,
        )
    )
    return rules.free_day(set(booked), today + rules.DAY)


# Topics -------------------------------------------------------------------------------------------


def stop_topic(
    session: Session, *, member_id: int, topic: str, channel: str, now: datetime
) -> bool:
    """The member wants to hear no more of it; what is queued goes no more. False when it was so
    already. Raises NotFound for a topic that never was.

    The member's row is locked first: whoever books a day of theirs at this instant is waited for,
    and finds the stop when it looks (`take_days`, then `queries.declined`)."""
    queries.topic(session, topic)
    session.execute(sa.select(_MEMBERS.c.id).where(_MEMBERS.c.id == member_id).with_for_update())
    row = {"member_id": member_id, "topic": topic, "channel": channel, "stopped_at": now}
    if not insert_ignore(session, TopicStop, row):
        return False
    reason = rules.declined(queries.topic(session, topic).name)
    outbox.cancel_topic(session, member_id=member_id, topic=topic, reason=reason)
    facts = {"topic": topic, "channel": channel}
    timeline.record(session, member_id=member_id, kind="topic.stopped", at=now, facts=facts)
    return True


def resume_topic(
    session: Session, *, member_id: int, topic: str, channel: str, now: datetime
) -> bool:
    """The member wants to hear of it again. False when they never stopped."""
    mine = sa.delete(TOPIC_STOPS).where(
        TOPIC_STOPS.c.member_id == member_id, TOPIC_STOPS.c.topic == topic
    )
    if not changed(session, mine):
        return False
    facts = {"topic": topic, "channel": channel}
    timeline.record(session, member_id=member_id, kind="topic.resumed", at=now, facts=facts)
    return True


def share_stops(session: Session, *, from_id: int, to_id: int) -> None:
    """Two members turned out to be one person: what either wants no more of, both want no more of.
    A refusal is never lost, not even when they are parted again."""
    theirs = sa.select(
        sa.literal(to_id), TOPIC_STOPS.c.topic, TOPIC_STOPS.c.channel, TOPIC_STOPS.c.stopped_at
    ).where(TOPIC_STOPS.c.member_id == from_id)
    columns = ["member_id", "topic", "channel", "stopped_at"]
    copied = insert_for(session, TopicStop).from_select(columns, theirs)
    session.execute(copied.on_conflict_do_nothing())


def forget(session: Session, *, member_id: int) -> None:
    """What somebody who is wiped wanted to hear no more of."""
    changed(session, sa.delete(TOPIC_STOPS).where(TOPIC_STOPS.c.member_id == member_id))


def add_topic(session: Session, *, name: str, about: str) -> str:
    """Return its code. Raises Invalid."""
    values = _worded(name, about)
    _write_down(session)
    if len(queries.topics(session)) >= rules.MOST_TOPICS:
        raise Invalid("name", f"最多 {rules.MOST_TOPICS} 個主題；太多的話，會員也不知道要關哪一個")
    last = session.scalar(sa.select(sa.func.max(TOPICS.c.position))) or 0
    row = {"code": ids.random_code(), "position": last + 1, "is_active": True, **values}
    if not insert_ignore(session, MarketingTopic, row):
        raise Invalid("name", "已經有這個主題")
    return str(row["code"])


def word_topic(session: Session, *, code: str, name: str, about: str) -> None:
    """Call it otherwise; who stopped it has stopped it. Raises Invalid, NotFound."""
    values = _worded(name, about)
    _write_down(session)
    twin = sa.select(TOPICS.c.code).where(TOPICS.c.name == values["name"], TOPICS.c.code != code)
    if session.scalar(twin) is not None:
        raise Invalid("name", "已經有這個主題")
    if not changed(session, sa.update(TOPICS).where(TOPICS.c.code == code).values(**values)):
        raise NotFound("topic", code)


def offer_topic(session: Session, *, code: str, is_active: bool) -> None:
    """Let letters be about it, or not any more. What is planned already goes as it was written.
    Raises Invalid for what the program itself writes about, NotFound."""
    if not is_active and code in rules.KEPT:
        raise Invalid("topic", "這個主題系統會用到，可以改名，不能停用")
    _write_down(session)
    offered = {topic.code for topic in queries.topics(session)}
    if is_active and code not in offered and len(offered) >= rules.MOST_TOPICS:
        raise Invalid("topic", f"最多 {rules.MOST_TOPICS} 個主題，請先停用一個")
    row = sa.update(TOPICS).where(TOPICS.c.code == code)
    if not changed(session, row.values(is_active=is_active)):
        raise NotFound("topic", code)


def _worded(name: str, about: str) -> dict[str, str]:
    named, told = " ".join(name.split()), " ".join(about.split())
    if not 1 <= len(named) <= rules.TOPIC_NAME:
        raise Invalid("name", f"主題名稱須為 1–{rules.TOPIC_NAME} 個字")
    if len(told) > rules.TOPIC_ABOUT:
        raise Invalid("about", f"說明最多 {rules.TOPIC_ABOUT} 個字")
    return {"name": named, "about": told}


def _write_down(session: Session) -> None:
    """From the first change on the list stands in the table."""
    if session.scalar(sa.select(TOPICS.c.code).limit(1)) is not None:
        return
    for position, topic in enumerate(rules.TOPICS):
        row = {"code": topic.code, "name": topic.name, "about": topic.about}
        insert_ignore(session, MarketingTopic, row | {"position": position, "is_active": True})

"""How a broadcast goes out: with others or alone, spread or at once, no further than its limit, and
in several messages."""

import io
import json
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.campaigns import messages, pictures, queries, rules, service
from app.campaigns.models import RECIPIENTS
from app.campaigns.rules import letters, timing
from app.campaigns.rules.letters import Letter, Part, Person, Quick, of_card
from app.campaigns.service import NotNow, composing, freezing
from app.core.db import Database
from app.core.errors import Invalid
from app.inbox.models import InboxEvent
from app.outbox import service as outbox
from app.outbox.models import MULTICAST, PUSH, READERS, OutboxRow
from flex_templates import limits
from tests.app.campaigns.brand import (
    BRAND,
    HELD_OUT,
    LETTER,
    START,
    D,
    advance,
    but,
    drafted,
    status,
)
from tests.app.lifecycle.brand import DAY, at, open_brand, person
from tests.support.at_once import at_once

SAME = but(body="今年的夏茶到了。")


def planned(session: Session, letter: Letter = SAME, **how: Any) -> int:
    broadcast_id = drafted(session, letter)
    service.plan(session, broadcast_id=broadcast_id, send_at=START, now=START, **how)
    return broadcast_id


def crowd(session: Session, number: int) -> list[int]:
    return [person(session) for _ in range(number)]


def requests(session: Session) -> Counter[str]:
    return Counter(session.scalars(sa.select(OutboxRow.channel)))


# With others --------------------------------------------------------------------------------------


def test_what_is_the_same_for_all_goes_in_one_request(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        members = crowd(session, 5)
        person(session, id=HELD_OUT)
        broadcast_id = planned(session)
    advance(db)
    with db.transaction() as session:
        assert requests(session) == {MULTICAST: 1}
        readers = session.scalars(sa.select(READERS.c.member_id).order_by(READERS.c.member_id))
        assert list(readers) == members
        counts = queries.counts(session, broadcast_id)
        assert counts.by_status == {"queued": 5, "control": 1}
        assert counts.by_sending == {"waiting": 5}
        kind = queries.kind_of(broadcast_id)
        assert outbox.withdraw_kind(session, kind=kind, reason="cancelled") == 1
        assert queries.counts(session, broadcast_id).by_sending == {"cancelled": 5}
        assert queries.broken(session, since=START - DAY) == []


def test_a_press_of_a_shared_letter_counts_for_who_pressed(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, _ken = crowd(session, 2)
        broadcast_id = planned(session)
    advance(db)
    with db.transaction() as session:
        press = partial(service.followed, session, broadcast_id=broadcast_id, now=START)
        assert press(member_id=hana)
        assert not press(member_id=hana)
        assert queries.counts(session, broadcast_id).clicked == 1


@pytest.mark.parametrize(
    "letter",
    [
        LETTER,  # names its reader
        but(SAME, coupon="autumn"),
        but(SAME, place="url", url="https://shop.example.tw/summer"),
        replace(SAME, quick=(Quick("看", "url", "https://shop.example.tw/"),)),
    ],
)
def test_what_differs_goes_to_each_alone(session: Session, letter: Letter) -> None:
    open_brand(session)
    crowd(session, 3)
    broadcast_id = planned(session, letter)
    work = freezing.begin(session, now=START)
    assert work is not None
    freezing.write(session, work, freezing.meant(session, work)[1])
    freezing.close(session, work, members=3)
    going = queries.broadcast(session, broadcast_id)
    composing.compose(session, going, brand=BRAND, now=START)
    assert requests(session) == {PUSH: 3}


def test_one_alone_is_pushed_to(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        crowd(session, 1)
        planned(session)
    advance(db)
    with db.reading() as session:
        assert requests(session) == {PUSH: 1}


def test_two_composers_put_nobody_in_two_requests(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        members = crowd(session, 30)
        planned(session)
    advance(db, is_stopping=lambda: False)
    with db.transaction() as session:
        session.execute(sa.delete(READERS))
        session.execute(sa.delete(OutboxRow))
        session.execute(sa.text("DELETE FROM marketing_days"))
        session.execute(sa.update(RECIPIENTS).values(status="due"))
        session.execute(sa.text("UPDATE broadcasts SET status = 'sending'"))
        going = queries.going_out(session)[0]

    def write() -> int:
        with db.transaction() as session:
            return composing.compose(session, going, brand=BRAND, now=START, limit=10)

    done = at_once(write, write, write)
    assert not [one for one in done if isinstance(one, BaseException)], done
    while write():
        pass
    with db.reading() as session:
        assert sorted(session.scalars(sa.select(READERS.c.member_id))) == members


# When ---------------------------------------------------------------------------------------------


def turns(session: Session) -> dict[int, datetime]:
    columns = sa.select(RECIPIENTS.c.member_id, RECIPIENTS.c.due_at)
    return {row[0]: row[1] for row in session.execute(columns)}


def test_a_staggered_broadcast_gives_everybody_a_turn(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        members = crowd(session, 12)
        broadcast_id = planned(session, pace=timing.STAGGERED, hours=2)
    advance(db)
    with db.reading() as session:
        found = turns(session)
        assert found == {
            member: timing.staggered(member, start=START, hours=2) for member in members
        }
        gone = sum(turn <= START for turn in found.values())
        assert queries.counts(session, broadcast_id).by_status.get("queued", 0) == gone
    advance(db, START + timedelta(hours=2))
    with db.reading() as session:
        assert queries.counts(session, broadcast_id).by_status == {"queued": 12}
        assert status(session, broadcast_id) == rules.DONE


def test_everybody_is_written_to_in_their_best_hour(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        hana, ken, mei = crowd(session, 3)
        acts = ((hana, 19), (ken, 11), (ken, 11), (ken, 15))
        for number, (member, hour) in enumerate(acts):
            moment = at(D - DAY, hour, number)
            session.execute(
                sa.insert(InboxEvent),
                {
                    "webhook_event_id": str(number),
                    "person": f"U{member:032x}",
                    "type": "message",
                    "occurred_ms": int(moment.timestamp() * 1000),
                    "received_at": moment,
                    "body": "{}",
                    "due_at": moment,
                },
            )
        broadcast_id = planned(session, pace=timing.BEST_HOUR)
    advance(db)
    with db.reading() as session:
        found = turns(session)
    # It is noon: of eleven o'clock the next is tomorrow's. Who did nothing goes with the most.
    assert found == {hana: at(D, 19), ken: at(D + DAY, 11), mei: at(D + DAY, 11)}
    advance(db, at(D, 19))
    with db.reading() as session:
        assert queries.counts(session, broadcast_id).by_status == {"queued": 1, "due": 2}


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"pace": "slowly"}, "pace"),
        ({"pace": timing.STAGGERED, "hours": 1}, "hours"),
        ({"pace": timing.STAGGERED, "hours": 13}, "hours"),
        ({"most": 0}, "most"),
    ],
)
def test_an_odd_plan_is_refused(session: Session, how: dict[str, Any], field: str) -> None:
    open_brand(session)
    with pytest.raises(Invalid) as refused:
        planned(session, **how)
    assert refused.value.field == field


# How far ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", [SAME, LETTER])
def test_at_its_limit_it_stops_for_a_person(db: Database, letter: Letter) -> None:
    with db.transaction() as session:
        open_brand(session)
        crowd(session, 7)
        broadcast_id = planned(session, letter, most=3)
    advance(db)
    with db.transaction() as session:
        found = queries.broadcast(session, broadcast_id)
        assert (found.status, found.paused_for, found.written) == (rules.PAUSED, rules.BUDGET, 3)
        assert queries.counts(session, broadcast_id).by_status == {"queued": 3, "due": 4}
        service.resume(session, broadcast_id=broadcast_id, more=2, now=START)
    advance(db)
    with db.transaction() as session:
        assert queries.counts(session, broadcast_id).by_status == {"queued": 5, "due": 2}
        with pytest.raises(Invalid):
            service.resume(session, broadcast_id=broadcast_id, more=0, now=START)
        service.resume(session, broadcast_id=broadcast_id, now=START)
    advance(db)
    with db.reading() as session:
        found = queries.broadcast(session, broadcast_id)
        assert (found.status, found.paused_for) == (rules.DONE, None)
        assert queries.counts(session, broadcast_id).by_status == {"queued": 7}


def test_a_limit_that_is_just_enough_ends_it(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        crowd(session, 3)
        broadcast_id = planned(session, most=3)
    advance(db)
    with db.reading() as session:
        assert status(session, broadcast_id) == rules.DONE


def test_a_person_who_pauses_sets_no_limit_free(session: Session) -> None:
    open_brand(session)
    crowd(session, 3)
    broadcast_id = planned(session, most=2)
    session.execute(sa.text("UPDATE broadcasts SET status = 'sending'"))
    service.pause(session, broadcast_id=broadcast_id, now=START)
    service.resume(session, broadcast_id=broadcast_id, now=START)
    assert queries.broadcast(session, broadcast_id).most == 2
    with pytest.raises(NotNow):
        service.resume(session, broadcast_id=broadcast_id, now=START)


def test_composers_at_once_do_not_go_beyond_the_limit(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        crowd(session, 20)
        broadcast_id = planned(session, LETTER, most=7)
    advance(db, START - timedelta(seconds=1))  # not yet
    with db.transaction() as session:
        work = freezing.begin(session, now=START)
        assert work is not None
        freezing.write(session, work, freezing.meant(session, work)[1])
        freezing.close(session, work, members=20)
        going = queries.broadcast(session, broadcast_id)

    def write() -> int:
        with db.transaction() as session:
            return composing.compose(session, going, brand=BRAND, now=START, limit=3)

    for _ in range(2):
        done = at_once(write, write, write)
        assert not [one for one in done if isinstance(one, BaseException)], done
    with db.reading() as session:
        found = queries.broadcast(session, broadcast_id)
        assert (found.written, found.paused_for) == (7, rules.BUDGET)
        assert queries.counts(session, broadcast_id).by_sending == {"waiting": 7}


# Several messages ---------------------------------------------------------------------------------


def picture(width: int = 1_600, height: int = 900, kind: str = "JPEG", mode: str = "RGB") -> bytes:
    packed = io.BytesIO()
    Image.new(mode, (width, height), "teal").save(packed, kind)
    return packed.getvalue()


def several(digest: str) -> Letter:
    return Letter(
        (
            Part("text", body="{姓名}您好"),
            Part("picture", title="海報", picture=digest),
            Part(
                "picture", title="按我", picture=digest, place="url", url="https://tea.example.tw/b"
            ),
            Part("video", video="https://tea.example.tw/a.mp4", picture=digest),
            Part(title="夏茶", body="到了", coupon="autumn", label="看", place="coupons"),
        ),
        (Quick("門市", "stores"), Quick("官網", "url", "https://tea.example.tw/q")),
        topic=attention.NEWS,
    )


def test_five_messages_go_in_one_push_as_line_takes_them(db: Database) -> None:
    with db.transaction() as session:
        open_brand(session)
        person(session, name="陳花")
        digest = service.keep_picture(session, picture(), staff_id=None, now=START)
        planned(session, several(digest))
    advance(db)
    with db.reading() as session:
        [payload] = session.scalars(sa.select(OutboxRow.payload)).all()
    said = json.loads(payload)
    assert limits.check_request(said) == []
    assert [message["type"] for message in said] == ["text", "image", "flex", "video", "flex"]
    assert said[0]["text"] == "陳花您好"
    base = f"https://shop.example.tw/pictures/letter/{digest}"
    assert said[1]["originalContentUrl"] == f"{base}.jpg"
    assert said[1]["previewImageUrl"] == f"{base}-small.jpg"
    assert said[2]["contents"]["hero"]["aspectRatio"] == "1024:576"
    labels = [item["action"]["label"] for item in said[-1]["quickReply"]["items"]]
    assert labels == ["門市", "官網"]
    # Every link of it is another one, and says which.
    letter = several(digest)
    links = [said[2]["contents"]["hero"]["action"]["uri"]]
    links.append(said[-1]["quickReply"]["items"][1]["action"]["uri"])
    named = [messages.read_token(BRAND.key, link.rpartition("/")[2]) for link in links]
    assert [letter.url(found[2]) for found in named if found] == [
        "https://tea.example.tw/b",
        "https://tea.example.tw/q",
    ]
    assert "不想收到「新品」" in json.dumps(said[-1], ensure_ascii=False)


def test_without_room_for_small_print_it_stands_above_the_keyboard(session: Session) -> None:
    open_brand(session)
    letter = Letter((Part("text", body="新茶到了"),), topic=attention.NEWS)
    using = messages.material(session, letter, now=START)
    [said] = messages.compose(
        letter, messages.To("1", 1, Person()), BRAND, using=using, issued=None
    )
    labels = [item["action"]["label"] for item in said["quickReply"]["items"]]
    assert labels == ["不想收到「新品」", "停止行銷訊息"]


def test_a_lost_picture_and_a_second_coupon_stop_the_plan(session: Session) -> None:
    open_brand(session)
    with pytest.raises(Invalid) as refused:
        planned(
            session, Letter((Part("text", body="a"), Part("picture", "海報", picture="0" * 64)))
        )
    assert (refused.value.field, refused.value.reason[:4]) == ("m1-picture", "找不到這")
    twice = Letter((WITH_COUPON, WITH_COUPON))
    with pytest.raises(Invalid) as refused:
        planned(session, twice)
    assert refused.value.field == "m1-coupon"


WITH_COUPON = Part(title="夏茶", body="到了", coupon="autumn", label="看", place="coupons")
PARTS = st.builds(
    Part,
    kind=st.sampled_from(["card", "text", "picture", "video"]),
    title=st.sampled_from(["", "夏茶上市", "長" * 40]),
    body=st.sampled_from(["", "{姓名}您好", "{點數}", "字" * 500, "🍵" * 250]),
    label=st.sampled_from(["", "看", "🍵" * 20]),
    place=st.sampled_from(["", "card", "url", "stores"]),
    url=st.sampled_from(["", "https://a.example.tw/x"]),
    video=st.sampled_from(["", "https://a.example.tw/x.mp4"]),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PARTS, min_size=1, max_size=5), st.booleans())
def test_what_has_no_faults_line_takes(
    session: Session, parts: list[Part], has_quick: bool
) -> None:
    if not session.scalar(sa.select(sa.func.count()).select_from(sa.text("letter_pictures"))):
        open_brand(session)
        service.keep_picture(session, picture(), staff_id=None, now=START)
    [digest] = session.scalars(sa.text("SELECT digest FROM letter_pictures")).all()
    shown = tuple(
        replace(part, picture=digest) if part.kind in ("picture", "video") else part
        for part in parts
    )
    letter = Letter(shown, (Quick("門市", "stores"),) if has_quick else ())
    said = messages.preview(session, letter, Person("陳怡君", "金卡", 9), BRAND, now=START)
    assert len(said) == len(parts)
    if not list(service.faults(session, letter)):
        assert limits.check_request(said) == []


# Pictures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uploaded", "kind", "size"),
    [
        (picture(), "JPEG", (1_024, 576)),
        (picture(300, 400), "JPEG", (300, 400)),
        (picture(2_000, 2_000, "PNG", "RGBA"), "PNG", (1_024, 1_024)),
        (picture(900, 300, "PNG", "L"), "JPEG", (900, 300)),
        (picture(900, 300, "JPEG", "CMYK"), "JPEG", (900, 300)),
    ],
)
def test_a_picture_becomes_what_line_takes(
    uploaded: bytes, kind: str, size: tuple[int, int]
) -> None:
    made = pictures.made(uploaded)
    assert (made.kind, (made.width, made.height)) == (kind, size)
    with Image.open(io.BytesIO(made.content)) as large, Image.open(io.BytesIO(made.small)) as small:
        assert (large.format, large.size) == (kind, size)
        assert small.format == "JPEG"
        assert max(small.size) <= pictures.SMALL
    assert len(made.small) < pictures.MOST_SMALL_BYTES


def test_a_picture_is_turned_upright_and_tells_nothing_of_where_it_was_taken() -> None:
    packed = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010E] = "at home"
    Image.new("RGB", (400, 200), "teal").save(packed, "JPEG", exif=exif)
    made = pictures.made(packed.getvalue())
    assert (made.width, made.height) == (200, 400)
    with Image.open(io.BytesIO(made.content)) as image:
        assert dict(image.getexif()) == {}


def test_a_grey_of_sixteen_bits_stays_as_dark_as_it_was() -> None:
    packed = io.BytesIO()
    Image.new("I;16", (300, 300), 128 * 256).save(packed, "PNG")
    made = pictures.made(packed.getvalue())
    with Image.open(io.BytesIO(made.content)) as image:
        red, green, blue = image.convert("RGB").getpixel((150, 150))  # type: ignore[misc]  # of RGB
    assert max(abs(one - 128) for one in (red, green, blue)) <= 2


@pytest.mark.parametrize(
    "uploaded",
    [
        b"",
        b"no picture",
        picture()[:400],
        picture(90, 400),
        picture(1_600, 400),
        picture(kind="GIF"),
        picture(6_000, 5_001, "PNG", "1"),
        b"x" * (pictures.MOST_UPLOADED + 1),
    ],
    ids=["nothing", "words", "cut off", "tiny", "a strip", "a gif", "unfolds", "heavy"],
)
def test_what_is_no_picture_for_line_is_refused(uploaded: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        pictures.made(uploaded)
    assert refused.value.field == "picture"


def test_the_same_picture_is_kept_once(session: Session) -> None:
    keep = partial(service.keep_picture, session, staff_id=None, now=START)
    assert keep(picture()) == keep(picture())
    assert queries.picture(session, "0" * 64, is_small=True) is None


def test_an_old_letter_reads_as_one_card() -> None:
    old = {"title": "夏茶", "body": "到了", "label": "看", "place": "url", "url": "https://a.tw/"}
    assert letters.letter_of(old) == of_card("夏茶", "到了", "", "看", "url", "https://a.tw/")
    assert letters.letter_of(old).url(0) == "https://a.tw/"

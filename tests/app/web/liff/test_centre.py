import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.attention import queries as topics
from app.core.db import Database
from app.members.models import Consent, Member
from app.missions import service as missions
from app.missions.rules import MissionDraft, Step, Window
from app.missions.rules import Reward as Prize
from app.outbox import service as outbox
from app.outbox.models import OutboxRow
from app.points import queries as points
from tests.support.joining import HANA, join, person_of
from tests.support.liff import Phone, phone
from tests.support.times import NOW

PROFILE = {"name": "林小花", "gender": "female", "email": "hana@example.tw", "city": "台中市",
           "birthday": "1990-05-06"}  # fmt: skip


@pytest.fixture
def hana(shop_db: Database) -> Iterator[Phone]:
    with shop_db.transaction() as session:
        join(session, HANA, marketing=True, now=NOW - timedelta(days=30))
    with phone(shop_db) as line:
        assert line.open(HANA).status == 200
        yield line


def row_of(db: Database) -> Member:
    with db.reading() as session:
        return session.scalars(sa.select(Member).where(Member.line_user_id == HANA)).one()


def test_the_centre_shows_what_is_known(hana: Phone) -> None:
    page = hana.view("centre").text
    for words in (
        "王小明",
        "0912-345-678",
        "1990/05/06",
        "停止行銷訊息",
        "刪除會員",
        "下載我的資料",
    ):
        assert words in page


def test_stopping_marketing_cancels_what_is_queued_and_is_proven(
    hana: Phone, shop_db: Database
) -> None:
    with shop_db.transaction() as session:
        for klass in ("promotion", "service"):
            outbox.push(
                session,
                member_id=person_of(session, HANA).id,
                recipient=HANA,
                messages=[{"type": "text", "text": "x"}],
                kind="x",
                klass=klass,
                dedup_key=klass,
                now=NOW,
            )
    assert "恢復接收" in hana.post("/liff/centre/marketing", {"is_given": "false"}).text
    assert not row_of(shop_db).marketing_ok
    with shop_db.reading() as session:
        statuses = {
            row.klass: row.status
            for row in session.execute(
                sa.select(OutboxRow.klass, OutboxRow.status).where(OutboxRow.kind == "x")
            )
        }
        last = session.scalars(sa.select(Consent).order_by(Consent.id.desc())).first()
    assert statuses == {"promotion": "cancelled", "service": "waiting"}
    assert last is not None
    assert (last.kind, last.is_given, last.channel) == ("marketing", False, "liff")
    assert "停止行銷訊息" in hana.post("/liff/centre/marketing", {"is_given": "true"}).text
    assert row_of(shop_db).marketing_ok


def test_ones_own_data_come_as_a_file(hana: Phone) -> None:
    answer = hana.get("/liff/centre/data")
    assert answer.header("content-disposition") == 'attachment; filename="my-data-2026-07-04.json"'
    held = json.loads(answer.text)["held"]
    assert held["members"][0]["name"] == "王小明"
    assert {"consents", "timeline", "tier_periods"} <= held.keys()


def test_data_are_corrected(hana: Phone, shop_db: Database) -> None:
    assert hana.post("/liff/centre/profile", PROFILE).header("x-go") == "/liff/centre?saved"
    row = row_of(shop_db)
    assert (row.name, row.gender, row.email, row.city) == (
        "林小花",
        "female",
        "hana@example.tw",
        "臺中市",
    )
    assert row.birthday_edits == 0


def test_filling_in_the_profile_completes_a_mission(hana: Phone, shop_db: Database) -> None:
    with shop_db.transaction() as session:
        missions.create(
            session,
            draft=MissionDraft(
                "profile",
                "認識您",
                (Step("profile", 2, fields=("email", "city")),),
                window=Window("month", starts_on=NOW.date().replace(day=1)),
                reward=Prize(20),
            ),
            now=NOW,
        )
    assert hana.post("/liff/centre/profile", PROFILE).status == 204
    with shop_db.reading() as session:
        member = person_of(session, HANA)
        assert points.standing(session, member.id, now=NOW).balance == 20


def test_the_birthday_is_corrected_once_only(hana: Phone, shop_db: Database) -> None:
    assert hana.post("/liff/centre/profile", PROFILE | {"birthday": "1991-05-06"}).status == 204
    row = row_of(shop_db)
    assert (str(row.birthday), row.birth_month, row.birthday_edits) == ("1991-05-06", 5, 1)
    assert 'name="birthday"' not in hana.view("centre/profile").text
    page = hana.post("/liff/centre/profile", PROFILE | {"birthday": "1992-05-06", "name": "別人"})
    assert page.status == 422
    assert "請洽門市" in page.text
    row = row_of(shop_db)
    assert (str(row.birthday), row.name) == ("1991-05-06", "林小花")
    # Everything else can still be corrected.
    assert hana.post("/liff/centre/profile", PROFILE | {"birthday": ""}).status == 204


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "1"}, "姓名"),
        ({"email": "nobody"}, "電子郵件"),
        ({"city": "東京都"}, "居住縣市"),
        ({"gender": "x"}, "性別"),
        ({"birthday": "2030-01-01"}, "出生年月日"),
        ({"birthday": "someday"}, "出生年月日"),
        ({"birthday": "2024-01-01"}, "未滿 7 歲"),
    ],
)
def test_a_refused_correction_says_why(
    hana: Phone, shop_db: Database, fields: dict[str, str], sentence: str
) -> None:
    page = hana.post("/liff/centre/profile", PROFILE | fields)
    assert page.status == 422
    assert sentence in page.text
    assert row_of(shop_db).name == "王小明"


def test_leaving_lists_what_is_lost_and_wants_to_be_sure(hana: Phone, shop_db: Database) -> None:
    page = hana.view("centre/close").text
    for words in ("您將失去", "可用點數", "可用優惠券", "會員等級", "7 天", "2026/07/11"):
        assert words in page
    unsure = hana.post("/liff/centre/close")
    assert unsure.status == 422
    assert row_of(shop_db).status == "member"


def test_leaving_and_coming_back(hana: Phone, shop_db: Database) -> None:
    page = hana.post("/liff/centre/close", {"is_sure": "true"})
    assert "2026/07/11 12:00" in page.text
    assert row_of(shop_db).status == "closed"
    assert hana.view("card").header("x-go") == "/liff/join"
    assert "復原我的會員" in hana.view("centre").text
    assert hana.post("/liff/centre/reopen").header("x-go") == "/liff/card"
    row = row_of(shop_db)
    assert (row.status, row.marketing_ok) == ("member", False)


def test_there_is_nothing_to_reopen_for_a_member(hana: Phone) -> None:
    assert hana.post("/liff/centre/reopen").header("x-go") == "/liff/join"


def test_one_topic_is_turned_off_and_the_rest_stays(hana: Phone, shop_db: Database) -> None:
    page = hana.view("centre").text
    assert "想收哪些主題" in page
    off = hana.post("/liff/centre/topic", {"code": "news", "is_wanted": "false"})
    assert "（目前不收）" in off.text
    with shop_db.reading() as session:
        assert set(topics.stopped_by(session, person_of(session, HANA).id)) == {"news"}
    on = hana.post("/liff/centre/topic", {"code": "news", "is_wanted": "true"})
    assert "（目前不收）" not in on.text
    assert hana.post("/liff/centre/topic", {"code": "moon"}).status == 404
    hana.post("/liff/centre/marketing", {"is_given": "false"})
    assert "想收哪些主題" not in hana.view("centre").text  # there is nothing left to choose

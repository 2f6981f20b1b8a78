"""Lists as files: whole, safe to open, written down, and without names for who may see none."""

import csv
import io
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from app.core.db import Database
from app.lookups.models import Lookup
from app.segments import compiling
from app.segments import service as segments
from app.segments.rules import READY, Group
from app.staff.models import AuditEntry
from app.staff.rules import Role
from app.web.console import exports
from tests.support.loyalty import publish
from tests.support.people import number_of, regular
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import Browser


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ('=HYPERLINK("https://evil.example")', '\'=HYPERLINK("https://evil.example")'),
        ("+886912345678", "'+886912345678"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("＝1", "'＝1"),
        ("陳小花", "陳小花"),
        ("", ""),
        (None, ""),
        (-5, -5),
    ],
)
def test_a_spreadsheet_computes_nothing_that_somebody_typed(value: object, written: object) -> None:
    assert exports.cell(value) == written


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_whatever_the_cells_hold_the_rows_come_back(rows: list[tuple[str, str]]) -> None:
    rows = [(a.replace("\r", " "), b.replace("\r", " ")) for a, b in rows]
    text = "".join(exports.lines(["a", "b"], [rows]))
    assert text.startswith("\ufeff")
    read = list(csv.reader(io.StringIO(text[1:], newline="")))
    assert read == [["a", "b"], *([str(exports.cell(one)) for one in row] for row in rows)]


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


FILE = "/console/members/list.csv"


@pytest.fixture
def hana(sqlite_db: Database, shop: Shop) -> int:
    with sqlite_db.transaction() as session:
        publish(session)
        regular(session, name=None, display_name="=1+1", joined_at=None)
        return regular(session, name="陳小花", display_name="Hana", phone="+886912345678")


def fetched(visitor: Browser, role: Role, url: str = FILE) -> Any:
    visitor.log_in(role)
    answer = visitor.get(url)
    assert answer.status == 200
    assert "attachment" in answer.header("content-disposition")
    return answer


def test_the_whole_list_comes_page_by_page_and_is_written_down(
    sqlite_db: Database, visitor: Browser, hana: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PORTION", 1)
    rows = table(fetched(visitor, Role.MARKETER).text)
    with sqlite_db.reading() as session:
        number = number_of(session, hana)
        audited = session.execute(
            sa.select(AuditEntry.action, AuditEntry.object).order_by(AuditEntry.id.desc())
        ).first()
        looked = session.execute(sa.select(Lookup.what, Lookup.people, Lookup.is_full)).all()
    assert rows[0][:4] == ["會員編號", "姓名", "LINE 名稱", "手機"]
    assert rows[1][:4] == [number, "陳小花", "Hana", "0912-345-678"]
    assert rows[2][:3] == ["", "—", "'=1+1"]
    assert len(rows) == 3
    assert audited is not None
    assert tuple(audited) == ("list.exported", "members")
    assert [tuple(row) for row in looked] == [("file", 2, True)]


def test_an_analyst_s_file_has_no_columns_for_names(
    sqlite_db: Database, visitor: Browser, hana: int
) -> None:
    text = fetched(visitor, Role.ANALYST).text
    assert table(text)[0] == ["會員編號", "等級", "點數", "狀態", "可傳訊", "入會日"]
    for secret in ("陳小花", "Hana", "912-345", "0912"):
        assert secret not in text


def test_a_manager_s_file_hides_the_middle_of_names(visitor: Browser, hana: int) -> None:
    text = fetched(visitor, Role.STORE_MANAGER).text
    assert "陳○花" in text
    assert "陳小花" not in text
    assert "0912-***-678" in text


def test_the_list_and_its_file_follow_a_segment(
    sqlite_db: Database, visitor: Browser, hana: int
) -> None:
    with sqlite_db.transaction() as session:
        name, tree = READY["asleep"]
        segment_id = segments.create(session, name=name, tree=tree, now=NOW)
    url = f"/console/members/list.csv?segment={segment_id}&status=member"
    assert len(table(fetched(visitor, Role.MARKETER, url).text)) == 1
    page = visitor.get(f"/console/members?segment={segment_id}").text
    assert "沒有符合的會員" in page
    assert f'value="{segment_id}" selected' in page
    assert visitor.get("/console/members?segment=999").status == 404


@pytest.mark.parametrize("name", ["audit", "lookups"])
def test_the_owner_s_records_come_as_files_too(visitor: Browser, hana: int, name: str) -> None:
    visitor.log_in(Role.OWNER)
    visitor.get(f"/console/members/{hana}")
    first = table(visitor.get(f"/console/{name}/list.csv").text)
    assert len(first) >= 2
    again = table(visitor.get("/console/audit/list.csv?action=list.exported").text)
    assert again[1][2] == "下載名單"


def test_a_segment_is_looked_for_no_more_often_however_long_its_file_is(
    sqlite_db: Database, visitor: Browser, hana: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PORTION", 1)
    with sqlite_db.transaction() as session:
        for number in range(5):
            regular(session, name=f"王{number}", phone=f"+88691200000{number}")
        tree = Group("all", ())
        segment_id = segments.create(session, name="全部", tree=tree, now=NOW)
    meant = compiling.members

    def marked(*args: Any, **named: Any) -> sa.Select[Any]:
        return meant(*args, **named).where(sa.literal_column("'the segment'") != "")

    monkeypatch.setattr(compiling, "members", marked)
    said: list[str] = []
    sa.event.listen(
        sqlite_db.engine, "before_cursor_execute", lambda *args: said.append(str(args[2]))
    )
    rows = table(fetched(visitor, Role.MARKETER, f"{FILE}?segment={segment_id}").text)[1:]
    assert [row[1] for row in rows] == ["王4", "王3", "王2", "王1", "王0", "陳小花"]
    assert sum("the segment" in one for one in said) == 2  # how many, and who


def test_a_segment_is_refused_to_who_may_see_none(visitor: Browser, hana: int) -> None:
    visitor.log_in(Role.ANALYST)
    assert visitor.get(f"{FILE}?segment=1").status == 403
    assert visitor.get("/console/members?segment=1").status == 403
    assert visitor.get("/console/members?segment=").status == 200


def test_the_audit_keeps_that_words_were_typed_and_not_the_words(
    sqlite_db: Database, visitor: Browser, hana: int
) -> None:
    fetched(visitor, Role.MARKETER, f"{FILE}?q=陳小花&status=member")
    with sqlite_db.reading() as session:
        kept = session.scalars(sa.select(AuditEntry.after).order_by(AuditEntry.id.desc())).first()
    assert kept == {"q": True, "status": "member"}

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.insights.queries import roster
from app.insights.queries.roster import Wanted
from tests.support.loyalty import publish
from tests.support.people import number_of, regular


@pytest.fixture
def people(db: Database) -> dict[str, int]:
    with db.transaction() as session:
        publish(session)
        return {
            "hana": regular(session, name="陳小花", display_name="Hana", phone="+886912345678"),
            "ken": regular(session, name="臺灣雄", display_name="Ken_100%"),
            "mei": regular(session, name=None, display_name="mei 梅", joined_at=None),
        }


def found(db: Database, wanted: Wanted) -> list[int]:
    with db.reading() as session:
        return [row.id for row in roster.members(session, wanted).rows]


@pytest.mark.parametrize(
    ("words", "who"),
    [
        ("小花", ["hana"]),
        ("hANA", ["hana"]),
        ("0912-345-678", ["hana"]),
        ("+886 912 345 678", ["hana"]),
        ("０９１２３４５６７８", ["hana"]),
        ("台灣", ["ken"]),
        ("臺灣", ["ken"]),
        ("100%", ["ken"]),
        ("_100", ["ken"]),
        ("%", ["ken"]),
        ("梅", ["mei"]),
        ("nobody", []),
        ("0999999999", []),
        ("  ", ["mei", "ken", "hana"]),
    ],
)
def test_members_are_found_by_what_people_know_of_them(
    db: Database, people: dict[str, int], words: str, who: list[str]
) -> None:
    assert found(db, Wanted(words=words)) == [people[name] for name in who]


def test_a_member_number_finds_its_member_only(db: Database, people: dict[str, int]) -> None:
    with db.reading() as session:
        number = number_of(session, people["ken"])
    assert found(db, Wanted(words=f"{number[:4]} {number[4:]}")) == [people["ken"]]


def test_filters_narrow_the_list(db: Database, people: dict[str, int]) -> None:
    assert found(db, Wanted(status="guest")) == [people["mei"]]
    assert found(db, Wanted(tier="basic")) == [people["ken"], people["hana"]]
    assert found(db, Wanted(tier="gold")) == []
    assert found(db, Wanted(words="小花", status="guest")) == []


def test_who_may_not_see_names_cannot_search_by_them(db: Database, people: dict[str, int]) -> None:
    assert found(db, Wanted(words="小花", by_name=False, by_phone=False)) == []
    assert found(db, Wanted(words="0912345678", by_name=False, by_phone=False)) == []


def test_pages_follow_each_other_without_gap_or_repeat(db: Database) -> None:
    with db.transaction() as session:
        publish(session)
        everyone = [regular(session) for _ in range(7)]
    seen: list[int] = []
    before = None
    with db.reading() as session:
        while True:
            page = roster.members(session, Wanted(), before_id=before, limit=3)
            seen += [row.id for row in page.rows]
            if page.next_before is None:
                break
            before = page.next_before
    assert seen == sorted(everyone, reverse=True)


def test_the_number_of_queries_does_not_grow_with_the_rows(db: Database) -> None:
    statements: list[str] = []
    sa.event.listen(
        db.engine,
        "before_cursor_execute",
        lambda _c, _u, statement, *_rest: statements.append(statement),
    )
    counts = []
    with db.transaction() as session:
        publish(session)
    for more in (2, 20):
        with db.transaction() as session:
            for _ in range(more):
                regular(session)
        statements.clear()
        with db.reading() as session:
            roster.members(session, Wanted())
        counts.append(len(statements))
    assert counts[0] == counts[1]

"""The pages on which a marketer says who is meant."""

import pytest
import sqlalchemy as sa
from starlette.datastructures import FormData

from app.core.db import Database
from app.core.errors import Invalid
from app.segments import queries, rules
from app.segments.rules import Condition, Group
from app.staff.models import AuditEntry
from app.staff.rules import Role
from app.web.console import conditions
from app.web.console.conditions import Block, Line
from tests.support.people import bought, regular
from tests.support.staffing import Shop
from tests.support.web import Browser

SPENDERS = {"0-match": "all", "0-0-of": "spend", "0-0-low": "ＮＴ$1,000", "0-0-days": "90"}


def test_every_field_is_on_a_shelf() -> None:
    shelved = [name for shelf in conditions.SHELVES.values() for name in shelf]
    assert sorted(shelved) == sorted(rules.FIELDS)


@pytest.mark.parametrize(("_name", "tree"), rules.READY.values())
def test_what_is_ready_stands_in_the_form_and_says_the_same(_name: str, tree: Group) -> None:
    assert not list(rules.faults(tree))
    assert conditions.tree(conditions.blocks_of(tree)) == Group("all", (tree,))


def test_a_form_becomes_a_tree_and_a_tree_the_form() -> None:
    form = FormData(
        [
            *SPENDERS.items(),
            ("0-1-of", ""),
            ("1-match", "none"),
            ("1-0-of", "bought"),
            ("1-0-text", "茶葉、S-1，茶葉"),
            ("1-1-of", "tier"),
            ("1-1-any", "gold"),
            ("1-1-any", "silver"),
            ("3-match", "all"),
        ]
    )
    found = conditions.tree(conditions.read(form))
    assert found == Group(
        "all",
        (
            Group("all", (Condition("spend", at_least=1_000, days=90),)),
            Group(
                "none",
                (
                    Condition("bought", any_of=("茶葉", "S-1")),
                    Condition("tier", any_of=("gold", "silver")),
                ),
            ),
        ),
    )
    assert conditions.tree(conditions.blocks_of(found)) == found
    assert conditions.blocks_of(Group("any", (Condition("points", at_least=1),)))[0].match == "any"
    assert conditions.blocks_of(rules.EVERYBODY) == (Block(),)


def test_a_tree_deeper_than_the_form_is_not_shown_as_less() -> None:
    inner = Group("all", (Group("any", (Condition("points", at_least=1),)),))
    with pytest.raises(ValueError, match="group"):
        conditions.blocks_of(Group("all", (inner,)))


@pytest.mark.parametrize("typed", ["十", "-1", "1.5", "9" * 11])
def test_what_is_no_number_is_named(typed: str) -> None:
    with pytest.raises(Invalid, match="消費金額"):
        conditions.tree([Block(lines=(Line("spend", low=typed),))])


@pytest.mark.parametrize(
    ("order", "shape"),
    [
        ("block", [2, 1, 1]),
        ("line:0", [3, 1]),
        ("drop:0:0", [1, 1]),
        ("drop:1", [2]),
        ("drop:7", [2, 1]),
        ("line:7", [2, 1]),
        ("drop:0", [1]),
        ("", [2, 1]),
        ("line:-1", [2, 1]),
    ],
)
def test_buttons_add_and_take_away(order: str, shape: list[int]) -> None:
    blocks = (Block(lines=(Line("spend"), Line())), Block())
    found = conditions.rearranged(blocks, order)
    assert [len(block.lines) for block in found] == shape


def test_no_form_grows_without_end() -> None:
    blocks: tuple[Block, ...] = (Block(),)
    for _ in range(50):
        blocks = conditions.rearranged(conditions.rearranged(blocks, "block"), "line:0")
    assert len(blocks) == conditions.MOST_BLOCKS
    assert len(blocks[0].lines) == rules.MOST_PARTS
    assert conditions.rearranged((Block(),), "drop:0") == (Block(),)


def test_a_segment_from_the_first_look_to_its_removal(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    with sqlite_db.transaction() as session:
        rich, poor = regular(session, phone="+886912345678"), regular(session)
        bought(session, rich, 5_000, store_id=shop.store_id)
        bought(session, poor, 100, store_id=shop.store_id)
    visitor.log_in(Role.MARKETER)
    assert "還沒有存過分眾" in visitor.get("/console/segments").text
    assert "近 365 天消費天數" in visitor.get("/console/segments/new?ready=regulars").text
    assert visitor.get("/console/segments/new?ready=nobody").status == 200
    page = visitor.post("/console/segments/draft", SPENDERS).text
    assert '<p class="figure">1 <small>' in page
    assert f'href="/console/members/{rich}"' in page
    assert f'href="/console/members/{poor}"' not in page
    assert "近 90 天消費金額 至少 NT$1,000" in page
    more = visitor.post("/console/segments/draft", SPENDERS | {"order": "line:0"}).text
    assert 'name="0-1-of"' in more
    vague = visitor.post("/console/segments/draft", {"0-match": "all", "0-0-of": "spend"}).text
    assert "消費金額：請填數字" in vague

    assert visitor.post("/console/segments", SPENDERS).status == 422
    saved = visitor.post("/console/segments", SPENDERS | {"name": "大戶"})
    assert (saved.status, saved.location) == (303, "/console/segments")
    twice = visitor.post("/console/segments", SPENDERS | {"name": "大戶"})
    assert (twice.status, "已經有「大戶」" in twice.text) == (422, True)
    assert "近 90 天消費金額 至少 NT$1,000" in visitor.get("/console/segments").text
    assert "<strong>1</strong> 人" in visitor.get("/console/segments/1/size").text
    assert 'value="1000"' in visitor.get("/console/segments/1").text

    changed = SPENDERS | {"name": "小戶", "0-0-low": "50"}
    again = visitor.post("/console/segments/draft", changed | {"segment": "1"}).text
    assert 'action="/console/segments/1"' in again
    visitor.post("/console/segments/1", changed)
    assert "小戶" in visitor.get("/console/segments").text
    wrong = visitor.post("/console/segments/1", changed | {"0-0-low": "很多"})
    assert (wrong.status, "請填整數" in wrong.text) == (422, True)
    visitor.post("/console/segments/1/remove")
    assert "還沒有存過分眾" in visitor.get("/console/segments").text
    assert visitor.post("/console/segments/1/remove").status == 404
    assert visitor.get("/console/segments/99").status == 404
    with sqlite_db.reading() as session:
        assert queries.segments(session) == []
        said = session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert [word for word in said if word.startswith("segment")] == [
        "segment.saved",
        "segment.saved",
        "segment.removed",
    ]


def test_what_was_typed_is_shown_and_never_run(visitor: Browser) -> None:
    visitor.log_in(Role.MARKETER)
    evil = '"><script>alert(1)</script>'
    form = {"0-match": "all", "0-0-of": "bought", "0-0-text": evil, "name": evil}
    page = visitor.post("/console/segments/draft", form).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    chosen = {"0-match": "all", "0-0-of": "tier", "0-0-any": evil}
    assert "<script>alert" not in visitor.post("/console/segments/draft", chosen).text


def test_only_who_reaches_members_sees_segments(visitor: Browser) -> None:
    visitor.log_in(Role.ANALYST)
    assert visitor.get("/console/segments").status == 403
    assert "分眾" not in visitor.get("/console").text

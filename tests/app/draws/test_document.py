from datetime import UTC, datetime

import pytest

from app.core.errors import Invalid
from app.draws import document
from app.draws.rules import Prize

FILE = """
code: autumn
name: 秋茶抽獎
starts_at: 2026-09-01
ends_at: 2026-10-01 00:00:00
draw_at: 2026-10-01T12:00:00+08:00
cost: 50
per_day: 3
prizes:
  - {name: 茶具組, quantity: 1, value: 2480}
  - {name: 100 點, quantity: 10, points: 100}
"""


def test_a_draw_is_read_with_taipeis_times() -> None:
    draft = document.load(FILE)
    assert draft.starts_at == datetime(2026, 8, 31, 16, 0, tzinfo=UTC)
    assert draft.draw_at == datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
    assert draft.prizes == (Prize("茶具組", 1, 2480), Prize("100 點", 10, points=100))


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("cost: 50", "costs: 50", "costs"),
        ("cost: 50", "cost: 五十", "cost"),
        ("quantity: 1,", "quantities: 1,", r"prizes\[0\].quantities"),
        ("quantity: 1,", "quantity: 0,", r"prizes\[0\].quantity"),
        ("quantity: 1,", 'quantity: "1",', r"prizes\[0\].quantity"),
        ("name: 秋茶抽獎\n", "", "name"),
        ("ends_at: 2026-10-01 00:00:00", "ends_at: 2026-08-01", "ends_at"),
        ("code: autumn", "code: [", "file"),
        (FILE, "", "file"),
        (FILE, "- 1", "file"),
    ],
)
def test_a_mistake_names_its_field(old: str, new: str, field: str) -> None:
    with pytest.raises(Invalid, match=field):
        document.load(FILE.replace(old, new))

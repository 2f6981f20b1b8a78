"""What a letter is made of, what it says to whom, and what keeps it from going out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.campaigns.rules import letters as rules
from app.campaigns.rules.letters import Letter, Person, of_card
from tests.app.campaigns.brand import but

GOOD = of_card("夏茶上市", "{姓名}您好，今年的夏茶到了。", label="看門市", place="stores")
HANA = Person("陳花", "金卡", 1_250)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{姓名}您好", "陳花您好"),
        ("｛姓名｝您好", "陳花您好"),
        ("{ 等級 }的您有 {點數} 點", "金卡的您有 1,250 點"),
        ("{生日}", "{生日}"),
        ("沒有欄位", "沒有欄位"),
        ("{{姓名}}", "{陳花}"),
        ("", ""),
    ],
)
def test_fields_are_filled(words: str, said: str) -> None:
    assert rules.filled(words, HANA) == said


def test_who_has_no_name_is_called_a_member() -> None:
    assert rules.filled("{姓名}您好", Person()) == "會員您好"


@given(st.text(max_size=60), st.text(alphabet="王小明{}點數姓名", min_size=1, max_size=8))
def test_what_is_filled_in_is_not_filled_again(words: str, name: str) -> None:
    plain = words.replace("{", "").replace("}", "").replace("｛", "").replace("｝", "")
    assert rules.filled(f"{plain}{{姓名}}", Person(name)) == f"{plain}{name}"


@pytest.mark.parametrize(
    ("letter", "fields"),
    [
        (GOOD, []),
        (but(GOOD, coupon="welcome"), []),
        (but(GOOD, place="url", url="https://shop.example.tw/summer?a=1#top"), []),
        (but(GOOD, title=" "), ["m0-title"]),
        (but(GOOD, title="長" * 40), []),
        (but(GOOD, title="長" * 41), ["m0-title"]),
        (but(GOOD, body="字" * 501), ["m0-body"]),
        (but(GOOD, body="{生日}快樂"), ["m0-body"]),
        (but(GOOD, label=""), ["m0-label"]),
        (but(GOOD, label="字" * 21), ["m0-label"]),
        (but(GOOD, place="moon"), ["m0-place"]),
        (but(GOOD, place="url"), ["m0-url"]),
        (but(GOOD, place="url", url="http://shop.example.tw"), ["m0-url"]),
        (but(GOOD, place="url", url="https://shop"), ["m0-url"]),
        (but(GOOD, place="url", url="https://shop.example.tw/a b"), ["m0-url"]),
        (but(GOOD, place="url", url="javascript:alert(1)"), ["m0-url"]),
        (but(GOOD, place="url", url="https://me@shop.example.tw"), ["m0-url"]),
        (but(GOOD, place="url", url="https://shop.example.tw/" + "a" * 500), ["m0-url"]),
        (of_card(), ["m0-title", "m0-body", "m0-label"]),
        (Letter(), ["parts"]),
    ],
)
def test_what_keeps_a_letter_from_going_out(letter: Letter, fields: list[str]) -> None:
    assert [field for field, _reason in rules.faults(letter)] == fields


def test_a_letter_comes_back_from_its_document() -> None:
    letter = but(GOOD, coupon="welcome", url="https://a.example")
    assert rules.letter_of(letter.document()) == letter
    assert rules.letter_of({"title": "舊", "gone": 1}) == of_card("舊", place="")

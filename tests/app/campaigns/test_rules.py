"""What a letter may say, what it says to whom, and what its result is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.campaigns import messages, rules
from app.campaigns.rules import Arm, Letter, Person

GOOD = Letter("夏茶上市", "{姓名}您好，今年的夏茶到了。", label="看門市", place="stores")
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
        (replace(GOOD, coupon="welcome"), []),
        (replace(GOOD, place="url", url="https://shop.example.tw/summer?a=1#top"), []),
        (replace(GOOD, title=" "), ["title"]),
        (replace(GOOD, title="長" * 40), []),
        (replace(GOOD, title="長" * 41), ["title"]),
        (replace(GOOD, body="字" * 501), ["body"]),
        (replace(GOOD, body="{生日}快樂"), ["body"]),
        (replace(GOOD, label=""), ["label"]),
        (replace(GOOD, label="字" * 21), ["label"]),
        (replace(GOOD, place="moon"), ["place"]),
        (replace(GOOD, place="url"), ["url"]),
        (replace(GOOD, place="url", url="http://shop.example.tw"), ["url"]),
        (replace(GOOD, place="url", url="https://shop"), ["url"]),
        (replace(GOOD, place="url", url="https://shop.example.tw/a b"), ["url"]),
        (replace(GOOD, place="url", url="javascript:alert(1)"), ["url"]),
        (replace(GOOD, place="url", url="https://me@shop.example.tw"), ["url"]),
        (replace(GOOD, place="url", url="https://shop.example.tw/" + "a" * 500), ["url"]),
        (Letter(), ["title", "body", "label"]),
    ],
)
def test_what_keeps_a_letter_from_going_out(letter: Letter, fields: list[str]) -> None:
    assert [field for field, _reason in rules.faults(letter)] == fields


def test_a_letter_comes_back_from_its_document() -> None:
    letter = replace(GOOD, coupon="welcome", url="https://a.example")
    assert rules.letter_of(letter.document()) == letter
    assert rules.letter_of({"title": "舊", "gone": 1}) == Letter("舊", place="")


# Results ------------------------------------------------------------------------------------------


def test_uplift_is_the_difference_and_what_it_comes_to() -> None:
    found = rules.uplift(Arm(1_900, 190, 95_000), Arm(100, 5, 2_500))
    assert found is not None
    assert found.rate == pytest.approx(0.05)
    assert found.more_buyers == pytest.approx(95)
    assert found.more_spent == pytest.approx((50 - 25) * 1_900)
    assert found.low < 0.05 < found.high
    assert found.is_sure is (found.low > 0)


@pytest.mark.parametrize(("treated", "control"), [(29, 100), (100, 29), (0, 0)])
def test_a_small_arm_says_nothing(treated: int, control: int) -> None:
    assert rules.uplift(Arm(treated, 0, 0), Arm(control, 0, 0)) is None


def test_an_empty_arm_has_no_rate() -> None:
    assert Arm(0, 0, 0).rate is None
    assert Arm(0, 0, 0).mean is None


# Links --------------------------------------------------------------------------------------------


REFS = st.one_of(
    st.integers(1, 2**62).map(messages.ref_of),
    st.builds("j{}-s{}".format, st.integers(1, 2**62), st.integers(1, 9_999)),
)


@given(REFS, st.integers(1, 2**62))
def test_a_link_names_its_reader_and_nobody_else(ref: str, member: int) -> None:
    token = messages.token("key", ref, member)
    assert len(token) <= 80
    assert messages.read_token("key", token) == (ref, member)
    assert messages.read_token("other", token) is None
    changed = messages.token("key", ref, member + 1)
    forged = f"{changed.rpartition('.')[0]}.{token.rpartition('.')[2]}"
    assert messages.read_token("key", forged) is None


@pytest.mark.parametrize(
    "token", ["", ".", "..", "1.2", "1.2.", "x.2.ab", "1.2.3.4", "²." * 3, "9" * 40 + ".1.a"]
)
def test_what_we_did_not_make_names_nobody(token: str) -> None:
    assert messages.read_token("key", token) is None

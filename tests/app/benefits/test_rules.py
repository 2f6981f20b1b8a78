"""For which period a choice is, until when, and when it may be made again."""

from dataclasses import dataclass, replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.benefits.rules import Term, gives, last_day, made, period, since
from app.core.clock import TAIPEI, taipei_date
from app.programmes.rules import DEFAULT, Choice, Every, Option, Terms, check, from_document
from app.programmes.rules import to_document as document_of


def at(words: str) -> datetime:
    return datetime.fromisoformat(words).replace(tzinfo=TAIPEI)


GOLD = Term(17, at("2026-03-10T12:00"), at("2027-03-10T00:00"), "upgrade")


@dataclass(frozen=True)
class Was:
    choice: str
    period: str
    at: datetime
    is_over: bool = False


@pytest.mark.parametrize(
    ("every", "now", "name", "last"),
    [
        ("month", "2026-11-30T23:59:59", "2026-11", "2026-11-30"),
        ("month", "2026-12-01T00:00:00", "2026-12", "2026-12-31"),
        ("month", "2028-02-05T00:00:00", "2028-02", None),
        ("quarter", "2026-03-31T23:59:59", "2026-Q1", "2026-03-31"),
        ("quarter", "2026-04-01T00:00:00", "2026-Q2", "2026-06-30"),
        ("quarter", "2026-12-31T23:59:59", "2026-Q4", "2026-12-31"),
        ("quarter", "2027-01-01T00:00:00", "2027-Q1", "2027-03-09"),  # the tier ends before
        ("year", "2026-12-31T23:59:59", "2026", "2026-12-31"),
        ("year", "2027-01-01T00:00:00", "2027", "2027-03-09"),
        ("term", "2026-05-01T00:00:00", "term:17", "2027-03-09"),
    ],
)
def test_periods_are_those_of_taipeis_calendar(
    every: Every, now: str, name: str, last: str | None
) -> None:
    assert period(every, GOLD, at(now)) == name
    if last is not None:
        assert last_day(every, GOLD, at(now)) == date.fromisoformat(last)


def test_a_term_without_end_has_no_last_day() -> None:
    assert last_day("term", replace(GOLD, ends_at=None), at("2026-05-01T00:00")) is None


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2035, 12, 31), timezones=st.just(TAIPEI)),
    st.sampled_from(["month", "quarter", "year"]),
)
def test_the_day_after_the_last_is_of_another_period(now: datetime, every: Every) -> None:
    forever = replace(GOLD, ends_at=None)
    last = last_day(every, forever, now)
    assert last is not None
    noon = datetime(last.year, last.month, last.day, 12, tzinfo=TAIPEI)
    after = datetime.fromordinal(last.toordinal() + 1).replace(tzinfo=TAIPEI)
    assert taipei_date(now) <= last
    assert period(every, forever, noon) == period(every, forever, now)
    assert period(every, forever, after) != period(every, forever, now)


@pytest.mark.parametrize(
    ("reason", "first"),
    [
        ("renewed", "2026-03-10"),
        ("downgrade", "2026-03-10"),
        ("join", "2026-03-10"),
        ("upgrade", "2025-03-11"),  # a tier that comes back gives nothing twice, as its gift
        ("revoked", "2025-03-11"),
        ("merged", "2025-03-11"),
        ("manual", "2025-03-11"),
    ],
)
def test_a_tier_that_comes_back_is_no_new_term(reason: str, first: str) -> None:
    assert since(replace(GOLD, reason=reason), 12) == date.fromisoformat(first)


@pytest.mark.parametrize(
    ("was", "every", "is_made"),
    [
        (Was("gift", "2026-Q2", at("2026-04-01T00:00")), "quarter", True),
        (Was("gift", "2026-Q1", at("2026-03-31T23:59")), "quarter", False),
        (Was("other", "2026-Q2", at("2026-04-01T00:00")), "quarter", False),
        (Was("gift", "2026-Q2", at("2026-04-01T00:00"), is_over=True), "quarter", False),
        (Was("gift", "term:9", at("2025-03-11T00:00")), "term", True),
        (Was("gift", "term:9", at("2025-03-10T23:59")), "term", False),
        (Was("gift", "term:17", at("2026-05-01T00:00")), "term", True),
    ],
)
def test_what_was_chosen_before_counts(was: Was, every: Every, is_made: bool) -> None:
    now = at("2026-05-05T12:00")
    found = made([was], "gift", every, GOLD, gift_months=12, now=now)
    assert (found is not None) is is_made


def test_what_an_option_gives_is_said() -> None:
    assert gives(Option("a", "a", 200), None) == "200 點"
    assert gives(Option("a", "a", 0, "x"), "免運券") == "免運券"
    assert gives(Option("a", "a", 1_000, "x"), "免運券") == "1,000 點 + 免運券"


# In the terms -------------------------------------------------------------------------------------

SEASON = Choice(
    "season",
    "本季任選一項",
    "quarter",
    (Option("ship", "免運券", coupon="ship"), Option("points", "200 點", 200)),
)


def with_choices(*choices: Choice, silver: tuple[Choice, ...] = ()) -> Terms:
    tiers = list(DEFAULT.tiers)
    tiers[1] = replace(tiers[1], choices=silver)
    tiers[2] = replace(tiers[2], choices=choices)
    return replace(DEFAULT, tiers=tuple(tiers))


def test_choices_survive_being_written_down() -> None:
    terms = with_choices(SEASON)
    assert from_document(document_of(terms)) == terms
    assert check(terms) == []


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        (replace(SEASON, options=()), "選項須為 1–6 個"),
        (replace(SEASON, options=SEASON.options * 4), "選項須為 1–6 個"),
        (replace(SEASON, options=(SEASON.options[0],) * 2), "選項代碼重複：ship"),
        (replace(SEASON, options=(Option("nothing", "空"),)), "選項須給點數或優惠券"),
        (replace(SEASON, options=(Option("less", "少", -5),)), "點數不可為負"),
        (replace(SEASON, code="本季"), "代碼須為 1–40 個小寫英文字母、數字或底線"),
        (replace(SEASON, name=" "), "名稱須為 1–30 個字"),
    ],
)
def test_a_choice_that_contradicts_itself_is_refused(choice: Choice, reason: str) -> None:
    assert reason in check(with_choices(choice))


def test_one_code_is_one_choice_whatever_the_tier() -> None:
    monthly = replace(SEASON, every="month")
    assert check(with_choices(SEASON, silver=(SEASON,))) == []
    assert check(with_choices(SEASON, silver=(monthly,))) == [
        "各等級的任選權益 season 須用同一種期間"
    ]
    assert check(with_choices(SEASON, SEASON)) == ["同一等級的任選權益代碼重複：season"]

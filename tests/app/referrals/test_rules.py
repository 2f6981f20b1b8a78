from datetime import UTC, date, datetime, timedelta

import pytest

from app.core.clock import taipei_midnight
from app.programmes.rules import ReferralTerms, Reward
from app.referrals import rules
from app.referrals.rules import Newcomer
from tests.support.times import NOW

CODE = "K7MPQ2RSTU"
TODAY = date(2026, 7, 4)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (f"邀請碼 {CODE}", CODE),
        (f"邀請碼{CODE}", CODE),
        (f"  邀請碼：{CODE.lower()} ", CODE),
        ("邀請碼　Ｋ７ＭＰＱ２ＲＳＴＵ", CODE),
        (CODE, None),
        ("邀請碼", None),
        (f"邀請碼 {CODE}X", None),
        (f"我的邀請碼 {CODE}", None),
    ],
)
def test_a_code_is_read_however_it_is_typed(typed: str, code: str | None) -> None:
    assert rules.read_code(typed) == code


def test_what_we_propose_to_write_is_read() -> None:
    assert rules.read_code(rules.invitation(CODE)) == CODE


@pytest.mark.parametrize(
    ("birthday", "is_adult"),
    [
        (date(2008, 7, 4), True),
        (date(2008, 7, 5), False),
        (date(1990, 1, 1), True),
        (None, False),
        (date(2008, 2, 29), True),
    ],
)
def test_adults_are_eighteen(birthday: date | None, is_adult: bool) -> None:
    assert rules.is_adult(birthday, TODAY) is is_adult


@pytest.mark.parametrize(
    ("friend", "more", "reason"),
    [
        (Newcomer(2, False, date(1990, 1, 1)), {}, None),
        (Newcomer(1, False, date(1990, 1, 1)), {}, "self"),
        (Newcomer(1, True, date(1990, 1, 1)), {}, "self"),
        (Newcomer(2, True, date(1990, 1, 1)), {}, "known"),
        (Newcomer(2, False, date(2010, 1, 1)), {}, "minor"),
        (Newcomer(2, False, date(1990, 1, 1)), {"is_circular": True}, "circular"),
        (Newcomer(2, False, date(1990, 1, 1)), {"may_invite": False}, "inviter"),
    ],
)
def test_who_brings_no_reward(friend: Newcomer, more: dict[str, bool], reason: str | None) -> None:
    given = {"may_invite": True, "is_circular": False} | more
    assert rules.why_refused(friend, inviter_id=1, today=TODAY, **given) == reason


def test_the_last_day_of_each_period_counts() -> None:
    terms = ReferralTerms(Reward(1), valid_days=30, purchase_days=90)
    assert rules.join_by(terms, NOW) == taipei_midnight(date(2026, 8, 4))  # through 08-03
    assert rules.buy_by(terms, NOW) == taipei_midnight(date(2026, 10, 3))


@pytest.mark.parametrize(("wait", "due"), [(None, date(2026, 8, 4)), (7, date(2026, 7, 12)),
                                           (0, date(2026, 7, 5))])  # fmt: skip
def test_the_reward_is_due_when_nothing_can_be_given_back(wait: int | None, due: date) -> None:
    terms = ReferralTerms(Reward(1), wait_days=wait)
    assert rules.due_at(terms, return_window=30, sold_on=TODAY) == taipei_midnight(due)


def test_a_month_is_taipeis() -> None:
    last = datetime(2026, 7, 31, 15, 59, tzinfo=UTC)  # 23:59 in Taipei
    assert rules.month_of(last) == (
        taipei_midnight(date(2026, 7, 1)),
        taipei_midnight(date(2026, 8, 1)),
    )
    assert rules.month_of(last + timedelta(minutes=1))[0] == taipei_midnight(date(2026, 8, 1))
    assert rules.month_of(datetime(2026, 12, 31, tzinfo=UTC))[1] == taipei_midnight(
        date(2027, 1, 1)
    )

from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.errors import Invalid
from app.enrolments import rules, service
from app.enrolments.rules import Guardian
from app.enrolments.service import chat
from app.enrolments.service.chat import Prompt, read_guardian
from app.rights import service as rights
from tests.support import loyalty
from tests.support.joining import BRAND, KEN, KEY, agree, friend, join, last_code, person_of
from tests.support.times import NOW


@pytest.fixture(autouse=True)
def shop(session: Session) -> None:
    loyalty.publish(session)


class Talk:
    """Ken at his phone."""

    def __init__(self, session: Session) -> None:
        self.session, self.now = session, NOW
        friend(session, KEN)

    def _step(self, *, say: str = "", press: str = "", picked: date | None = None) -> Prompt | None:
        return service.chat_step(
            self.session,
            member=person_of(self.session, KEN),
            brand=BRAND,
            key=KEY,
            now=self.now,
            say=say,
            press=press,
            picked=picked,
        )

    def says(self, words: str) -> Prompt | None:
        return self._step(say=words)

    def answers(self, words: str) -> Prompt:
        prompt = self.says(words)
        assert prompt is not None
        return prompt

    def taps(self, press: str, picked: date | None = None) -> Prompt:
        prompt = self._step(press=press, picked=picked)
        assert prompt is not None
        return prompt

    def up_to_phone(self) -> None:
        self.taps(chat.START)
        self.taps("terms")
        assert self.taps(chat.PROCEED).step == rules.PHONE

    def up_to_birthday(self) -> None:
        self.up_to_phone()
        assert self.answers("0912345678").step == rules.CODE
        assert self.answers(last_code(self.session)).step == rules.BIRTHDAY


@pytest.fixture
def ken(session: Session) -> Talk:
    return Talk(session)


def test_joining_in_the_chat_from_the_notice_to_the_card(ken: Talk) -> None:
    notice = ken.taps(chat.START)
    assert notice.step == rules.NOTICE
    assert notice.consents is not None
    assert notice.consents == rules.Consents(notice.consents.version)  # nothing is ticked
    assert ken.taps("marketing").consents == rules.Consents(notice.consents.version, marketing=True)
    ken.taps("terms")
    assert ken.taps(chat.PROCEED) == Prompt(rules.PHONE)
    assert ken.answers("0912-345-678") == Prompt(rules.CODE, phone="+886912345678")
    assert ken.answers(last_code(ken.session)) == Prompt(rules.BIRTHDAY)
    done = ken.taps(chat.PICK, picked=date(1990, 5, 6))
    assert done.step == rules.DONE
    assert done.joined is not None
    person = person_of(ken.session, KEN)
    assert (person.number, person.marketing_ok) == (done.joined.number, True)


def test_a_box_is_ticked_and_unticked(ken: Talk) -> None:
    ken.taps(chat.START)
    ken.taps("terms")
    prompt = ken.taps("terms")
    assert prompt.consents is not None
    assert not prompt.consents.terms
    refused = ken.taps(chat.PROCEED)
    assert refused.step == rules.NOTICE
    assert "勾選" in refused.problem


def test_what_is_no_phone_is_asked_for_again(ken: Talk) -> None:
    ken.up_to_phone()
    prompt = ken.answers("02-2345-6789")
    assert (prompt.step, prompt.problem) == (
        rules.PHONE,
        "請輸入臺灣的手機號碼，例如 0912-345-678。",
    )


def test_words_at_the_code_do_not_use_up_a_try(ken: Talk) -> None:
    ken.up_to_phone()
    ken.answers("0912345678")
    for words in ("我沒有收到簡訊", "12345", "1234567"):
        prompt = ken.answers(words)
        assert (prompt.step, prompt.problem) == (rules.CODE, "請輸入簡訊中的 6 位數字驗證碼。")
    pasted = f"【熟客】驗證碼 {last_code(ken.session)}，5 分鐘內有效。"
    assert ken.answers(pasted).step == rules.BIRTHDAY


def test_what_the_buttons_at_the_code_do_can_be_typed(ken: Talk) -> None:
    ken.up_to_phone()
    ken.answers("0912345678")
    assert "1 分鐘" in ken.answers("重新傳送驗證碼").problem
    assert ken.answers("更改手機號碼").step == rules.PHONE


def test_a_wrong_code_says_how_many_tries_are_left(ken: Talk) -> None:
    ken.up_to_phone()
    ken.answers("0912345678")
    wrong = f"{(int(last_code(ken.session)) + 1) % 1_000_000:06d}"
    assert "再試 4 次" in ken.answers(wrong).problem
    for _ in range(4):
        ken.says(wrong)
    assert "12:15" in ken.answers(last_code(ken.session)).problem


def test_a_code_is_sent_again_after_a_minute(ken: Talk) -> None:
    ken.up_to_phone()
    ken.answers("0912345678")
    assert "1 分鐘" in ken.taps(chat.RESEND).problem
    ken.now += timedelta(seconds=60)
    assert ken.taps(chat.RESEND).problem == ""


def test_the_phone_can_be_changed(ken: Talk) -> None:
    ken.up_to_phone()
    ken.answers("0912345678")
    assert ken.taps(chat.CHANGE_PHONE).step == rules.PHONE
    ken.now += timedelta(seconds=60)
    assert ken.answers("0987654321").phone == "+886987654321"


def test_a_birthday_may_be_typed(ken: Talk) -> None:
    ken.up_to_birthday()
    assert ken.answers("很久以前").problem == "請選擇正確的出生年月日。"
    assert ken.answers("民國79年5月6日").step == rules.DONE


def test_a_minor_names_a_guardian(ken: Talk) -> None:
    ken.up_to_birthday()
    assert ken.taps(chat.PICK, picked=date(2012, 1, 1)).step == rules.GUARDIAN
    assert ken.answers("我媽媽").problem.startswith("沒有讀到姓名與手機號碼")
    assert ken.answers("王大明 0987-654-321").step == rules.DONE


def test_a_wrongly_picked_birthday_can_be_picked_again_instead_of_a_guardian(ken: Talk) -> None:
    ken.up_to_birthday()
    ken.taps(chat.PICK, picked=date(2012, 1, 1))
    assert ken.taps(chat.PICK, picked=date(1990, 1, 1)).step == rules.DONE


def test_small_children_are_refused_and_forgotten(ken: Talk) -> None:
    ken.up_to_birthday()
    prompt = ken.taps(chat.PICK, picked=date(2022, 1, 1))
    assert prompt.step == chat.REFUSED
    assert ken.says("0912345678") is None


@pytest.mark.parametrize("words", ["取消", "取消加入", "Ｃａｎｃｅｌ"])
def test_it_can_be_broken_off_at_any_time(ken: Talk, words: str) -> None:
    ken.up_to_birthday()
    assert ken.answers(words) == Prompt(chat.CANCELLED)
    assert ken.says("0912345678") is None
    assert ken.taps(chat.START).step == rules.NOTICE


def test_it_is_taken_up_where_it_was_left(ken: Talk) -> None:
    ken.up_to_birthday()
    ken.now += timedelta(hours=23)
    assert ken.taps(chat.START).step == rules.BIRTHDAY


def test_after_a_day_it_begins_anew(ken: Talk) -> None:
    ken.up_to_birthday()
    ken.now += timedelta(hours=24)
    assert ken.says("1990/5/6") is None
    assert ken.taps(chat.PICK, picked=date(1990, 5, 6)).step == rules.NOTICE


def test_words_belong_to_no_joining_when_none_was_begun(ken: Talk) -> None:
    assert ken.says("0912345678") is None


def test_words_do_not_answer_a_joining_that_runs_in_the_page(ken: Talk) -> None:
    agree(ken.session, person_of(ken.session, KEN))
    assert ken.says("0912345678") is None
    assert ken.taps(chat.START).step == rules.PHONE
    assert ken.answers("0912345678").step == rules.CODE


def test_an_old_button_shows_where_the_joining_stands(ken: Talk) -> None:
    ken.up_to_birthday()
    assert ken.taps("terms").step == rules.BIRTHDAY
    assert ken.taps(chat.PROCEED).step == rules.BIRTHDAY


def test_a_member_is_told_so(session: Session) -> None:
    join(session, KEN)
    ken = Talk(session)
    assert ken.taps(chat.START) == Prompt(chat.MEMBER)
    assert ken.says("加油") is None


def test_whoever_is_leaving_is_shown_the_way_back(session: Session) -> None:
    joined = join(session, KEN)
    wipe_at = rights.close(session, member_id=joined.member_id, channel="chat", now=NOW)
    assert Talk(session).taps(chat.START) == Prompt(chat.CLOSING, wipe_at=wipe_at)


def test_the_date_picker_twice_gives_one_member(ken: Talk) -> None:
    ken.up_to_birthday()
    first = ken.taps(chat.PICK, picked=date(1990, 5, 6))
    assert first.joined is not None
    assert ken.taps(chat.PICK, picked=date(1990, 5, 6)) == Prompt(chat.MEMBER)


@pytest.mark.parametrize(
    "words",
    ["王大明 0912-345-678", "王大明0912345678", "王大明，+886 912 345 678", "王大明：0912345678",
     "王大明、（０９１２）３４５６７８"],
)  # fmt: skip
def test_a_guardian_is_read_from_one_line(words: str) -> None:
    assert read_guardian(words) == Guardian("王大明", "+886912345678")


@pytest.mark.parametrize(
    "words", ["", "王大明", "0912345678", "王 0912345678", "王大明 0223456789"]
)
def test_half_a_guardian_is_refused(words: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_guardian(words)
    assert refused.value.field == "guardian"

"""What the account answers: every word and button, to guests and members, within LINE's limits."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import orjson
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.campaigns.rules.letters import PLACES
from app.checkouts import service as checkouts
from app.coupons import queries
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.inbox.service import Claimed
from app.invoices.models import InvoicePhoto
from app.line import taps
from app.line.events import read
from app.line.postback import Postback
from app.members import queries as members
from app.members import service as member_service
from app.missions import service as missions
from app.missions.rules import MissionDraft, Step, Window
from app.missions.rules import Reward as Prize
from app.outbox.models import OutboxRow
from app.programmes.rules import DEFAULT, InvoiceTerms
from app.purchases.rules import PurchaseOrder, RefundOrder
from app.stamps import service as stamps
from app.stamps.rules import Milestone, StampDraft
from flex_templates import limits
from handlers import ROUTERS
from handlers.context import Brand
from handlers.conversation import Conversation
from tests.app.draws.test_service import plan, rich
from tests.support.loyalty import new_member, new_store, publish
from tests.support.product import words_of
from tests.support.shop import KINDS, actions
from tests.support.times import NOW

BRAND = Brand("茶屋", "https://card.example.com", "", "key")
WITH_PAGES = Brand("茶屋", "https://card.example.com", "1234567890-AbcdEfgh", "key")
GUEST = "U" + "9" * 32
MEMBER_WORDS = ["會員卡", "我的點數", "優惠券", "等級權益", "消費紀錄", "任務集點", "出示會員碼"]
MEMBER_WORDS += ["集點卡", "為什麼", "怎麼算的", "登錄發票"]
OPEN_WORDS = ["門市", "說明", "聯絡客服", "最新活動", "哈囉你好", "停止行銷訊息", "恢復行銷訊息"]
OWN_WORDS = ["邀請好友", "抽獎", "會員中心", "下載我的資料", "刪除會員"]


@pytest.fixture
def hana(session: Session) -> str:
    """A member with purchases, points, a tier gift and a welcome coupon."""
    publish(session)
    store = new_store(session)
    for draft in KINDS:
        coupons.create_kind(session, draft=draft, now=NOW)
    member_id = new_member(session, name="林小花")
    coupons.issue(
        session,
        kind_code="welcome",
        member_id=member_id,
        source="welcome",
        dedup_key="welcome:1",
        now=NOW,
    )
    for number in range(3):
        order = PurchaseOrder(
            external_id=f"S-{number}",
            amount=2_000,
            sold_at=NOW,
            member_id=member_id,
            store_id=store,
        )
        checkouts.record_purchase(session, order=order, now=NOW)
    return members.person(session, member_id).line_user_id or ""


def talk(
    session: Session, user: str, brand: Brand = BRAND, **event: Any
) -> Sequence[dict[str, Any]]:
    """Hand one event to the conversation; return what it queued as the reply."""
    return talk_all(session, user, [event], brand)


def talk_all(
    session: Session, user: str, events: Sequence[dict[str, Any]], brand: Brand = BRAND
) -> Sequence[dict[str, Any]]:
    """Hand several events of one batch to the conversation."""
    batch = [
        Claimed(
            number,
            1,
            read(
                {
                    "mode": "active",
                    "timestamp": int(NOW.timestamp() * 1000),
                    "source": {"type": "user", "userId": user},
                    "webhookEventId": f"e{number}",
                    "replyToken": "token",
                }
                | event,
                received_at=NOW,
            ),
        )
        for number, event in enumerate(events)
    ]
    conversation = Conversation(ROUTERS, brand)
    before = session.query(OutboxRow).filter_by(channel="reply").count()
    conversation.begin(session, batch, NOW)
    for claimed in batch:
        conversation.handle(session, claimed, NOW)
    conversation.end(session, NOW)
    rows = session.query(OutboxRow).filter_by(channel="reply").order_by(OutboxRow.id).all()
    found = [message for row in rows[before:] for message in orjson.loads(row.payload)]
    for message in found:
        assert limits.check(message) == [], words_of(message)
    return found


def say(session: Session, user: str, text: str, brand: Brand = BRAND) -> str:
    found = talk(session, user, brand, type="message", message={"type": "text", "text": text})
    return "".join(words_of(message) for message in found)


@pytest.mark.parametrize("word", MEMBER_WORDS + OWN_WORDS + OPEN_WORDS)
@pytest.mark.parametrize("brand", [BRAND, WITH_PAGES])
def test_a_member_gets_an_answer_to_every_word(
    session: Session, hana: str, word: str, brand: Brand
) -> None:
    assert say(session, hana, word, brand)


@pytest.mark.parametrize("word", MEMBER_WORDS + OWN_WORDS)
def test_a_guest_is_invited_to_join(session: Session, hana: str, word: str) -> None:
    assert "加入會員" in say(session, GUEST, word)


@pytest.mark.parametrize("word", OPEN_WORDS)
def test_a_guest_gets_an_answer_too(session: Session, hana: str, word: str) -> None:
    assert say(session, GUEST, word)


def test_the_card_says_what_the_books_say(session: Session, hana: str) -> None:
    card = say(session, hana, "會員卡")
    assert "銀卡" in card
    assert "林小花" in card
    assert "再消費 NT$14,000 即可升等金卡" in card
    assert "61 點" not in card  # pending points are not usable yet


def test_a_card_in_a_batch_shows_what_came_before_it_in_the_batch(
    session: Session, hana: str
) -> None:
    """They are read ahead for all; what a person does meanwhile is seen all the same."""
    person = members.people_by_line_id(session, [hana])[hana]
    held = queries.usable_coupons(session, person.id, now=NOW)
    card = {"type": "message", "message": {"type": "text", "text": "會員卡"}}
    use = {"type": "postback", "postback": {"data": taps.ConfirmCoupon(held[0].id).pack()}}
    before, _used, after = talk_all(session, hana, [card, use, card])
    assert f"優惠券\n{len(held)}\n張" in words_of(before)
    assert f"優惠券\n{len(held) - 1}\n張" in words_of(after)
    leave = {"type": "postback", "postback": {"data": taps.CloseMembership().pack()}}
    _closing, gone = talk_all(session, hana, [leave, card])
    assert "林小花" not in words_of(gone)


def test_the_history_shows_the_points_that_a_refund_left(session: Session, hana: str) -> None:
    checkouts.refund_purchase(session, order=RefundOrder("R-1", "S-1", 2_000), now=NOW)
    checkouts.refund_purchase(session, order=RefundOrder("R-2", "S-0", 500), now=NOW)
    history = say(session, hana, "消費紀錄")
    assert "+15 點" in history
    assert history.count("+20 點") == 1


@pytest.mark.parametrize(
    "data",
    [
        taps.ShowCard(),
        taps.ShowCode(),
        taps.ShowPoints(),
        taps.ShowCoupons(),
        taps.ShowTiers(),
        taps.ShowPurchases(),
        taps.ShowStores(),
        taps.ShowWaysToEarn(),
        taps.ShowNews(),
        taps.AskForHelp(),
        taps.ContactUs(),
        taps.StartJoining(),
        taps.StopMarketing(),
        taps.ResumeMarketing(),
        taps.UseCoupon(999),
        taps.ConfirmCoupon(999),
        taps.JoinStep("nonsense"),
        taps.FollowLetter("99", "moon"),
        *(taps.FollowLetter("", place) for place in PLACES if place != "url"),
        taps.ShowCentre(),
        taps.AskToClose(),
        taps.ReopenMembership(),
    ],
)
@pytest.mark.parametrize("who", ["member", "guest"])
def test_every_button_has_an_answer(session: Session, hana: str, data: Postback, who: str) -> None:
    user = hana if who == "member" else GUEST
    assert talk(session, user, type="postback", postback={"data": data.pack()})


def test_every_button_shown_leads_somewhere(session: Session, hana: str) -> None:
    """Tap whatever the answers offer: no tap is an old button."""
    offered = {
        action["data"]
        for word in MEMBER_WORDS + OWN_WORDS + OPEN_WORDS
        for message in talk(session, hana, type="message", message={"type": "text", "text": word})
        for action in actions(message)
        if action["type"] == "postback"
    }
    assert len(offered) > 8
    for data in offered:
        found = talk(session, hana, type="postback", postback={"data": data})
        assert "已失效" not in "".join(words_of(message) for message in found), data


def test_a_coupon_is_used_only_after_a_confirmation(session: Session, hana: str) -> None:
    wallet = talk(session, hana, type="message", message={"type": "text", "text": "優惠券"})
    [use, *_] = [
        action["data"]
        for action in actions(wallet[0])
        if action.get("data", "").startswith("coupon.use")
    ]
    [asked] = talk(session, hana, type="postback", postback={"data": use})
    [confirm] = [
        action["data"]
        for action in actions(asked)
        if action.get("data", "").startswith("coupon.confirm")
    ]
    [done] = talk(session, hana, type="postback", postback={"data": confirm})
    assert "入會禮" in words_of(done)
    [again] = talk(session, hana, type="postback", postback={"data": confirm})
    assert "已於" in words_of(again)


def test_a_coupon_refused_at_the_last_step_is_not_used_up(session: Session, hana: str) -> None:
    """The last of all was taken: the holder keeps the coupon, whatever it is still good for."""
    coupons.create_kind(
        session,
        draft=KindDraft("tasting2", "品茶", "gift", valid_days=30, redeem_limit=0),
        now=NOW,
    )
    member = members.person_by_line_id(session, hana)
    assert member is not None
    issued = coupons.issue(
        session,
        kind_code="tasting2",
        member_id=member.id,
        source="season",
        dedup_key="tasting:1",
        now=NOW,
    )
    assert issued is not None
    press(session, hana, taps.ConfirmCoupon(issued.coupon_id))
    held = queries.coupon_of_member(session, issued.coupon_id, member_id=member.id)
    assert held is not None
    assert held.status == "issued"


def test_somebody_elses_coupon_cannot_be_used(session: Session, hana: str) -> None:
    other = members.person(session, new_member(session)).line_user_id or ""
    data = taps.ConfirmCoupon(1).pack()
    [answer] = talk(session, other, type="postback", postback={"data": data})
    assert "找不到" in words_of(answer)


def press(session: Session, user: str, data: Postback) -> str:
    [answer] = talk(session, user, type="postback", postback={"data": data.pack()})
    return words_of(answer)


def test_leaving_and_coming_back_work_in_the_chat(session: Session, hana: str) -> None:
    """As the notice promises, also where the brand has no page."""
    asked = say(session, hana, "刪除會員")
    assert "您將失去" in asked
    assert "60 點" in asked  # what waits would be lost, too
    assert "已收到刪除會員的申請" in press(session, hana, taps.CloseMembership())
    for word in ("會員卡", "加入會員", "刪除會員"):
        assert "取消刪除" in say(session, hana, word), word
    assert "已復原" in press(session, hana, taps.ReopenMembership())
    assert "林小花" in say(session, hana, "會員卡")
    assert "不需要復原" in press(session, hana, taps.ReopenMembership())


def test_what_is_written_to_the_staff_reaches_them(session: Session, hana: str) -> None:
    assert "留言" in say(session, hana, "聯絡客服")
    assert "客服人員會盡快回覆" in say(session, hana, "我想換貨可以嗎")


def test_ones_own_data_are_asked_for_by_word(session: Session, hana: str) -> None:
    [page] = talk(
        session, hana, WITH_PAGES, type="message", message={"type": "text", "text": "下載我的資料"}
    )
    assert f"https://liff.line.me/{WITH_PAGES.liff_id}/centre" in str(page)
    assert "15 日" in say(session, hana, "下載我的資料")


@pytest.mark.parametrize("kind", ["sticker", "image", "video", "audio", "file", "location", "odd"])
def test_anything_sent_is_answered_kindly(session: Session, hana: str, kind: str) -> None:
    assert talk(session, hana, type="message", message={"type": kind, "id": "1"})


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message", "mode": "standby", "message": {"type": "text", "text": "會員卡"}},
        {"type": "unsend"},
        {"type": "hologram"},
        {"type": "join", "source": {"type": "group", "groupId": "C" + "1" * 32}},
        {"type": "message", "source": {"type": "user"}, "message": {"type": "text", "text": "?"}},
    ],
)
def test_what_is_not_for_us_is_left_alone(
    session: Session, hana: str, event: dict[str, Any]
) -> None:
    assert talk(session, hana, **event) == []


def test_blocking_is_noted_and_unblocking_is_greeted(session: Session, hana: str) -> None:
    assert talk(session, hana, type="unfollow") == []
    person = members.person_by_line_id(session, hana)
    assert person is not None
    assert not person.is_friend
    later = int(NOW.timestamp() * 1000) + 5
    follow: dict[str, Any] = {"type": "follow", "follow": {"isUnblocked": True}, "timestamp": later}
    [back] = talk(session, hana, **follow)
    assert "歡迎" in words_of(back)


def test_an_unfollow_that_comes_late_does_not_undo_a_newer_follow(session: Session) -> None:
    publish(session)
    new = "U" + "8" * 32
    assert talk(session, new, type="follow")
    older = int(NOW.timestamp() * 1000) - 5
    assert talk(session, new, type="unfollow", timestamp=older) == []
    person = members.person_by_line_id(session, new)
    assert person is not None
    assert person.is_friend


def test_meeting_somebody_twice_makes_one_person(session: Session) -> None:
    for _ in range(2):
        member_service.meet(session, [GUEST], now=NOW)
    assert list(members.people_by_line_id(session, [GUEST])) == [GUEST]


@pytest.mark.parametrize(
    ("word", "klass"),
    [("停止行銷訊息", "service"), ("加入會員", "service"), ("會員卡", "reply"), ("說明", "reply")],
)
def test_what_cannot_be_asked_for_again_would_survive_a_dead_token(
    session: Session, hana: str, word: str, klass: str
) -> None:
    assert say(session, GUEST if word == "加入會員" else hana, word)
    assert session.query(OutboxRow).filter_by(channel="reply").one().klass == klass


def test_a_member_gets_an_invitation_card_and_a_guest_comes_by_its_code(
    session: Session, hana: str
) -> None:
    session.execute(sa.text("UPDATE members SET birthday = '1990-01-01'"))
    card = say(session, hana, "邀請好友")
    found = re.search(r"邀請碼 ([A-Z0-9]{10})|\n([A-Z0-9]{5} [A-Z0-9]{5})\n", card)
    assert found, card
    code = (found[1] or found[2]).replace(" ", "")
    assert "限尚未加入" in say(session, hana, f"邀請碼 {code}")
    assert "已為您記下 林○花 的邀請" in say(session, GUEST, f"邀請碼{code.lower()}")
    assert "找不到這組邀請碼" in say(session, GUEST, "邀請碼 AAAAAAAAAA")
    # Also in the midst of joining, whose next answer is still awaited.
    say(session, GUEST, "加入會員")
    assert "已為您記下" in say(session, GUEST, f"邀請碼 {code}")


def test_without_pages_a_card_is_shared_by_lines_own_link(session: Session, hana: str) -> None:
    session.execute(sa.text("UPDATE members SET birthday = '1990-01-01'"))
    brand = Brand("茶屋", "https://card.example.com", "", "key", basic_id="@teahouse")
    message = {"type": "text", "text": "邀請好友"}
    found = talk(session, hana, brand, type="message", message=message)
    uris = [action["uri"] for action in actions(found) if action["type"] == "uri"]
    assert len(uris) == 1
    assert uris[0].startswith("https://line.me/R/share?text=")
    assert "https://line.me/R/oaMessage/%40teahouse/?" in unquote(uris[0])


def test_staff_and_minors_read_why_they_cannot_invite(session: Session, hana: str) -> None:
    session.execute(sa.text("UPDATE members SET birthday = '2012-01-01'"))
    assert "年滿 18 歲" in say(session, hana, "邀請好友")


def test_a_draw_is_entered_in_the_chat_after_a_question(session: Session, hana: str) -> None:
    plan(session)
    hana = rich(session).line_user_id or ""
    words = say(session, hana, "抽獎")
    assert "夏日抽獎" in words
    assert "尚未參加" in words
    question = talk(session, hana, type="postback", postback={"data": "draw.ask:1"})
    confirm = next(a for a in actions(question) if a["data"].startswith("draw.enter"))
    assert "將使用 10 點" in words_of(question[0])
    for _ in range(2):  # the second tap says the same
        found = talk(session, hana, type="postback", postback={"data": confirm["data"]})
        assert "已登記參加" in words_of(found[0])
    assert "1 次" in say(session, hana, "我的抽獎")
    gone = talk(session, hana, type="postback", postback={"data": "draw.ask:99"})
    assert "暫時無法參加" in words_of(gone[0])
    guest = talk(session, GUEST, type="postback", postback={"data": "draw.enter:1:0"})
    assert "加入會員" in words_of(guest[0])


def test_a_photo_is_kept_to_be_read_and_answered_later(session: Session, hana: str) -> None:
    terms = replace(DEFAULT, invoices=InvoiceTerms(is_on=True, sellers=("04595257",)))
    image = {"type": "image", "id": "m-1", "contentProvider": {"type": "line"}}
    assert "收到您的訊息" in words_of_all(talk(session, hana, type="message", message=image))
    publish(session, terms, starts_at=NOW)
    assert talk(session, hana, type="message", message=image | {"id": "m-2"}) == []
    kept = session.scalars(sa.select(InvoicePhoto.message_id)).all()
    assert kept == ["m-2"]
    assert "兩個 QR Code" in say(session, hana, "登錄發票")
    assert "還查不到消費紀錄" in say(session, hana, "11508AB123456781234")


def words_of_all(messages: Sequence[dict[str, Any]]) -> str:
    return "".join(words_of(message) for message in messages)


def test_missions_show_how_far_one_is(session: Session, hana: str) -> None:
    assert "任務明細" not in say(session, hana, "任務", WITH_PAGES)
    missions.create(
        session,
        draft=MissionDraft(
            "regular",
            "每月常客",
            (Step("visits", 3), Step("spend", 10_000)),
            window=Window("month", starts_on=NOW.date().replace(day=1)),
            reward=Prize(50),
        ),
        now=NOW,
    )
    card = StampDraft("tea", "茶香卡", 4, (Milestone(4, points=9),), NOW.date())
    stamps.create(session, draft=card, now=NOW)
    words = say(session, hana, "任務集點", WITH_PAGES)
    assert "茶香卡" in words
    assert "集點明細" in words
    assert "每月常客" in words
    assert "來店 3 次" in words
    assert "NT$6,000/NT$10,000" in words
    assert "50 點" in words
    assert "任務明細" in words

"""The words of joining: why something was refused, and what is sent beside the conversation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.core.clock import TAIPEI
from app.core.errors import DomainError, Invalid
from app.enrolments import rules
from app.enrolments.rules import How, Joined
from app.outbox import service as outbox
from app.verifications import service as verifications
from app.verifications.rules import Expired, Wrong
from flex_templates import joining, theme
from flex_templates.joining import DoneView
from flex_templates.parts import Link, Message

_INVALID = {
    "phone": "請輸入臺灣的手機號碼，例如 0912-345-678。",
    "code": "請輸入簡訊中的 6 位數字驗證碼。",
    "name": "姓名請輸入 2 至 50 個字，不含數字與符號。",
    "birthday": "請選擇正確的出生年月日。",
    "guardian_name": "請輸入法定代理人的姓名（2 至 50 個字）。",
    "guardian_phone": "請輸入法定代理人的手機號碼，例如 0912-345-678。",
    "guardian": "沒有讀到姓名與手機號碼，請寫在同一則訊息裡。",
    "email": "請輸入正確的電子郵件。",
    "city": "請選擇居住縣市。",
    "gender": "請選擇性別，或選「不透露」。",
}


def explain(refusal: DomainError | Wrong | Expired) -> str:  # noqa: C901  # one line each
    """Why it did not go on, and what to do now."""
    match refusal:
        case Wrong(tries_left=0):
            return "驗證碼錯誤次數過多，請 15 分鐘後再試。"
        case Wrong(tries_left=left):
            return f"驗證碼不正確，還可以再試 {left} 次。"
        case Expired():
            return "驗證碼已失效，請重新傳送驗證碼。"
        case verifications.SentTooRecently():
            return "驗證碼剛剛已傳送，請稍候 1 分鐘再重新傳送。"
        case verifications.SentTooOften():
            return "今天傳送驗證碼的次數已達上限，請明天再試。"
        case verifications.TriedTooOften(until=until):
            return f"驗證碼錯誤次數過多，請於 {until.astimezone(TAIPEI):%H:%M} 後再試。"
        case verifications.NotVerified() | rules.NothingBegun():
            return "已超過時間，請重新開始加入會員。"
        case rules.ConsentMissing():
            return "請先勾選同意會員條款與個人資料告知事項。"
        case rules.NoticeChanged():
            return "告知事項已更新，請重新閱讀後再勾選。"
        case rules.TooYoung():
            return "很抱歉，未滿 7 歲無法加入會員。"
        case rules.GuardianNeeded():
            return "未滿 18 歲加入會員，需填寫法定代理人的姓名與手機號碼。"
        case rules.AlreadyMember():
            return "您已經是會員了。"
        case rules.ClosingPending(wipe_at=wipe_at):
            day = wipe_at.astimezone(TAIPEI)
            return f"您的會員已申請刪除，{day:%Y/%m/%d} 前可以復原。"
        case Invalid(field=field):
            return _INVALID.get(field, "請檢查您輸入的內容。")
        case _:
            return "暫時無法完成，請稍後再試。"


def unbound() -> dict[str, Any]:
    """To the LINE account that held the membership until now."""
    return {
        "type": "text",
        "text": "您的會員資格已透過簡訊驗證改綁定至另一個 LINE 帳號，此帳號將不再顯示會員資料。"
        "若不是您本人操作，請立即聯絡門市。",
    }


@dataclass(frozen=True, slots=True)
class Links:
    """The brand's name and theme, and where its pages are."""

    brand: str
    theme: str
    card: str
    coupons: str


def welcome(joined: Joined, links: Links) -> Message:
    """The card's number, the tier and the gifts that wait."""
    return joining.done_message(
        DoneView(
            name=joined.name,
            number=joined.number,
            tier=joined.tier,
            card=Link(links.card),
            coupons=Link(links.coupons),
            points=joined.points,
            gifts=joined.gifts,
            was_linked=joined.how is not How.NEW,
        ),
        theme.named(links.theme, brand=links.brand),
    )


def send_welcome(session: Session, joined: Joined, *, links: Links, now: datetime) -> None:
    """To whoever joined in the page; in the chat the same message is the reply."""
    outbox.push(
        session,
        member_id=joined.member_id,
        recipient=joined.line_user_id,
        messages=[welcome(joined, links)],
        kind="welcome",
        klass="service",
        dedup_key=f"joined:{joined.member_id}:{now.timestamp():.6f}",
        now=now,
    )

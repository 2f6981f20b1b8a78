"""What a member is told of an invoice, in plain sentences."""

from typing import Final

from app.core import money
from app.invoices.rules.campaigns import InvoiceRefused
from app.invoices.rules.slips import NotAnInvoice

UNREADABLE: Final = {
    # People also send photos to the staff: thanked first.
    "foreign": "收到您的照片了，謝謝您。如果是要登錄發票，照片裡找不到電子發票的條碼，"
    "請拍證明聯上的兩個 QR Code，對焦清楚、光線充足。",
    "short": "這個 QR Code 不完整，請重新拍攝發票上的兩個 QR Code。",
    "number": "發票號碼的格式不正確，請確認拍的是電子發票。",
    "date": "發票日期不正確，請確認拍的是電子發票。",
    "amount": "發票金額讀取不到，請重新拍攝。",
    "two_invoices": "照片裡有兩張不同的發票，請一次拍一張。",
    "needs_left": "只拍到右邊的 QR Code，請在 10 分鐘內再傳左邊的 QR Code。",
}
_REFUSED: Final = {
    "off": "目前沒有開放登錄發票。",
    "already": "這張發票您已經登錄過了。",
    "taken": "這張發票已登錄過。",
    "counted": "這筆消費結帳時已經累點，不必再登錄。",
    "business": "有統一編號的發票不能登錄。",
    "seller": "這張發票不是本品牌的門市開立的，不能登錄。",
    "needs_qr": "這張發票還查不到消費紀錄，請改拍發票上的兩個 QR Code。",
    "future": "發票日期在今天之後，不能登錄。",
    "keywords": "這張發票沒有符合活動的商品。",
    "differs": "發票金額與門市紀錄不同，請聯絡門市協助。",
}
NOT_FETCHED: Final = "照片讀取失敗，請再傳一次。"


def explain(error: InvoiceRefused | NotAnInvoice) -> str:
    if isinstance(error, NotAnInvoice):
        return UNREADABLE[error.reason]
    match error.reason:
        case "too_old":
            return f"發票超過 {error.facts['days']} 天，已過登錄期限。"
        case "min_total":
            return f"發票金額未滿 {money.show(int(str(error.facts['needed'])))}，不能登錄。"
        case "cap_day":
            return f"每天最多登錄 {error.facts['most']} 張發票，請明天再來。"
        case "cap_period":
            return f"這一期最多登錄 {error.facts['most']} 張發票。"
        case reason:
            return _REFUSED[reason]


STATES: Final = {
    "pending": "等待門市確認",
    "matched": "門市已確認",
    "accepted": "已確認",
    "review": "人工確認中",
    "rejected": "未通過",
}

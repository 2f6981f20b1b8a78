"""What somebody must read before joining: the six items of the notice (個資法 Article 8) and what
the three boxes say. A version names the exact text; it is kept with every consent."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from app.rights.rules import FORGET_AFTER, WIPE_AFTER

EDITION: Final = "2026-07"
HEADINGS: Final = (
    "蒐集單位",
    "蒐集目的",
    "資料類別",
    "利用期間、地區、對象及方式",
    "您的權利及行使方式",
    "不提供資料的影響",
)

TERMS_LABEL: Final = "我已閱讀並同意會員條款與個人資料告知事項"
MARKETING_LABEL: Final = "我同意收到優惠、活動與生日禮等行銷訊息（可隨時停止）"
SHARING_LABEL: Final = "我同意將消費輪廓提供予合作夥伴作分析與行銷使用"


@dataclass(frozen=True, slots=True)
class Notice:
    """The six items, the terms of membership, and the version that names both."""

    collector: str
    purpose: str
    kinds: str
    use: str
    rights: str
    effect: str
    terms: tuple[str, ...]
    version: str

    @property
    def items(self) -> tuple[tuple[str, str], ...]:
        words = (self.collector, self.purpose, self.kinds, self.use, self.rights, self.effect)
        return tuple(zip(HEADINGS, words, strict=True))


@lru_cache(maxsize=16)
def notice(brand: str) -> Notice:
    """The notice in the brand's name."""
    items = [_filled(words, brand) for words in _ITEMS]
    labels = (TERMS_LABEL, MARKETING_LABEL, SHARING_LABEL)
    fingerprint = sha256("\n".join((*items, *_TERMS, *labels)).encode()).hexdigest()[:12]
    collector, purpose, kinds, use, rights, effect = items
    return Notice(
        collector, purpose, kinds, use, rights, effect, _TERMS, f"{EDITION}.{fingerprint}"
    )


def _filled(words: str, brand: str) -> str:
    """Not `format` on the brand: its name may hold braces."""
    for name, value in {"brand": brand, **_PERIODS}.items():
        words = words.replace(f"{{{name}}}", str(value))
    return words


_PERIODS: Final = {"undo": WIPE_AFTER.days, "forget": FORGET_AFTER.days // 30}
_ITEMS: Final = (
    "{brand}（以下稱本公司）。",
    "會員管理與服務、點數與優惠券之計算與兌換、消費者保護、客戶服務；經您另行同意時，用於行銷與消費分析。",
    "姓名、手機號碼、生日、性別、電子郵件、居住縣市、LINE 使用者識別碼與顯示名稱、消費與點數紀錄；"
    "未滿 18 歲者，另含法定代理人之姓名與手機號碼。您可以只填寫必要的手機號碼與生日。",
    "期間：自您加入會員起至刪除會員時止；刪除後 {undo} 天內可復原，之後清除個人資料，"
    "僅保留依稅務與會計法令須保存且無法識別您的交易紀錄，"
    "以及手機號碼之加密雜湊值 {forget} 個月，以防重複領取入會禮。"
    "地區：臺灣。對象：本公司與受託之系統及簡訊服務商。方式：以自動化或非自動化方式，於前述目的內利用。",
    "您可以隨時於會員中心查詢、下載、更正您的資料，停止行銷訊息，或刪除會員；也可以洽各門市或在本帳號聊天室提出。"
    "本公司於 15 日內回覆查詢與複製，於 30 日內處理更正與刪除，不收取費用。",
    "手機號碼與生日為加入會員所必須，不提供則無法加入；其他資料可不提供，不影響會員權益。"
    "不同意行銷訊息或資料提供合作夥伴，也不影響會員權益。",
)
_TERMS: Final = (
    "年滿 18 歲可自行加入；7 歲以上未滿 18 歲須經法定代理人同意；未滿 7 歲不得加入。",
    "每個手機號碼限一位會員。更換 LINE 帳號時，以簡訊驗證碼重新綁定即可。",
    "點數依消費金額與會員等級計算，自可使用日起生效，並於標示之到期日 23:59:59 後失效；"
    "點數不得轉讓，亦不得兌換現金。退貨時，收回該筆消費所得之點數。",
    "優惠券依券面標示之期限、門市與條件使用，限本人使用。",
    "會員等級依近 12 個月消費金額計算，升等即時生效，效期 12 個月。",
    "權益有不利於您的變更時，將於 30 日前公告；已取得之點數與優惠券不受影響。",
)

"""`regulars richmenu publish`: what each cell does, and the two menus put in place."""

from typing import Any

from app.core.config import Settings
from app.line import taps
from app.line.postback import Postback
from app.line.richmenus import SdkRichMenus
from app.richmenus import rules, service
from flex_templates import theme


def actions(liff_id: str) -> dict[str, dict[str, Any]]:
    """One action per cell key. The page to join opens where there is one, else the chat asks."""
    join = (
        {"type": "uri", "uri": f"https://liff.line.me/{liff_id}/join"}
        if liff_id
        else _says(taps.StartJoining(), "加入會員")
    )
    return {
        "join": join,
        "news": _says(taps.ShowNews(), "最新活動"),
        "stores": _says(taps.ShowStores(), "門市"),
        "card": _says(taps.ShowCard(), "會員卡"),
        "points": _says(taps.ShowPoints(), "我的點數"),
        "coupons": _says(taps.ShowCoupons(), "優惠券"),
        "missions": _says(taps.ShowWaysToEarn(), "任務集點"),
        "contact": _says(taps.ContactUs(), "聯絡客服"),
    }


def _says(data: Postback, words: str) -> dict[str, Any]:
    return {"type": "postback", "data": data.pack(), "displayText": words}


def publish_menus(settings: Settings) -> dict[str, str]:
    """Return the menus' ids by alias. Raises SendError when LINE refuses."""
    look = theme.named(settings.brand_theme, brand=settings.brand_name)
    prepared = service.prepare(rules.MENUS, actions(settings.liff_id), look)
    gateway = SdkRichMenus(
        base=settings.line_api_base.rstrip("/"),
        data_base=settings.line_data_base,
        token=settings.line_channel_access_token.get_secret_value(),
    )
    return service.publish(gateway, prepared)

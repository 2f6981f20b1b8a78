"""What the demo says in the terminal."""

import unicodedata
from pathlib import Path
from typing import TextIO

from app.seeds import brand
from app.seeds.people import ROLES, STRANGER_ID

_ROLE_WORDS = {
    "owner": "負責人 owner",
    "marketer": "行銷 marketer",
    "analyst": "分析 analyst",
    "support": "客服 support",
    "store_manager": "店長 store manager",
    "clerk": "店員 clerk",
}
_RULE = "─" * 72
_BAR_WIDTH = 30


class Bar:
    """A line that fills up; off a terminal, a line now and then."""

    def __init__(self, out: TextIO, members: int) -> None:
        self._out, self._is_terminal = out, out.isatty()
        self._shown = -1
        self._out.write(
            f"第一次啟動：為「{brand.NAME}」寫下 {members:,} 位會員兩年的往來，約需兩三分鐘。\n"
            f"First start: writing two years of history for {members:,} members: 2 to 3 minutes.\n"
        )
        self._out.flush()

    def __call__(self, share: float, sales: int) -> None:
        tenth = int(share * 10)
        if self._is_terminal:
            full = round(share * _BAR_WIDTH)
            bar = "█" * full + "░" * (_BAR_WIDTH - full)
            self._out.write(f"\r  {bar} {share:4.0%}  {sales:,} 筆消費 sales ")
        elif tenth > self._shown:
            self._out.write(f"  {share:4.0%}  {sales:,} sales\n")
        self._shown = tenth
        self._out.flush()

    def done(self, members: int, guests: int, sales: int) -> None:
        start = "\r" if self._is_terminal else ""
        self._out.write(
            f"{start}  完成 done: {members:,} 位會員 members · {guests:,} 位好友未入會 guests · "
            f"{sales:,} 筆消費 sales\n"
        )
        self._out.flush()


def taken_up() -> str:
    return "沿用先前的示範資料（加 --fresh 重新建立）/ going on with the earlier demo data"


def port_taken(port: int) -> str:
    return (
        f"無法啟動：連接埠 {port} 已被其他程式使用。請換一個，例如 make demo PORT={port + 1}\n"
        f"Cannot start: port {port} is taken. Choose another: make demo PORT={port + 1}"
    )


def no_menus(journal: Path) -> str:
    return f"圖文選單發布失敗，原因見 {journal} / the rich menus were not published, see {journal}"


def goodbye() -> str:
    return "\n正在結束⋯ / stopping…"


def welcome(base: str, pos_token: str) -> str:
    """Where everything is and how to get in."""
    pages = (
        ("LINE 模擬 simulator", f"{base}/simulator/"),
        ("行銷後台 console", f"{base}/console"),
        ("門市收銀 clerk", f"{base}/clerk"),
        ("REST API", f"{base}/api/v1/openapi.json"),
    )
    logins = [
        (person.login, _ROLE_WORDS[person.role], _store_name(person.store))
        for person in brand.STAFF
    ]
    cast = [(role.display_name, role.words, _phone(index)) for index, role in enumerate(ROLES)]
    lines = [
        _RULE,
        f" 熟客 Regulars · 示範品牌 demo brand：{brand.NAME} {brand.NAME_EN}",
        _RULE,
        *(f" {_fill(name, 22)}{url}" for name, url in pages),
        "",
        f" 登入 log in（密碼皆為 password：{brand.PASSWORD}）",
        *(f"   {_fill(login, 10)}{_fill(role, 20)}{store}" for login, role, store in logins),
        "",
        f" POS 權杖 bearer token: {pos_token}",
        "",
        " 在 LINE 模擬裡可以扮演 people to play in the simulator:",
        *(f"   {_fill(name, 14)}{_fill(words, 40)}{phone}" for name, words, phone in cast),
        "   其他會員可用名稱搜尋 · all others are found by searching their name",
        "",
        " 資料 data: .demo/   重來 anew: regulars demo --fresh   結束 stop: Ctrl-C",
        _RULE,
    ]
    return "\n".join(line.rstrip() for line in lines)


def _store_name(code: str | None) -> str:
    return next(
        (store.name for store in brand.STORES if store.code == code), "全部門市 every store"
    )


def _phone(index: int) -> str:
    return "" if ROLES[index].line_user_id == STRANGER_ID else f"0900-000-00{index}"


def _fill(text: str, width: int) -> str:
    """Padded to terminal columns: Chinese signs take two."""
    columns = sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
    return text + " " * max(1, width - columns)

"""What people do in a story: join, buy, show the card. Only through LINE, REST and pages."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from app.core.db import Database
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from tests.support.loyalty import new_store, publish
from tests.support.product import House, words_of
from tests.support.times import NOW

KINDS = (
    KindDraft("welcome", "入會禮 NT$100", "amount_off", 100, valid_days=14),
    KindDraft("birthday", "生日禮 NT$200", "amount_off", 200, valid_days=31),
    KindDraft("upgrade_silver", "銀卡升等禮", "amount_off", 100, valid_days=60),
    KindDraft("upgrade_gold", "金卡升等禮", "amount_off", 300, valid_days=60),
    KindDraft("upgrade_platinum", "白金卡升等禮", "amount_off", 1000, valid_days=60),
)


@dataclass(frozen=True, slots=True)
class Joined:
    user: str  # LINE user id
    number: str  # member number
    phone: str


def open_shop(place: House) -> None:
    """The brand's programme, coupon kinds and one store, before the first customer."""
    db = Database(place.database_url)
    with db.transaction() as session:
        publish(session)
        new_store(session, "S01", "信義門市")
        for draft in KINDS:
            coupons.create_kind(session, draft=draft, now=NOW)
    db.dispose()


def join(place: House, name: str, phone: str, *, birthday: str = "1990-07-15") -> Joined:
    """A stranger adds the account and joins step by step in the chat."""
    line = place.line
    user = line.person(name)
    line.follow(user)
    line.awaits(user, "立即加入會員")
    after = line.last_n(user)
    line.say(user, "加入會員")
    notice = line.awaits(user, "會員條款", after=after)
    after = line.last_n(user)
    tap_action(place, user, notice["message"], "joining:terms")
    ticked = line.awaits(user, "會員條款", after=after)
    after = line.last_n(user)
    tap_action(place, user, ticked["message"], "joining:proceed")
    line.awaits(user, "手機號碼", after=after)
    after = line.last_n(user)
    line.say(user, phone)
    line.awaits(user, "驗證碼", after=after)
    after = line.last_n(user)
    line.say(user, one_time_code(line.sms_to("+886" + phone.removeprefix("0"))))
    line.awaits(user, "生日", after=after)
    after = line.last_n(user)
    line.tap(user, "joining:pick", date=birthday)
    done = line.awaits(user, "會員編號", after=after)
    found = re.search(r"會員編號\n([\d ]+)", words_of(done["message"]))
    assert found, done["message"]
    return Joined(user, found[1].replace(" ", ""), phone)


def tap_action(place: House, user: str, message: Mapping[str, Any], data: str) -> None:
    """Tap the button that sends this."""
    found = [action for action in actions(message) if action.get("data") == data]
    assert found, [action.get("data") for action in actions(message)]
    place.line.post(f"/control/users/{user}/action", {"action": found[0], "wait": True})


def tap_label(place: House, user: str, message: Mapping[str, Any], label: str) -> None:
    """Tap the first button whose label holds this."""
    action = find_action(message, label)
    place.line.post(f"/control/users/{user}/action", {"action": action, "wait": True})


def find_action(message: object, label: str) -> dict[str, Any]:
    found = [action for action in actions(message) if label in str(action.get("label", ""))]
    labels = [action.get("label") for action in actions(message)]
    assert found, f"no button {label!r}; there are {labels}"
    return found[0]


def actions(part: object) -> list[dict[str, Any]]:
    """Every action in a message, in order."""
    if isinstance(part, list):
        return [action for item in part for action in actions(item)]
    if not isinstance(part, dict):
        return []
    own = [part["action"]] if isinstance(part.get("action"), dict) else []
    return own + [action for value in part.values() for action in actions(value)]


def pos_token(place: House, role: str = "pos") -> str:
    """`regulars token create`, as the shop's developer types it."""
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "token", "create", "--name", "till", "--role", role],
        env=os.environ | dict(place.product.env),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().splitlines()[-1]


def till(place: House, token: str) -> httpx.Client:
    return httpx.Client(
        base_url=f"{place.product.url}/api/v1",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
        trust_env=False,
    )


def one_time_code(text: str) -> str:
    found = re.search(r"\b(\d{6})\b", text)
    assert found, text
    return found[1]

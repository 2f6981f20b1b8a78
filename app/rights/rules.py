"""The periods within which a member's wish is carried out."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from app.core.errors import Invalid

WIPE_AFTER: Final = timedelta(days=7)  # until then a closed membership can be reopened
FORGET_AFTER: Final = timedelta(days=365)  # the keyed hash of a phone, against repeated gifts


# Requests to a person -----------------------------------------------------------------------------

ACCESS, COPY, CORRECT, STOP, DELETE = "access", "copy", "correct", "stop", "delete"
# Days within which the shop must decide, and by which it may prolong that once when it tells the
# person why in writing: 個資法 Article 13.
DAYS: Final[Mapping[str, int]] = {ACCESS: 15, COPY: 15, CORRECT: 30, STOP: 30, DELETE: 30}
CHANNELS: Final = ("store", "phone", "letter", "line", "email")
BY_FILE: Final = (ACCESS, COPY)  # carried out with what is held, as a file
OPEN, DONE, REFUSED, WITHDRAWN = "open", "done", "refused", "withdrawn"
OUTCOMES: Final = (DONE, REFUSED, WITHDRAWN)
LONGEST_NOTE: Final = 300
OLDEST: Final = timedelta(days=90)  # a request that lay somewhere before it was written down


def due_on(kind: str, asked_on: date, *, is_prolonged: bool = False) -> date:
    """The last day on which it is decided in time; the day of the request does not count."""
    return asked_on + timedelta(days=DAYS[kind] * (2 if is_prolonged else 1))


def check_request(kind: str, channel: str, asked_on: date, *, today: date) -> None:
    """Raises Invalid naming the field."""
    if kind not in DAYS:
        raise Invalid("kind", "請選擇要求什麼")
    if channel not in CHANNELS:
        raise Invalid("channel", "請選擇怎麼提出的")
    if not today - OLDEST <= asked_on <= today:
        raise Invalid("asked_on", f"收到的日期須在今天以前、{OLDEST.days} 天以內")


def noted(note: str, *, is_needed: bool) -> str:
    """Raises Invalid."""
    note = " ".join(note.split())
    if is_needed and not note:
        raise Invalid("note", "請寫下原因，會員問起時才說得清楚")
    if len(note) > LONGEST_NOTE:
        raise Invalid("note", f"最多 {LONGEST_NOTE} 個字")
    return note

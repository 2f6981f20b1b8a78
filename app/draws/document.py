"""A draw as a YAML file, as a marketer writes it down."""

import json
from dataclasses import fields
from datetime import date, datetime, time
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from app.core.clock import TAIPEI
from app.core.errors import Invalid
from app.draws import rules
from app.draws.rules import DrawDraft, Prize

_DRAFT = TypeAdapter(DrawDraft)


def load(text: str) -> DrawDraft:
    """Raises Invalid naming the first field at fault."""
    try:
        given = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise Invalid("file", f"不是 YAML：{error}") from error
    if not isinstance(given, dict):
        raise Invalid("file", "檔案是空的，或不是一個抽獎活動")
    _check_keys(given)
    try:
        draft = _DRAFT.validate_json(json.dumps(given, default=_instant), strict=True)
    except (ValidationError, TypeError) as error:
        raise Invalid(*_fault(error)) from error
    rules.check_draft(draft)
    return draft


def _check_keys(given: dict[Any, Any]) -> None:
    """A typing mistake must not silently change nothing."""
    prizes = given.get("prizes")
    for where, values, kind in (
        ("", given, DrawDraft),
        *(
            (f"prizes[{index}].", prize, Prize)
            for index, prize in enumerate(prizes if isinstance(prizes, list) else ())
            if isinstance(prize, dict)
        ),
    ):
        known = {item.name for item in fields(kind)}
        for key in values:
            if key not in known:
                raise Invalid(f"{where}{key}", "沒有規則讀這一項（打錯字？）")


def _fault(error: Exception) -> tuple[str, str]:
    if not isinstance(error, ValidationError):
        return "file", str(error)
    first = error.errors()[0]
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
    return "".join(steps).removeprefix(".") or "file", first["msg"]


def _instant(value: object) -> str:
    """Times without a zone are Taipei's; a date is its midnight."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=TAIPEI)).isoformat()
    if isinstance(value, date):
        return datetime.combine(value, time(), TAIPEI).isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a draw")

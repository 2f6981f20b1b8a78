"""The form of a changed programme: from terms to fields, and back with every fault named."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from starlette.datastructures import FormData

from app.core import ids, money, text
from app.core.clock import taipei_date, taipei_midnight
from app.core.errors import Invalid
from app.programmes.rules import Campaign, Earning, Terms, Tier
from app.revisions.service import LONGEST_NOTE
from app.rulebooks.rules import Fault

NEW_CAMPAIGNS: Final = 2  # empty lines below those there are
_CAMPAIGN: Final = ("name", "from", "to", "times")  # fields of a line
LONGEST_NAME: Final = 20
MOST: Final = 1_000_000_000
EXPIRIES: Final = {
    "end_of_month": "得到點數後 N 個月的月底",
    "end_of_next_year": "次年 12 月 31 日",
    "after_activity": "最後一次消費後 N 個月",
    "never": "不會到期",
}
WINDOWS: Final = {
    "rolling": "最近 N 個月",
    "calendar_year": "當年 1–12 月",
    "anniversary": "會員年度",
    "lifetime": "入會以來",
}
DOWNGRADES: Final = {"by_amount": "依這段期間的消費", "one_down": "降一級"}


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it stands: what was typed, by field, the terms it makes as far as it can be read,
    and what is wrong, by field (`other`: with what the form does not ask for)."""

    typed: Mapping[str, str]
    terms: Terms
    starts_at: datetime | None = None
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def campaigns(self) -> range:
        """The lines for campaigns, with empty ones at the end."""
        lines = [name for name in self.typed if name.startswith("campaign-")]
        return range(len(lines) // len(_CAMPAIGN))

    def with_faults(self, faults: Sequence[Fault]) -> "Filled":
        found = dict(self.problems)
        for fault in faults:
            name = field_of(fault)
            known = name if name in self.typed else "other"
            sentence = fault.reason if known != "other" else f"{fault.where}：{fault.reason}"
            found.setdefault(known, sentence)
        return replace(self, problems=found)


def shown(terms: Terms, *, starts_at: datetime | None = None, note: str = "") -> Filled:
    """The fields of terms as they are."""
    earning, points, tiering = terms.earning, terms.points, terms.tiering
    typed = {
        "unit": str(earning.unit),
        "rate": str(earning.rate),
        "birthday_times": _times(earning.birthday_percent),
        "pending_days": str(points.pending_days),
        "expiry": points.expiry,
        "expiry_months": str(points.expiry_months),
        "window": tiering.window,
        "window_months": str(tiering.window_months),
        "validity_months": str(tiering.validity_months),
        "downgrade": tiering.downgrade,
        "grace_days": str(tiering.grace_days),
        "welcome": terms.gifts.welcome or "",
        "birthday": terms.gifts.birthday or "",
        "starts_on": "" if starts_at is None else taipei_date(starts_at).isoformat(),
        "note": note,
    }
    for place, tier in enumerate(terms.tiers):
        typed |= _of_tier(place, tier)
    for place, campaign in enumerate(earning.campaigns):
        typed |= _of_campaign(place, campaign)
    for place in range(len(earning.campaigns), len(earning.campaigns) + NEW_CAMPAIGNS):
        typed |= {f"campaign-{place}-{name}": "" for name in _CAMPAIGN}
    return Filled(typed, terms, starts_at)


def _of_tier(place: int, tier: Tier) -> dict[str, str]:
    values = {
        "name": tier.name,
        "threshold": str(tier.threshold),
        "renewal": "" if tier.renewal is None else str(tier.renewal),
        "times": _times(tier.percent),
        "gift": tier.gift or "",
        "benefits": "\n".join(tier.benefits),
    }
    return {f"tier-{place}-{name}": value for name, value in values.items()}


def _of_campaign(place: int, campaign: Campaign) -> dict[str, str]:
    values = {
        "name": campaign.name,
        "from": taipei_date(campaign.starts_at).isoformat(),
        "to": taipei_date(campaign.ends_at - timedelta(microseconds=1)).isoformat(),
        "times": _times(campaign.percent),
    }
    return {f"campaign-{place}-{name}": value for name, value in values.items()}


def _times(percent: int) -> str:
    return f"{percent / 100:g}"


def read(form: FormData, kept: Terms, *, now: datetime) -> Filled:
    """What the form makes of `kept`; what it does not ask for stays as it is there."""
    before = shown(kept).typed
    typed = {name: _text(form, name) for name in before}
    reading = _Reading(typed, before)
    terms = replace(
        kept,
        tiers=tuple(reading.tier(place, tier) for place, tier in enumerate(kept.tiers)),
        earning=reading.earning(kept.earning),
        points=replace(
            kept.points,
            pending_days=reading.whole("pending_days"),
            expiry=reading.one_of("expiry", EXPIRIES),  # type: ignore[arg-type]  # a literal
            expiry_months=reading.whole("expiry_months"),
        ),
        tiering=replace(
            kept.tiering,
            window=reading.one_of("window", WINDOWS),  # type: ignore[arg-type]  # a literal
            window_months=reading.whole("window_months"),
            validity_months=reading.whole("validity_months"),
            downgrade=reading.one_of("downgrade", DOWNGRADES),  # type: ignore[arg-type]  # literal
            grace_days=reading.whole("grace_days"),
        ),
        gifts=replace(
            kept.gifts, welcome=typed["welcome"] or None, birthday=typed["birthday"] or None
        ),
    )
    starts_on = reading.day("starts_on")
    if starts_on is not None and starts_on < taipei_date(now):
        reading.problems["starts_on"] = "請選今天以後的日子，留白是核准時立刻生效"
    note = " ".join(typed["note"].split())
    if fault := note_fault(note):
        reading.problems["note"] = fault
    starts_at = None
    if starts_on is not None and starts_on > taipei_date(now):
        starts_at = taipei_midnight(starts_on)
    return Filled(typed, terms, starts_at, reading.problems)


def note_fault(note: str) -> str:
    """What is wrong with the reason for a change; empty for nothing."""
    if not 1 <= len(note) <= LONGEST_NOTE:
        return f"請寫為什麼要改，最多 {LONGEST_NOTE} 個字，核准的人會看到"
    if not note.isprintable():
        return "原因裡有看不見的字元（例如組合的表情符號），請刪掉"
    return ""


def field_of(fault: Fault) -> str:
    """The field in which a fault of the terms can be mended; empty for none."""
    match fault.path:
        case ("tiers", int(place), "percent"):
            return f"tier-{place}-times"
        case ("tiers", int(place), *rest):
            return f"tier-{place}-{rest[0] if rest else 'threshold'}"
        case ("earning", "campaigns", int(place), *rest):
            names = {"starts_at": "from", "ends_at": "to", "percent": "times"}
            part = str(rest[0]) if rest else "name"
            return f"campaign-{place}-{names.get(part, part)}"
        case ("earning", "birthday_percent"):
            return "birthday_times"
        case (_, str(name)):
            return name
    return ""


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.replace("\r\n", "\n").strip()[:2_000] if isinstance(value, str) else ""


class _Reading:
    """Reads field by field and remembers what is wrong, so that all of it can be said at once."""

    def __init__(self, typed: Mapping[str, str], before: Mapping[str, str]) -> None:
        self._typed, self._before = typed, before
        self.problems: dict[str, str] = {}

    def whole(self, name: str) -> int:
        try:
            found = money.parse(self._typed[name], field=name)
        except Invalid:
            found = -1
        if not 0 <= found <= MOST:
            self.problems[name] = "請填整數，例如 100"
            return 0
        return found

    def percent(self, name: str) -> int:
        """Of times: 1.5 is 150 percent."""
        said = text.half_width(self._typed[name]).removesuffix("倍").strip()
        try:
            found = text.parse_decimal(said, field=name) * 100
        except Invalid:
            found = Decimal(-1)
        if not (100 <= found <= 10_000 and found == int(found)):
            self.problems[name] = "請填 1 到 100 倍，最多兩位小數，例如 1.5"
            return 100
        return int(found)

    def one_of(self, name: str, known: Mapping[str, str]) -> str:
        said = self._typed[name]
        if said not in known:
            self.problems[name] = "請從清單選一項"
            return self._before[name]
        return said

    def name(self, name: str) -> str:
        said = " ".join(self._typed[name].split())
        if not 1 <= len(said) <= LONGEST_NAME or not said.isprintable():
            self.problems[name] = f"請取 1 到 {LONGEST_NAME} 個字的名稱"
        return said

    def day(self, name: str) -> date | None:
        if not self._typed[name]:
            return None
        try:
            found = text.parse_date(self._typed[name], field=name)
            if not 2000 <= found.year <= 2100:
                raise Invalid(name, "is not of our time")
            return found
        except Invalid:
            self.problems[name] = "日期請寫成 2026/12/31"
            return None

    def tier(self, place: int, kept: Tier) -> Tier:
        here = f"tier-{place}"
        has_renewal = bool(self._typed[f"{here}-renewal"])
        benefits = self._typed[f"{here}-benefits"].split("\n")
        return replace(
            kept,
            name=self.name(f"{here}-name"),
            threshold=self.whole(f"{here}-threshold"),
            renewal=self.whole(f"{here}-renewal") if has_renewal else None,
            percent=self.percent(f"{here}-times"),
            gift=self._typed[f"{here}-gift"] or None,
            benefits=tuple(line.strip() for line in benefits if line.strip()),
        )

    def earning(self, kept: Earning) -> Earning:
        return replace(
            kept,
            unit=self.whole("unit"),
            rate=self.whole("rate"),
            birthday_percent=self.percent("birthday_times"),
            campaigns=tuple(self._campaigns(kept.campaigns)),
        )

    def _campaigns(self, kept: Sequence[Campaign]) -> Iterator[Campaign]:
        taken = {campaign.code for campaign in kept}
        for place in range(len(kept) + NEW_CAMPAIGNS):
            here = f"campaign-{place}"
            names = [f"{here}-{part}" for part in _CAMPAIGN]
            if not any(self._typed[name] for name in names):
                continue  # an empty line, or one that was emptied: the campaign is gone
            old = kept[place] if place < len(kept) else None
            first, last = self.day(f"{here}-from"), self.day(f"{here}-to")
            for name, day in ((f"{here}-from", first), (f"{here}-to", last)):
                if day is None:
                    self.problems.setdefault(name, "請填日期，例如 2026/12/31")
            if first is None or last is None:
                continue
            code = old.code if old is not None else _new_code(first, taken)
            taken.add(code)
            yield Campaign(
                code=code,
                name=self.name(f"{here}-name"),
                starts_at=self._same(old, f"{here}-from") or taipei_midnight(first),
                ends_at=self._same(old, f"{here}-to", is_end=True)
                or taipei_midnight(last + timedelta(days=1)),
                percent=self.percent(f"{here}-times"),
            )

    def _same(self, old: Campaign | None, name: str, *, is_end: bool = False) -> datetime | None:
        """An instant whose day was not touched stays as it is, hours and all."""
        if old is None or self._typed[name] != self._before[name]:
            return None
        return old.ends_at if is_end else old.starts_at


def _new_code(first: date, taken: set[str]) -> str:
    """With a random part: campaigns of two drafts that begin on one day are two campaigns."""
    while True:
        code = f"day-{first:%Y%m%d}-{ids.random_code(4).lower()}"
        if code not in taken:
            return code

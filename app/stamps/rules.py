"""What a stamp card asks for, and how purchases fill it. Pure values; days are Taipei's, amounts
NT$ less refunds.

Stamps are folded from the sales, day by day: a day is worth what its sales bring, at most the cap,
and fills the card under way; what does not fit goes on the next card. So a refund takes its stamps
off by itself, and sales give the same cards in whatever order they arrive."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import Any, Final, Literal

from app.programmes.rules import Path

MOST_STAMPS: Final = 30  # of one card; more cannot be drawn in a message
MOST_MILESTONES: Final = 6


# Terms ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Milestone:
    """What the `at`-th stamp of a card brings."""

    at: int
    points: int = 0
    coupon: str | None = None  # a coupon kind


@dataclass(frozen=True, slots=True)
class StampDraft:
    """A stamp card as people write it down. A change counts from the next day on; a card that was
    begun keeps its size and milestones."""

    code: str
    name: str
    size: int  # stamps of a full card
    milestones: tuple[Milestone, ...]
    starts_on: date
    description: str = ""
    per: Literal["visit", "amount"] = "visit"
    amount: int = 1  # NT$ of one sale: at least so much for a visit, or for each stamp
    stores: tuple[str, ...] = ()  # codes; empty: all
    cap_per_day: int | None = 1
    gap_days: int = 1  # days from one with stamps to the next that may have some
    ends_on: date | None = None  # the last day that counts
    repeats: bool = True  # a full card is followed by another
    on_refund: Literal["keep", "take_back"] = "keep"


def from_document(document: Mapping[str, Any]) -> StampDraft:
    """The terms of a version from their JSON."""
    given = dict(document)
    given["milestones"] = tuple(Milestone(**item) for item in given["milestones"])
    given["stores"] = tuple(given["stores"])
    given["starts_on"] = date.fromisoformat(given["starts_on"])
    given["ends_on"] = date.fromisoformat(given["ends_on"]) if given["ends_on"] else None
    return StampDraft(**given)


@dataclass(frozen=True, slots=True)
class Version:
    since: date
    terms: StampDraft


# Stamps -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sale:
    """NT$ that stay of it; `store` is a code, empty for none."""

    id: int
    on: date
    net: int
    store: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """Stamps that one day put on a card."""

    on: date
    count: int
    sales: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One card of a member, the `number`-th from 1, with the terms that it was begun with."""

    number: int
    terms: StampDraft
    days: tuple[Filled, ...] = ()

    @property
    def stamps(self) -> int:
        return sum(day.count for day in self.days)

    @property
    def room(self) -> int:
        return self.terms.size - self.stamps

    @property
    def reached(self) -> tuple[Milestone, ...]:
        return tuple(item for item in self.terms.milestones if item.at <= self.stamps)

    @property
    def next_milestone(self) -> Milestone | None:
        return next((item for item in self.terms.milestones if item.at > self.stamps), None)


def worth(terms: StampDraft, sale: Sale) -> int:
    """Stamps that a sale alone would bring."""
    if sale.net < max(1, terms.amount) or (terms.stores and sale.store not in terms.stores):
        return 0
    if not terms.starts_on <= sale.on <= (terms.ends_on or date.max):
        return 0
    return 1 if terms.per == "visit" else sale.net // terms.amount


def sheets(versions: Sequence[Version], sales: Sequence[Sale]) -> list[Sheet]:
    """The cards that a member's sales filled, the one under way last; [] before the first stamp.
    `versions` in their order; the first also says what days before it are worth."""
    found: list[Sheet] = []
    last: date | None = None
    in_order = sorted(sales, key=lambda sale: (sale.on, sale.id))
    for day, of_day in groupby(in_order, key=lambda sale: sale.on):
        terms = _terms_of(versions, day)
        if last is not None and (day - last).days < terms.gap_days:
            continue
        counting = [(sale.id, worth(terms, sale)) for sale in of_day]
        stamps = sum(count for _, count in counting)
        stamps = stamps if terms.cap_per_day is None else min(stamps, terms.cap_per_day)
        if stamps:
            last = day
            sold = tuple(sale_id for sale_id, count in counting if count)
            _place(found, terms, Filled(day, stamps, sold))
    return found


def _terms_of(versions: Sequence[Version], day: date) -> StampDraft:
    held = [version.terms for version in versions if version.since <= day]
    return held[-1] if held else versions[0].terms


def _place(found: list[Sheet], terms: StampDraft, day: Filled) -> None:
    left = day.count
    while left:
        if not found or (not found[-1].room and terms.repeats):
            found.append(Sheet(len(found) + 1, terms))
        sheet = found[-1]
        count = min(left, sheet.room)
        if not count:
            return  # the only card is full
        found[-1] = replace(sheet, days=(*sheet.days, replace(day, count=count)))
        left -= count


def reached(found: Sequence[Sheet], at: int) -> list[Milestone]:
    """What the milestones at that stamp brought, card by card."""
    return [item for sheet in found for item in sheet.reached if item.at == at]


# What contradicts itself ------------------------------------------------------------------------


def faults(draft: StampDraft) -> Iterator[tuple[Path, str]]:
    """Every contradiction with its place."""
    if not 1 <= len(draft.code) <= 40:
        yield ("code",), "須為 1–40 個字"
    if not 1 <= len(draft.name) <= 20:
        yield ("name",), "須為 1–20 個字"
    if not 1 <= draft.size <= MOST_STAMPS:
        yield ("size",), f"須為 1–{MOST_STAMPS} 格"
    if draft.amount < 1:
        yield ("amount",), "至少 NT$1"
    if (draft.cap_per_day if draft.cap_per_day is not None else 1) < 1:
        yield ("cap_per_day",), "至少 1 格，或 null 不限"
    if draft.gap_days < 1:
        yield ("gap_days",), "至少 1 天"
    if draft.ends_on is not None and draft.ends_on < draft.starts_on:
        yield ("ends_on",), "結束日不可早於開始日"
    yield from _milestone_faults(draft)


def _milestone_faults(draft: StampDraft) -> Iterator[tuple[Path, str]]:
    if not 1 <= len(draft.milestones) <= MOST_MILESTONES:
        yield ("milestones",), f"須有 1–{MOST_MILESTONES} 個獎勵"
    before = 0
    for index, item in enumerate(draft.milestones):
        here: Path = ("milestones", index)
        if not before < item.at <= draft.size:
            yield (*here, "at"), "須由小到大，且不超過格數"
        before = item.at
        if item.points < 0:
            yield (*here, "points"), "不可為負"
        if not (item.points or item.coupon):
            yield here, "須有獎勵"

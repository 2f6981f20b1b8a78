"""A rehearsal as it is read in a terminal."""

from collections.abc import Iterator
from typing import Final

from app.core.clock import TAIPEI
from app.jobs.rehearsal import Rehearsal
from app.lifecycle import rules as lifecycle

BAR: Final = 40  # characters
_NAMES: Final = {
    **{rule.code: rule.name for rule in lifecycle.RULES},
    "journey": "旅程",
    "broadcast": "群發",
    "tier.upgraded": "升等通知",
    "referral.rewarded": "好友推薦獎勵",
    "coupon.gift_lapsed": "送出的優惠券沒人收下",
    "draw.won": "中獎通知",
}


def lines(found: Rehearsal, *, limit: int) -> Iterator[str]:
    """`limit`: messages a month that LINE's plan holds; 0 when nobody said."""
    total = sum(found.by_month.values())
    yield f"從 {found.first:%Y/%m/%d} 起 {found.days} 天，假設沒有會員再做任何事："
    yield f"共送 {total:,} 則" if total else "不會送出任何訊息"
    kinds = ((number, name_of(kind, found)) for kind, number in found.by_kind.items())
    for number, name in sorted(kinds, reverse=True):
        yield f"  {number:>8,}  {name}"
    yield from _months(found, limit)
    yield from _busiest(found)
    if found.dropped:
        yield "沒有送的（生命週期訊息）"
    for (name, reason), number in found.dropped.most_common(12):
        yield f"  {number:>8,}  {name}：{reason}"
    yield from _journeys(found)
    if found.never:
        yield f"一次也沒有用到的訊息：{'、'.join(found.never)}"
    if found.points_end:
        yield "點數大量到期的日子"
    for day, points in found.points_end.most_common(5):
        yield f"  {day:%Y/%m/%d}  {points:>10,} 點"
    if found.letters:
        yield "這位會員會收到"
    for letter in found.letters:
        at = letter.at.astimezone(TAIPEI)
        yield f"  {at:%m/%d %H:%M}  {name_of(letter.kind, found)}：{letter.says}"


def _months(found: Rehearsal, limit: int) -> Iterator[str]:
    for month, number in sorted(found.by_month.items()):
        over = number - limit if limit else 0
        yield f"{month}  {number:>8,} 則" + (f"，超過方案 {over:,} 則" if over > 0 else "")


def _busiest(found: Rehearsal) -> Iterator[str]:
    if found.busiest:
        yield "最忙的幾天"
    for day, number in found.busiest:
        most = found.busiest[0][1]
        yield f"  {day:%m/%d}  {number:>8,}  {'█' * max(1, number * BAR // most)}"


def _journeys(found: Rehearsal) -> Iterator[str]:
    for name, number in found.entered.items():
        yield f"旅程「{name}」：{number:,} 人進來"
    for name in found.idle:
        yield f"旅程「{name}」：沒有人進來"
    for reason in found.unfinished:
        yield f"旅程草稿還不能開始：{reason}"


def name_of(kind: str, found: Rehearsal) -> str:
    """`journey:3` by its own name, others by what stands before the colon."""
    word = kind.partition(":")[0]
    return found.names.get(kind) or _NAMES.get(kind) or _NAMES.get(word) or kind

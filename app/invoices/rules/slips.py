"""The two QR codes and the barcode of 電子發票證明聯, read as they are met in the wild.

Layout: 財政部「電子發票證明聯一維及二維條碼規格說明」. Sellers deviate from it in many ways; what
leaves no doubt about number, day and total is taken, the rest is a warning."""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from app.core import money, text
from app.core.errors import DomainError, Invalid

Reason = Literal["foreign", "short", "number", "date", "amount", "two_invoices", "needs_left"]


class NotAnInvoice(DomainError):
    """What was scanned cannot be taken for an invoice; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"not an invoice: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Code:
    """A code as a scanner gave it: its text, and its bytes where the scanner has them."""

    text: str
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class SlipItem:
    """A line of the slip; quantity and price may have decimals (petrol), the price may be 0."""

    name: str
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Slip:
    """What a slip says. `total` is NT$ with tax, None where only the barcode was read; `untaxed` is
    None when the seller does not split the tax. `items` may be fewer than the invoice has."""

    number: str
    period: str  # ROC year and even month
    sold_on: date | None = None  # not in the barcode
    random_code: str = ""
    untaxed: int | None = None
    total: int | None = None
    buyer: str = ""  # empty: a consumer
    seller: str = ""
    check_text: str = ""
    items: tuple[SlipItem, ...] = ()
    item_count: int | None = None  # lines on the invoice
    warnings: tuple[str, ...] = ()  # buyer, seller, items

    @property
    def is_business(self) -> bool:
        """Bought with a tax id: no consumer's invoice."""
        return bool(self.buyer)


NUMBER_LENGTH, FIXED_LENGTH = 10, 77
_NUMBER: Final = re.compile(r"[A-Z]{2}[0-9]{8}")
_BARCODE: Final = re.compile(r"\*?([0-9]{5})([A-Za-z]{2}[0-9]{8})([0-9]{4})\*?")
_HEX: Final = re.compile(r"[0-9A-Fa-f]{8}")
_UBN: Final = re.compile(r"[0-9]{8}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_AMOUNT: Final = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?")
_CROSS_BORDER_AMOUNT: Final = re.compile(r"[0-9A-Fa-f]{10}")
_NOBODY: Final = "00000000"
_BIG5, _UTF8, _BASE64_FLAG, _CROSS_BORDER = "0", "1", "2", "3"
_LONGEST_NAME: Final = 200


def read(codes: Sequence[Code]) -> Slip:
    """One slip from the codes found on it, in any order: the left QR, with the right one if it was
    read; the barcode alone if neither was.

    Raises NotAnInvoice: `needs_left` for a right code alone."""
    lefts = [code for code in codes if _looks_left(code.text)]
    rights = [code for code in codes if code.text.strip().startswith("**")]
    bars = [code for code in codes if _BARCODE.fullmatch(code.text.strip())]
    if lefts:
        slips = [_read_left(code, rights[0] if rights else None) for code in lefts]
        if len({slip.number for slip in slips}) > 1:
            raise NotAnInvoice("two_invoices")
        return max(slips, key=lambda slip: len(slip.items))
    if bars:
        return read_barcode(bars[0].text)
    if rights:
        raise NotAnInvoice("needs_left")
    raise _why_not([code.text.strip() for code in codes])


def read_barcode(scanned: str) -> Slip:
    """The 19 characters of the barcode: period, number, random code. Raises NotAnInvoice."""
    found = _BARCODE.fullmatch(text.half_width(scanned).strip())
    if found is None:
        raise NotAnInvoice("foreign")
    try:
        period = text.parse_invoice_period(found[1])
    except Invalid as error:
        raise NotAnInvoice("date") from error
    return Slip(number=found[2].upper(), period=period, random_code=found[3])


def _looks_left(scanned: str) -> bool:
    """Begins as an invoice number does and is longer than a barcode: worth reading closely."""
    head = scanned.lstrip()[:NUMBER_LENGTH].upper()
    return _NUMBER.fullmatch(head) is not None and len(scanned.strip()) > 19


def _why_not(texts: Sequence[str]) -> NotAnInvoice:
    """The nearest reason: something with letters and digits in the right places was meant to be
    an invoice, an address of the web was not."""
    longest = max(texts, key=len, default="")
    if re.match(r"[A-Za-z0-9]{2}[A-Za-z0-9]{8}", longest) and len(longest) >= FIXED_LENGTH:
        return NotAnInvoice("number")
    return NotAnInvoice("foreign")


# The left code ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cut:
    """The fixed fields, and what follows them."""

    number: str
    day: str
    random_code: str
    untaxed: str
    total: str
    buyer: str
    seller: str
    check_text: str
    rest: str


def _read_left(left: Code, right: Code | None) -> Slip:
    cut = _cut(left.text.strip())
    sold_on = _day(cut.day)
    untaxed, total = _hex(cut.untaxed), _hex(cut.total)
    slip = Slip(
        number=cut.number,
        period=text.invoice_period(sold_on),
        sold_on=sold_on,
        random_code=cut.random_code.strip(),
        untaxed=untaxed or None,
        total=total,
        buyer="" if cut.buyer == _NOBODY else cut.buyer,
        seller=cut.seller,
        check_text=cut.check_text,
        warnings=tuple(_odd_ids(cut)),
    )
    return _with_items(slip, left, right, cut.rest)


def _cut(scanned: str) -> _Cut:
    if len(scanned) < FIXED_LENGTH:
        raise NotAnInvoice("short")
    number = scanned[:NUMBER_LENGTH].upper()
    # A few sellers write the day as 20260704: everything after it stands one place further.
    days = 8 if scanned[10:12] == "20" and _is_day(scanned[10:18]) else 7
    at = NUMBER_LENGTH + days
    fields = [scanned[start : start + length] for start, length in _fixed(at)]
    random_code, untaxed, total, buyer, seller = fields
    check_text, rest = _check_text(scanned[at + 36 :])
    return _Cut(
        number, scanned[10:at], random_code, untaxed, total, buyer, seller, check_text, rest
    )


def _fixed(at: int) -> Iterator[tuple[int, int]]:
    for length in (4, 8, 8, 8, 8):
        yield at, length
        at += length


def _check_text(tail: str) -> tuple[str, str]:
    """24 characters of Base64 and a colon; also met: 32 characters, and no colon."""
    for length in (24, 32):
        if tail[length : length + 1] in ("", ":"):
            return tail[:length], tail[length + 1 :]
    is_long = len(tail) > 32 and _BASE64.fullmatch(tail[:32]) is not None and tail[31] == "="
    length = 32 if is_long else 24
    return tail[:length], tail[length:]


def _is_day(digits: str) -> bool:
    try:
        _day(digits)
    except NotAnInvoice:
        return False
    return True


def _day(digits: str) -> date:
    """ROC year of three digits, or AD year of four."""
    if not digits.isascii() or not digits.isdigit():
        raise NotAnInvoice("date")
    year = int(digits[:-4]) + (text.ROC_OFFSET if len(digits) == 7 else 0)
    try:
        return date(year, int(digits[-4:-2]), int(digits[-2:]))
    except ValueError as error:
        raise NotAnInvoice("date") from error


def _hex(digits: str) -> int:
    if not _HEX.fullmatch(digits):
        raise NotAnInvoice("amount")
    amount = int(digits, 16)
    if amount > money.LARGEST:
        raise NotAnInvoice("amount")
    return amount


def _odd_ids(cut: _Cut) -> Iterator[str]:
    """A tax id that fails its checksum is no reason to refuse: the official sample fails, too."""
    if cut.buyer != _NOBODY and not text.is_ubn(cut.buyer):
        yield "buyer"
    if not text.is_ubn(cut.seller):
        yield "seller"


# Items --------------------------------------------------------------------------------------------


def _with_items(slip: Slip, left: Code, right: Code | None, rest: str) -> Slip:
    """Items are a bonus: whatever is wrong with them, the header stands."""
    fields = rest.split(":")
    if len(fields) < 4 or not (fields[2].strip().isdigit() and fields[2].strip().isascii()):
        return slip
    encoding = fields[3].strip()
    here = fields[1].strip()
    slip = replace(slip, item_count=min(int(fields[2].strip()[:9]), 10**6))
    cut_left = _after_colons(left.text.strip(), rest, 4)
    if encoding == _CROSS_BORDER:
        slip, cut_left = _cross_border(slip, cut_left)
    most = int(here) if here.isascii() and here.isdigit() and len(here) < 6 and int(here) else None
    readings = _readings(encoding, left, right, cut_left)
    items = max((_items(found, most) for found in readings), key=len, default=())
    lacks = not items and slip.item_count != 0
    warnings = (*slip.warnings, "items") if lacks else slip.warnings
    return replace(slip, items=items, warnings=warnings)


def _after_colons(whole: str, rest: str, count: int) -> str:
    """What follows the given number of colons of `rest`, at the end of the whole code."""
    parts = rest.split(":", count)
    return parts[count] if len(parts) > count else ""


def _cross_border(slip: Slip, items: str) -> tuple[Slip, str]:
    """Two amounts of ten digits follow: eight hex for dollars, two hex for cents."""
    untaxed, _, behind = items.partition(":")
    total, _, behind = behind.partition(":")
    if not (_CROSS_BORDER_AMOUNT.fullmatch(untaxed) and _CROSS_BORDER_AMOUNT.fullmatch(total)):
        return slip, items
    return replace(slip, untaxed=_dollars(untaxed) or None, total=_dollars(total)), behind


def _dollars(amount: str) -> int:
    """`0000016B63` is 363.99: whole NT$, halves up."""
    cents = int(amount[:8], 16) * 100 + int(amount[8:], 16)
    return money.round_half_up(Decimal(cents) / 100)


def _readings(encoding: str, left: Code, right: Code | None, items: str) -> Iterator[str]:
    """The item text in every way that it may have been meant, the likely ones first."""
    behind = "" if right is None else right.text.strip()[2:]
    if encoding == _BASE64_FLAG:
        yield from _base64_readings(items.strip(), behind.strip())
        return
    for mended in (_as_it_is, _big5_read_as_latin, _big5_read_as_japanese):
        first, second = mended(items), mended(behind)
        if first is None or second is None:
            continue
        yield first + second
        yield f"{first.rstrip(':')}:{second.lstrip(':')}"
    yield from _big5_bytes(encoding, left, right)


def _as_it_is(scanned: str) -> str | None:
    return None if _is_garbled(scanned) else scanned


def _is_garbled(scanned: str) -> bool:
    """Signs no shop writes: Big5 that was taken for Latin-1 or half-width kana, or not read."""
    return any(
        "\x80" <= sign <= "\xff" or "\uff61" <= sign <= "\uff9f" or sign == "\ufffd"
        for sign in scanned
    )


def _big5_read_as_latin(scanned: str) -> str | None:
    return _mended(scanned, "latin-1")


def _big5_read_as_japanese(scanned: str) -> str | None:
    return _mended(scanned, "cp932")


def _mended(scanned: str, wrongly: str) -> str | None:
    try:
        return scanned.encode(wrongly).decode("big5")
    except UnicodeError:
        return None


def _big5_bytes(encoding: str, left: Code, right: Code | None) -> Iterator[str]:
    """The bytes themselves, where the scanner gave them."""
    if encoding != _BIG5 or not left.data:
        return
    try:
        first = left.data.decode("big5").split(":", 5)[-1]
        second = "" if right is None else right.data.decode("big5").strip()[2:]
    except UnicodeDecodeError:
        return
    yield first + second
    yield f"{first.rstrip(':')}:{second.lstrip(':')}"


def _base64_readings(left: str, right: str) -> Iterator[str]:
    """Each code has its own run of Base64, or one run was cut in two."""
    runs = [[left, right.lstrip(":")], [left + right.lstrip(":")]]
    for run in runs:
        joined = b""
        for part in run:
            joined += _unpacked(part)
        for encoding in ("utf-8", "big5"):
            try:
                yield joined.decode(encoding)
            except UnicodeDecodeError:
                continue


def _unpacked(part: str) -> bytes:
    padded = part.rstrip(":") + "=" * (-len(part.rstrip(":")) % 4)
    try:
        return base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        return b"\xff"  # no text in any encoding


def _items(joined: str, most: int | None) -> tuple[SlipItem, ...]:
    """name:quantity:price, repeated; free text after them ends the list."""
    pieces = [piece.strip(" \r\n\t\u3000") for piece in joined.split(":")]
    found: list[SlipItem] = []
    for start in range(0, len(pieces) - 2, 3):
        name, quantity, price = pieces[start : start + 3]
        amounts = (
            _AMOUNT.fullmatch(text.half_width(quantity)),
            _AMOUNT.fullmatch(text.half_width(price)),
        )
        if amounts[0] is None or amounts[1] is None:
            break
        cleaned = " ".join(name.replace("\x00", "").split())[:_LONGEST_NAME]
        found.append(SlipItem(cleaned, Decimal(amounts[0][0]), Decimal(amounts[1][0])))
        if len(found) == most:
            break
    return tuple(found)

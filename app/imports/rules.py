"""A file of sales: reading it, finding out which column is what, and the sales its rows tell.

Written for what tills and Excel export: a byte-order mark or Big5, commas, semicolons or tabs,
AD or ROC dates, times in a column of their own, NT$ and thousands separators, phone numbers that
lost their first 0. Several rows with one transaction number are the lines of one sale."""

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from itertools import groupby
from typing import Final

from app.core import money, text
from app.core.clock import TAIPEI
from app.core.errors import Invalid
from app.purchases.rules import Item

MOST_BYTES: Final = 10_000_000
MOST_ROWS: Final = 100_000
MOST_COLUMNS: Final = 100

# Field → what it is called, and other headings it is known by.
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "external_id": (
        "交易編號",
        *("單號", "交易序號", "訂單編號", "銷售單號", "order id", "order", "id"),
    ),
    "sold_at": (
        "日期",
        *(
            "日期時間",
            "交易日期",
            "消費日期",
            "銷售日期",
            "交易時間",
            "date",
            "datetime",
            "sold at",
        ),
    ),
    "time": ("時間", "交易時刻", "time"),
    "kind": ("類型", *("交易類型", "銷退別", "銷售類型", "單別", "type", "kind")),
    "refund_of": (
        "原交易編號",
        *("原單號", "原訂單編號", "原銷售單號", "原交易序號", "original order", "refund of"),
    ),
    "amount": (
        "金額",
        *("實付金額", "消費金額", "交易金額", "總金額", "總計", "合計", "amount", "total"),
    ),
    "phone": ("手機", "電話", "會員手機", "手機號碼", "會員電話", "phone", "mobile"),
    "number": ("會員編號", "會員卡號", "卡號", "member", "number"),
    "store": ("門市代碼", "門市", "店代碼", "店號", "store"),
    "invoice": ("發票號碼", "發票", "invoice", "invoice number"),
    "sku": ("商品編號", "品號", "貨號", "sku"),
    "name": ("品名", "商品名稱", "商品", "item", "name"),
    "category": ("類別", "商品類別", "分類", "category"),
    "quantity": ("數量", "qty", "quantity"),
    "unit_price": ("單價", "售價", "price", "unit price"),
}
NEEDED: Final = ("sold_at", "amount")
SOLD: Final = frozenset(
    {"銷售", "銷貨", "消費", "銷", "銷售單", "銷貨單", "一般", "正常", "sale", "sold", "s"}
)
RETURNED: Final = frozenset(
    {"退貨", "退款", "銷退", "退", "退貨單", "銷退單", "銷貨退回"}
    | {"refund", "return", "returned", "r"}
)
OF_REFUNDS: Final = frozenset({"kind", "refund_of"})  # no part of what makes a sale the same
ITEM_FIELDS: Final = ("sku", "name", "category", "quantity", "unit_price")


# Reading ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """The cells that begin on a line of the file; the headings stand on line 1."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    headings: tuple[str, ...]
    rows: tuple[Row, ...]


def read(content: bytes) -> Sheet:
    """Raises Invalid("file", …) with what is wrong, in the marketer's words."""
    if len(content) > MOST_BYTES:
        raise Invalid("file", f"檔案超過 {MOST_BYTES // 1_000_000} MB，請分成幾個檔案")
    if not content.strip():
        raise Invalid("file", "檔案是空的")
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Invalid("file", "這是 Excel 檔，請在 Excel 另存為「CSV UTF-8」再上傳")
    found = _rows(_decoded(content))
    if len(found) < 2:
        raise Invalid("file", "只有標題，沒有資料")
    headings, *rows = found
    if len(headings.cells) > MOST_COLUMNS:
        raise Invalid("file", f"最多 {MOST_COLUMNS} 欄")
    if len(rows) > MOST_ROWS:
        raise Invalid("file", f"最多 {MOST_ROWS:,} 列，請分成幾個檔案")
    return Sheet(tuple(cell.strip() for cell in headings.cells), tuple(rows))


def _rows(words: str) -> list[Row]:
    """Without empty rows. Raises Invalid."""
    first = words.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(words, newline=""), delimiter=delimiter)
    found, line = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                found.append(Row(line, tuple(cells)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise Invalid("file", "不是 CSV：有一格太長，或引號沒有成對") from error
    return found


def _decoded(content: bytes) -> str:
    """UTF-8, UTF-16 with its mark, or Big5 as Windows writes it."""
    has_mark = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if has_mark else ("utf-8-sig", "cp950"):
        try:
            words = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in words:
            return words
    raise Invalid("file", "看不懂檔案的文字編碼，請另存為「CSV UTF-8」再上傳")


def guess(sheet: Sheet) -> dict[str, int]:
    """Field → place of the column that seems to hold it; each column once. A column of kinds that
    never says 銷售 or 退貨 in any way (but 外帶, 會員, …) is about something else."""
    found = guess_by_headings(sheet.headings)
    place = found.get("kind")
    if place is not None:
        said = {_kind(row.cells[place]) for row in sheet.rows if place < len(row.cells)}
        if said - {""} and not said & (SOLD | RETURNED):
            del found["kind"]
    return found


def guess_by_headings(headings: Sequence[str]) -> dict[str, int]:
    """The same by what the columns are called alone."""
    known = {_plain(heading): place for place, heading in reversed(list(enumerate(headings)))}
    found: dict[str, int] = {}
    for name, headings_known in FIELDS.items():
        for heading in headings_known:
            place = known.get(_plain(heading))
            if place is not None and place not in found.values():
                found[name] = place
                break
    return found


def _plain(heading: str) -> str:
    return re.sub(r"[\s_\-()（）*:：]", "", text.half_width(heading)).lower()


def check_mapping(mapping: Mapping[str, int], headings: Sequence[str]) -> None:
    """Raises Invalid naming the field."""
    for name in NEEDED:
        if name not in mapping:
            raise Invalid(name, f"請選擇哪一欄是{FIELDS[name][0]}")
    for name, place in mapping.items():
        if name not in FIELDS or not 0 <= place < len(headings):
            raise Invalid(name, "沒有這一欄")
    counts = Counter(mapping.values())
    for name, place in mapping.items():
        if counts[place] > 1:
            raise Invalid(name, f"「{headings[place]}」被選了兩次")


# Sales ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the sale that begins on that line."""

    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sale:
    """What the rows from `line` on say, in the product's own terms."""

    line: int
    external_id: str
    sold_at: datetime
    amount: int
    phone: str | None = None
    number: str | None = None
    store: str | None = None
    invoice: str | None = None
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Refund:
    """What the rows from `line` on give back of the sale `refund_of`, NT$ `amount`. `sale` and
    `previous`: that sale and the refund of it before this one, where they stand in the same file,
    for a rehearsal, which leaves none of them behind."""

    line: int
    external_id: str
    refund_of: str
    at: datetime
    amount: int
    store: str | None = None
    sale: Sale | None = None
    previous: "Refund | None" = None


@dataclass(slots=True)
class _Ids:
    """Numbers for rows without one: the same file gives the same again, and two equal rows of it
    are two sales."""

    seen: Counter[str] = field(default_factory=Counter)

    def of(self, cells: Sequence[str]) -> str:
        same = hashlib.sha256("\x1f".join(cells).encode()).hexdigest()[:24]
        self.seen[same] += 1
        return f"csv-{same}-{self.seen[same]}"


def sales(sheet: Sheet, mapping: Mapping[str, int]) -> Iterator[Sale | Refund | Fault]:
    """Each sale of the file, or what is wrong with it, in the order of the file; then the refunds,
    so that they may stand anywhere in it."""
    ids = _Ids()
    sold: dict[str, Sale] = {}
    refunds: list[Refund] = []
    for together in _groups(sheet, mapping):
        line, rows = together[0].line, [_cells(row.cells, mapping) for row in together]
        try:
            if _is_refund(rows[0]):
                refunds.append(_refund(line, rows, ids))
                continue
            sale = _sale(line, rows, ids)
        except Invalid as wrong:
            yield Fault(line, wrong.field, wrong.reason)
            continue
        sold.setdefault(sale.external_id, sale)
        yield sale
    latest: dict[str, Refund] = {}
    for refund in refunds:
        sale_id = refund.refund_of
        latest[sale_id] = replace(refund, sale=sold.get(sale_id), previous=latest.get(sale_id))
        yield latest[sale_id]


def _is_refund(cells: Mapping[str, str]) -> bool:
    """By what the row calls itself, or by an amount below nothing. Raises Invalid."""
    is_negative = _is_negative(cells.get("amount", ""))
    said = _kind(cells.get("kind", ""))
    if said in RETURNED or (not said and is_negative):
        return True
    if said and said not in SOLD:
        raise Invalid("kind", "類型請寫「銷售」或「退貨」")
    if is_negative:
        raise Invalid("amount", "銷售的金額不能是負的")
    return False


def _kind(cell: str) -> str:
    return text.half_width(cell).strip().lower()


def _is_negative(words: str) -> bool:
    return text.half_width(words).strip().startswith(("-", "(", "−"))


def _refund(line: int, rows: Sequence[dict[str, str]], ids: _Ids) -> Refund:
    """Raises Invalid."""
    first = rows[0]
    _check_rows(rows)
    own, sale_id = first.get("external_id"), first.get("refund_of")
    if sale_id is None or sale_id == own:  # the number is the sale's, and the refund has none
        own, sale_id = None, sale_id or own
    if sale_id is None:
        raise Invalid("refund_of", "退貨要寫原交易編號")
    words = text.half_width(first["amount"]).strip().strip("()-−").strip()
    amount = _dollars(words, "amount", "金額須為整數元，例如 -300")
    if amount == 0:
        raise Invalid("amount", "退貨金額不能是 0")
    return Refund(
        line=line,
        external_id=own or ids.of([f"{k}={first[k]}" for k in sorted(first)]),
        refund_of=sale_id,
        at=_moment(first["sold_at"], first.get("time")),
        amount=amount,
        store=first.get("store"),
    )


def _groups(sheet: Sheet, mapping: Mapping[str, int]) -> Iterator[list[Row]]:
    """Rows in a row with one transaction number are one sale, or one refund; a row without one is
    by itself."""

    def key(row: Row) -> object:
        cells = _cells(row.cells, mapping)
        number = cells.get("external_id")
        if number is None:
            return row.line
        try:
            is_refund = _is_refund(cells)
        except Invalid:
            is_refund = False
        # A refund that carries the number of its sale is by itself: parts may follow each other.
        is_own = is_refund and cells.get("refund_of") in (None, number)
        return (number, is_refund, row.line if is_own else 0)

    for _, group in groupby(sheet.rows, key=key):
        yield list(group)


def _cells(row: Sequence[str], mapping: Mapping[str, int]) -> dict[str, str]:
    """Field → what the cell says; without those that say nothing."""
    found = {name: row[place].strip() for name, place in mapping.items() if place < len(row)}
    return {name: cell for name, cell in found.items() if cell}


def _sale(line: int, rows: Sequence[dict[str, str]], ids: _Ids) -> Sale:
    first = rows[0]
    _check_rows(rows)
    sold_at = _moment(first["sold_at"], first.get("time"))
    return Sale(
        line=line,
        external_id=first.get("external_id")
        or ids.of([f"{k}={first[k]}" for k in sorted(first.keys() - OF_REFUNDS)]),
        sold_at=sold_at,
        amount=_amount(first["amount"]),
        phone=_phone(first["phone"]) if "phone" in first else None,
        number=_said("number", "會員編號的格式不對", text.parse_member_number, first),
        store=first.get("store"),
        invoice=_said(
            "invoice", "發票號碼須為兩個英文字母加八個數字", text.parse_invoice_number, first
        ),
        items=tuple(_item(cells) for cells in rows if cells.keys() & {"sku", "name"}),
    )


def _check_rows(rows: Sequence[dict[str, str]]) -> None:
    """Raises Invalid."""
    first = rows[0]
    for name in NEEDED:
        if name not in first:
            raise Invalid(name, f"沒有{FIELDS[name][0]}")
    for cells in rows[1:]:
        for name in first.keys() - {*ITEM_FIELDS}:
            if cells.get(name, first[name]) != first[name]:
                raise Invalid(name, "同一交易編號的幾列寫得不一樣")


def _said(name: str, reason: str, parse: object, cells: Mapping[str, str]) -> str | None:
    if name not in cells:
        return None
    assert callable(parse)
    try:
        return str(parse(cells[name]))
    except Invalid as wrong:
        raise Invalid(name, reason) from wrong


_CLOCK: Final = re.compile(
    r"(上午|下午|am|pm)?\s*([0-9]{1,2}):?([0-9]{2})(?::?([0-9]{2})(?:\.[0-9]+)?)?\s*(am|pm)?", re.I
)


def _moment(day: str, clock: str | None) -> datetime:
    """Taipei time; without a time of day it is noon."""
    if clock is None:
        day, _, clock = text.half_width(day).strip().replace("T", " ").partition(" ")
    else:
        day = text.half_width(day).strip().replace("T", " ").partition(" ")[0]
    try:
        on = text.parse_date(day)
    except Invalid as wrong:
        raise Invalid("sold_at", "日期請寫成 2026/07/04 或 115/07/04") from wrong
    return datetime.combine(on, _time(clock) if clock.strip() else time(12), TAIPEI)


def _time(words: str) -> time:
    found = _CLOCK.fullmatch(text.half_width(words).strip())
    if found is None:
        raise Invalid("time", "時間請寫成 15:30")
    half = (found[1] or found[5] or "").lower()
    hour = int(found[2])
    if half in ("下午", "pm") and hour < 12:
        hour += 12
    elif half in ("上午", "am") and hour == 12:
        hour = 0
    try:
        return time(hour, int(found[3]), int(found[4] or 0))
    except ValueError as wrong:
        raise Invalid("time", "沒有這個時間") from wrong


def _amount(words: str) -> int:
    return _dollars(text.half_width(words).strip(), "amount", "金額須為整數元，例如 1,240")


def _dollars(words: str, name: str, reason: str) -> int:
    """Whole dollars; `.0` and `.00`, as spreadsheets write them, are taken."""
    try:
        return money.parse(re.sub(r"\.0+$", "", words), field=name)
    except Invalid as wrong:
        raise Invalid(name, reason) from wrong


def _phone(words: str) -> str:
    if re.fullmatch(r"[0-9.]+E\+?[0-9]+", words, re.I):
        raise Invalid("phone", "Excel 把手機改成了科學記號，請把整欄設為文字再另存")
    try:
        return text.parse_phone(words)
    except Invalid as wrong:
        raise Invalid("phone", "不是台灣的手機號碼") from wrong


def _item(cells: Mapping[str, str]) -> Item:
    quantity = cells.get("quantity", "1")
    return Item(
        sku=cells.get("sku", ""),
        name=cells.get("name", ""),
        category=cells.get("category", ""),
        quantity=_dollars(quantity, "quantity", "數量須為整數"),
        unit_price=_dollars(cells["unit_price"], "unit_price", "單價須為整數元")
        if "unit_price" in cells
        else 0,
    )


_NUMBER: Final = re.compile(r"-[0-9][0-9,]*(\.[0-9]+)?")  # no spreadsheet runs that


# Writing ----------------------------------------------------------------------------------------


def faulty_rows(sheet: Sheet, mapping: Mapping[str, int], faults: Mapping[int, str]) -> str:
    """The rows of refused sales as a file of the same columns with the reason in front, to be
    mended and brought again. `faults` are reasons by line. A cell that a spreadsheet would take for
    a formula is written as text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["原因", *sheet.headings])
    for together in _groups(sheet, mapping):
        reason = faults.get(together[0].line)
        if reason is not None:
            for row in together:
                writer.writerow([reason, *(_harmless(cell) for cell in row.cells)])
    return "\ufeff" + out.getvalue()


def _harmless(cell: str) -> str:
    if _NUMBER.fullmatch(cell):
        return cell
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell

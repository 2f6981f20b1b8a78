"""Taiwanese formats as pure functions: phones, names, dates, tax ids, invoices, addresses.

`parse_*` takes what people type and returns the one stored form or raises `Invalid`; `show_*` is
what people read; `mask_*` is what people who need not know everything read.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from app.core.errors import Invalid

_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def half_width(text: str) -> str:
    """Full-width letters, digits, punctuation and spaces become their ASCII twins."""
    return text.translate(_FULL_WIDTH)


def fold(text: str) -> str:
    """What two spellings that people take for the same share: width, case, spaces, 臺 and 台."""
    return " ".join(half_width(text).replace("臺", "台").casefold().split())


_DECIMAL: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,4})?")


def parse_decimal(text: str, *, field: str) -> Decimal:
    """A small number such as `5`, `12.5` or `0.0625`, below 1,000.

    Raises Invalid for anything else; `1e99999999` is never built, it would take hours."""
    found = half_width(text).strip()
    if _DECIMAL.fullmatch(found) is None:
        raise Invalid(field, "is not a number such as 12.5")
    return Decimal(found)


# Mobile phones ---------------------------------------------------------------------------------

_DASHES: Final = dict.fromkeys(map(ord, " \t-()\u2010\u2011\u2012\u2013\u2014\u2212"))
_MOBILE: Final = re.compile(r"(?:(?:\+|00)?8860?|0)?(9[0-9]{8})")


def parse_phone(text: str) -> str:
    """E.164 (`+886912345678`) from any way a Taiwanese mobile number is written.

    Raises Invalid for landlines, toll-free and foreign numbers and for a wrong number of digits.
    """
    found = _MOBILE.fullmatch(half_width(text).translate(_DASHES))
    if found is None:
        raise Invalid("phone", "is not a Taiwanese mobile number such as 0912-345-678")
    return "+886" + found[1]


def show_phone(phone: str) -> str:
    """`+886912345678` as `0912-345-678`."""
    local = _local(phone)
    return f"{local[:4]}-{local[4:7]}-{local[7:]}"


def mask_phone(phone: str) -> str:
    """`+886912345678` as `0912-***-678`."""
    local = _local(phone)
    return f"{local[:4]}-***-{local[7:]}"


def _local(phone: str) -> str:
    return "0" + phone.removeprefix("+886")


# Names -----------------------------------------------------------------------------------------

NAME_LENGTHS: Final = (2, 50)
_NAME_MARKS: Final = frozenset(" ‧·・.-'’ʼ")
_LONGEST_MASK: Final = 3


def parse_name(text: str, *, field: str = "name") -> str:
    """Letters of any script with `‧`, spaces, hyphens and apostrophes, 2 to 50 characters.

    Raises Invalid for digits, symbols, emoji and other lengths.
    """
    name = " ".join(unicodedata.normalize("NFC", half_width(text)).split())
    shortest, longest = NAME_LENGTHS
    if not shortest <= len(name) <= longest:
        raise Invalid(field, f"must have {shortest} to {longest} characters")
    if not all(sign in _NAME_MARKS or unicodedata.category(sign)[0] in "LM" for sign in name):
        raise Invalid(field, "may hold letters, spaces and ‧ only")
    if not any(unicodedata.category(sign)[0] == "L" for sign in name):
        raise Invalid(field, "needs letters")
    return name


def mask_name(name: str) -> str:
    """`王小明` as `王○明`, `王明` as `王○`; long names do not show how long they are."""
    if len(name) <= 2:
        return name[:1] + "○"
    return name[0] + "○" * min(len(name) - 2, _LONGEST_MASK) + name[-1]


# Dates -----------------------------------------------------------------------------------------

ROC_OFFSET: Final = 1911
_PACKED: Final = re.compile(r"([0-9]{2,4})([0-9]{2})([0-9]{2})")
_SPELLED: Final = re.compile(
    r"(民國|西元)? ?([0-9]{1,4})(?: ?年 ?| ?([-/.]) ?)([0-9]{1,2})"
    r"(?(3) ?\3 ?| ?月 ?)([0-9]{1,2})(?(3)| ?日)"
)


def parse_date(text: str, *, field: str = "date") -> date:
    """A day from its ROC or AD spelling: `1150704`, `115.7.4`, `民國115年7月4日`, `2026-07-04`.

    Years of four digits are AD, shorter ones ROC; six digits are a ROC year below 100.
    Raises Invalid for anything else and for days that never were.
    """
    year, month, day = _date_pieces(half_width(text).strip(), field)
    try:
        return date(year, month, day)
    except ValueError as error:
        raise Invalid(field, "is not a day of the calendar") from error


def _date_pieces(text: str, field: str) -> tuple[int, int, int]:
    if packed := _PACKED.fullmatch(text):
        era, year, month, day = None, packed[1], packed[2], packed[3]
    elif spelled := _SPELLED.fullmatch(text):
        era, year, month, day = spelled[1], spelled[2], spelled[4], spelled[5]
    else:
        raise Invalid(field, "is not a date such as 2026/07/04 or 115/07/04")
    is_roc = len(year) < 4
    if era is not None and is_roc is not (era == "民國"):
        raise Invalid(field, "names one era and writes the year of the other")
    if is_roc and int(year) == 0:
        raise Invalid(field, "has no year 0")
    return int(year) + (ROC_OFFSET if is_roc else 0), int(month), int(day)


def show_date(day: date) -> str:
    """`2026/12/31`."""
    return f"{day.year:04d}/{day.month:02d}/{day.day:02d}"


def show_roc_date(day: date) -> str:
    """`115/12/31`."""
    return f"{day.year - ROC_OFFSET}/{day.month:02d}/{day.day:02d}"


# Tax id (統一編號) --------------------------------------------------------------------------------

_UBN_WEIGHTS: Final = (1, 2, 1, 2, 1, 2, 4, 1)


def is_ubn(text: str) -> bool:
    """By the rule in force since 2023-04-01 (sum divisible by 5), which older numbers pass too."""
    if not re.fullmatch(r"[0-9]{8}", text) or text == "00000000":
        return False
    products = (int(digit) * weight for digit, weight in zip(text, _UBN_WEIGHTS, strict=True))
    total = sum(product // 10 + product % 10 for product in products)
    return total % 5 == 0 or (text[6] == "7" and (total + 1) % 5 == 0)


def parse_ubn(text: str, *, field: str = "ubn") -> str:
    ubn = half_width(text).strip()
    if not is_ubn(ubn):
        raise Invalid(field, "is not a valid tax id of 8 digits")
    return ubn


# E-invoice carriers ----------------------------------------------------------------------------

MOBILE_BARCODE_CARRIER: Final = "3J0002"
CITIZEN_CERTIFICATE_CARRIER: Final = "CQ0001"
_MOBILE_BARCODE: Final = re.compile(r"/[0-9A-Z.+-]{7}")
_CITIZEN_CERTIFICATE: Final = re.compile(r"[A-Z]{2}[0-9]{14}")
_DONATION_CODE: Final = re.compile(r"[0-9]{3,7}")


def parse_mobile_barcode(text: str) -> str:
    """手機條碼, eight characters beginning with a slash; small letters are taken as capitals."""
    return _carrier(text, _MOBILE_BARCODE, "mobile_barcode")


def parse_citizen_certificate(text: str) -> str:
    """自然人憑證: two letters and fourteen digits."""
    return _carrier(text, _CITIZEN_CERTIFICATE, "citizen_certificate")


def parse_donation_code(text: str) -> str:
    """捐贈碼: three to seven digits."""
    return _carrier(text, _DONATION_CODE, "donation_code")


def _carrier(text: str, pattern: re.Pattern[str], field: str) -> str:
    code = half_width(text).strip()
    # Only ASCII is raised: "ß".upper() is "SS" and would pass for two letters.
    if not code.isascii() or not pattern.fullmatch(code.upper()):
        raise Invalid(field, "is not well-formed")
    return code.upper()


# Invoices --------------------------------------------------------------------------------------

_INVOICE: Final = re.compile(r"([A-Z]{2})[- ]?([0-9]{8})", re.ASCII)
_PERIOD: Final = re.compile(r"[0-9]{3}(?:02|04|06|08|10|12)", re.ASCII)


def parse_invoice_number(text: str) -> str:
    """`AB12345678`, also from `ab-12345678`."""
    code = half_width(text).translate({ord(dash): "-" for dash in "\u2010\u2011\u2013\u2014\u2212"})
    found = _INVOICE.fullmatch(code.strip().upper()) if code.isascii() else None
    if found is None:
        raise Invalid("invoice_number", "is not two letters and eight digits")
    return found[1] + found[2]


def show_invoice_number(number: str) -> str:
    return f"{number[:2]}-{number[2:]}"


def invoice_period(day: date) -> str:
    """ROC year and even month of the two-month period: 2026-03 and 2026-04 give `11504`."""
    return f"{day.year - ROC_OFFSET:03d}{day.month + day.month % 2:02d}"


def parse_invoice_period(text: str) -> str:
    period = half_width(text).strip()
    if not _PERIOD.fullmatch(period) or period.startswith("000"):
        raise Invalid("invoice_period", "is not a ROC year and an even month such as 11504")
    return period


# Member numbers --------------------------------------------------------------------------------

MEMBER_NUMBER_LENGTH: Final = 10


def luhn_digit(body: str) -> str:
    """The digit that, written after `body`, makes every single wrong digit show."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return str(-total % 10)


def make_member_number(body: str) -> str:
    """Nine digits and their check digit. A number never begins with 0, so it is never a phone."""
    if not re.fullmatch(r"[1-9][0-9]{8}", body):
        raise ValueError(f"a member number is made from nine digits, the first not 0: {body!r}")
    return body + luhn_digit(body)


def is_member_number(text: str) -> bool:
    return bool(re.fullmatch(r"[1-9][0-9]{9}", text)) and luhn_digit(text[:-1]) == text[-1]


def parse_member_number(text: str) -> str:
    """Ten digits as typed or scanned, with or without spaces and hyphens."""
    number = half_width(text).translate(_DASHES).strip()
    if not is_member_number(number):
        raise Invalid("number", "is not a member number of ten digits")
    return number


def show_member_number(number: str) -> str:
    """`1234567897` as `1234 567 897`."""
    return f"{number[:4]} {number[4:7]} {number[7:]}"


# E-mail and addresses --------------------------------------------------------------------------

_EMAIL: Final = re.compile(
    r"[^\s@<>\"(),;:\\\[\]]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}"
)


def parse_email(text: str) -> str:
    """An address that looks deliverable; only a message sent to it proves more."""
    email = half_width(text).strip()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise Invalid("email", "is not an e-mail address")
    return email


CITIES: Final = (
    "臺北市", "新北市", "基隆市", "桃園市", "新竹市", "新竹縣", "苗栗縣", "臺中市",
    "彰化縣", "南投縣", "雲林縣", "嘉義市", "嘉義縣", "臺南市", "高雄市", "屏東縣",
    "宜蘭縣", "花蓮縣", "臺東縣", "澎湖縣", "金門縣", "連江縣",
)  # fmt: skip
_CITY_BY_FOLD: Final = {fold(city): city for city in CITIES}
_POSTAL_CODE: Final = re.compile(r"([0-9]{6}|[0-9]{5}|[0-9]{3})(?![0-9]) ?(.*)", re.DOTALL)
# Four districts carry the sign of another rank inside their name, so they are tried first.
_DISTRICT: Final = re.compile(
    r"(前鎮區|平鎮區|左鎮區|新市區|[^0-9\s]{1,4}?[鄉鎮市區])(.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Address:
    """`postal_code` is empty when it was not written; `city` is the official spelling with 臺."""

    postal_code: str
    city: str
    district: str
    rest: str


def parse_city(text: str) -> str:
    """One of the 22 cities and counties, whichever way 臺 is written."""
    city = _CITY_BY_FOLD.get(fold(text))
    if city is None:
        raise Invalid("city", "is not one of the 22 cities and counties")
    return city


def parse_address(text: str) -> Address:
    """Raises Invalid when there is no known city or no district behind it."""
    line = " ".join(half_width(text).split())
    coded = _POSTAL_CODE.fullmatch(line)
    postal_code, line = (coded[1], coded[2]) if coded else ("", line)
    city = parse_city(line[:3])
    found = _DISTRICT.fullmatch(line[3:].strip())
    if found is None:
        raise Invalid("district", "is missing after the city")
    return Address(postal_code, city, found[1], found[2].strip())

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import text
from app.core.errors import Invalid

PHONES = [
    "0912345678",
    "0912-345-678",
    "0912 345 678",
    "(0912)345678",
    "(0912) 345-678",
    "０９１２３４５６７８",
    "０９１２－３４５－６７８",
    "（０９１２）３４５　６７８",
    "+886912345678",
    "＋８８６９１２３４５６７８",
    "+886 912 345 678",
    "+886-912-345-678",
    "886912345678",
    "00886912345678",
    "00886-912-345-678",
    "+8860912345678",
    "+886 (0)912 345 678",
    "8860912345678",
    "008860912345678",
    "912345678",
    " 0912345678 ",
    "0912\u2011345\u2013678",
]
NOT_PHONES = [
    "",
    " ",
    "0",
    "09",
    "02-2345-6789",
    "0223456789",
    "+886223456789",
    "0800-000-123",
    "0800123456",
    "091234567",
    "09123456789",
    "+88691234567",
    "+8869123456789",
    "91234567",
    "9123456789",
    "+81 90-1234-5678",
    "+85291234567",
    "+8613912345678",
    "0039 0912345678",
    "0912345678 ext 1",
    "0912345678,0912345679",
    "09l2345678",
    "++886912345678",
    "0912+345678",
    "+0912345678",
    "+912345678",
    "00912345678",
    "٠٩١٢٣٤٥٦٧٨",
    "०९१२३४५६७८",
    "0912345678\n0912345678",
    "0912.345.678x",
    "電話0912345678",
    "0812345678",
    "1912345678",
]


@pytest.mark.parametrize("typed", PHONES)
def test_a_mobile_number_is_read_however_it_is_written(typed: str) -> None:
    assert text.parse_phone(typed) == "+886912345678"


@pytest.mark.parametrize("typed", NOT_PHONES)
def test_what_is_no_taiwanese_mobile_number_is_refused(typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        text.parse_phone(typed)
    assert refused.value.field == "phone"


def test_a_phone_is_shown_and_masked() -> None:
    assert text.show_phone("+886912345678") == "0912-345-678"
    assert text.mask_phone("+886912345678") == "0912-***-678"


@given(st.from_regex(r"9[0-9]{8}", fullmatch=True))
def test_a_shown_phone_reads_back_as_itself(digits: str) -> None:
    phone = "+886" + digits
    assert text.parse_phone(text.show_phone(phone)) == phone
    assert text.parse_phone(phone) == phone


@given(st.text(max_size=40))
def test_any_text_is_a_phone_or_a_clear_refusal(typed: str) -> None:
    try:
        phone = text.parse_phone(typed)
    except Invalid:
        return
    assert len(phone) == 13
    assert phone.startswith("+8869")
    assert phone[1:].isascii()


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("王小明", "王小明"),
        ("王明", "王明"),
        (" 王　小明 ", "王 小明"),
        ("歐陽娜娜", "歐陽娜娜"),
        ("拉瑪武若‧巴卡萬", "拉瑪武若‧巴卡萬"),
        ("Mary Chen", "Mary Chen"),
        ("Ｍａｒｙ　Ｃｈｅｎ", "Mary Chen"),
        ("Jean-Luc O'Brien", "Jean-Luc O'Brien"),
        ("Nguyễn Thị Hoa", "Nguyễn Thị Hoa"),
        ("佐藤 はな", "佐藤 はな"),
        ("𠮷田", "𠮷田"),
        ("王" * 50, "王" * 50),
    ],
)
def test_a_name_is_kept_without_stray_spaces(typed: str, kept: str) -> None:
    assert text.parse_name(typed) == kept


@pytest.mark.parametrize(
    "typed",
    ["", "王", " 王 ", "王" * 51, "王小明1", "王小明😀", "<b>王</b>", "‧‧", "- -", "王\x00明",
     "王\u200b", "=SUM(A1)", "a@b"],
)  # fmt: skip
def test_what_is_no_name_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        text.parse_name(typed)


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("王小明", "王○明"),
        ("王明", "王○"),
        ("歐陽娜娜", "歐○○娜"),
        ("Mary Chen", "M○○○n"),
        ("王", "王○"),
        ("", "○"),
    ],
)
def test_a_masked_name_keeps_its_ends(name: str, masked: str) -> None:
    assert text.mask_name(name) == masked


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("1150704", date(2026, 7, 4)),
        ("115/07/04", date(2026, 7, 4)),
        ("115/7/4", date(2026, 7, 4)),
        ("115.7.4", date(2026, 7, 4)),
        ("115-07-04", date(2026, 7, 4)),
        ("民國115年7月4日", date(2026, 7, 4)),
        ("民國 115 年 7 月 4 日", date(2026, 7, 4)),
        ("115年7月4日", date(2026, 7, 4)),
        ("民國115/7/4", date(2026, 7, 4)),
        ("2026-07-04", date(2026, 7, 4)),
        ("2026/7/4", date(2026, 7, 4)),
        ("2026.07.04", date(2026, 7, 4)),
        ("2026年7月4日", date(2026, 7, 4)),
        ("西元2026年7月4日", date(2026, 7, 4)),
        ("20260704", date(2026, 7, 4)),
        ("650101", date(1976, 1, 1)),
        ("65/1/1", date(1976, 1, 1)),
        ("１１５／０７／０４", date(2026, 7, 4)),
        (" 1150704 ", date(2026, 7, 4)),
        ("1130229", date(2024, 2, 29)),
        ("0650101", date(1976, 1, 1)),
        ("1/1/1", date(1912, 1, 1)),
    ],
)
def test_roc_and_ad_dates_are_read(typed: str, day: date) -> None:
    assert text.parse_date(typed) == day


@pytest.mark.parametrize(
    "typed",
    ["", "1140229", "1150230", "114/02/29", "2025-02-29", "20250229", "2026-13-01", "2026-00-10",
     "2026-04-31", "115/7-4", "2026/07", "0704", "12345", "123456789", "115年7月", "七月四日",
     "民國2026年7月4日", "西元115年7月4日", "0000101", "000101", "00000101", "2026-07-04T00:00",
     "-115/7/4", "民國前1年1月1日", "١١٥٠٧٠٤", "115/07/04/05", "990231"],
)  # fmt: skip
def test_impossible_and_unclear_dates_are_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        text.parse_date(typed)


@given(st.dates(min_value=date(1912, 1, 1), max_value=date(2910, 12, 31)))
def test_a_shown_date_reads_back_in_both_eras(day: date) -> None:
    assert text.parse_date(text.show_date(day)) == day
    assert text.parse_date(text.show_roc_date(day)) == day
    assert text.parse_date(f"{day.year - 1911:03d}{day:%m%d}") == day


@given(st.text(alphabet="0123456789/-.年月日民國西元 ", max_size=14))
def test_any_text_is_a_date_or_a_clear_refusal(typed: str) -> None:
    try:
        day = text.parse_date(typed)
    except Invalid:
        return
    assert text.parse_date(text.show_date(day)) == day


@pytest.mark.parametrize("ubn", ["04595257", "10458575", "12345675", "22099131"])
def test_valid_tax_ids_pass(ubn: str) -> None:
    assert text.is_ubn(ubn)


@pytest.mark.parametrize(
    "ubn",
    [
        "00000000",
        "04595258",
        "10458573",
        "1234567",
        "123456789",
        "0459525A",
        "",
        "０４５９５２５7 ",
    ],
)
def test_invalid_tax_ids_fail(ubn: str) -> None:
    assert not text.is_ubn(ubn)


def test_a_seven_in_the_seventh_place_may_count_as_one_less_or_more() -> None:
    assert text.is_ubn("10458575")  # the sum is 30
    assert text.is_ubn("10458574")  # the sum is 29, and the seventh digit is 7
    assert not text.is_ubn("10458554")
    assert text.parse_ubn(" ０４５９５２５７ ") == "04595257"
    with pytest.raises(Invalid):
        text.parse_ubn("00000000")


@pytest.mark.parametrize(
    "code", ["/ABC1234", "/AB+-.12", "/0000000", "/abc1234", "／ＡＢＣ１２３４"]
)
def test_mobile_barcodes_are_read_in_capitals(code: str) -> None:
    assert text.parse_mobile_barcode(code) == text.half_width(code).upper()


@pytest.mark.parametrize(
    "code", ["", "ABC12345", "/ABC123", "/ABC12345", "/ABC 123", "/ABC_123", "/ABCDEß"]
)
def test_broken_mobile_barcodes_are_refused(code: str) -> None:
    with pytest.raises(Invalid):
        text.parse_mobile_barcode(code)


def test_certificates_and_donation_codes() -> None:
    assert text.parse_citizen_certificate("ab12345678901234") == "AB12345678901234"
    assert text.parse_donation_code("919") == "919"
    assert text.parse_donation_code("1234567") == "1234567"
    for broken in ("A12345678901234", "AB1234567890123", "AB123456789012345"):
        with pytest.raises(Invalid):
            text.parse_citizen_certificate(broken)
    for broken in ("12", "12345678", "12a", ""):
        with pytest.raises(Invalid):
            text.parse_donation_code(broken)


@pytest.mark.parametrize(
    "typed",
    [
        "AB12345678",
        "AB-12345678",
        "ab12345678",
        "AB 12345678",
        "ＡＢ－１２３４５６７８",
        " AB–12345678",
    ],
)
def test_invoice_numbers_are_read(typed: str) -> None:
    assert text.parse_invoice_number(typed) == "AB12345678"
    assert text.show_invoice_number("AB12345678") == "AB-12345678"


@pytest.mark.parametrize(
    "typed", ["", "A12345678", "ABC12345678", "AB1234567", "AB123456789", "12345678AB", "ß12345678"]
)
def test_broken_invoice_numbers_are_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        text.parse_invoice_number(typed)


@pytest.mark.parametrize(
    ("day", "period"),
    [
        (date(2026, 1, 1), "11502"),
        (date(2026, 3, 1), "11504"),
        (date(2026, 4, 30), "11504"),
        (date(2026, 11, 1), "11512"),
        (date(2026, 12, 31), "11512"),
        (date(2009, 12, 31), "09812"),
    ],
)
def test_an_invoice_belongs_to_a_two_month_period(day: date, period: str) -> None:
    assert text.invoice_period(day) == period
    assert text.parse_invoice_period(period) == period


@pytest.mark.parametrize("typed", ["", "11503", "1154", "115004", "11500", "11514", "00002"])
def test_broken_periods_are_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        text.parse_invoice_period(typed)


@given(st.integers(100_000_000, 999_999_999), st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_of_a_member_number_is_noticed(body: int, place: int, step: int) -> None:
    number = text.make_member_number(str(body))
    assert text.is_member_number(number)
    assert len(number) == text.MEMBER_NUMBER_LENGTH
    assert text.parse_member_number(text.show_member_number(number)) == number
    wrong = str((int(number[place]) + step) % 10)
    assert not text.is_member_number(number[:place] + wrong + number[place + 1 :])


@pytest.mark.parametrize(
    "typed", ["", "123456789", "0912345678", "12345678901", "123456789A", "1234567890"]
)
def test_what_is_no_member_number_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        text.parse_member_number(typed)
    with pytest.raises(ValueError, match="nine digits"):
        text.make_member_number("012345678")


@pytest.mark.parametrize(
    ("one", "other"),
    [("臺北市", "台北市"), ("ＶＩＰ　金卡", "vip 金卡"), ("  王  小明 ", "王 小明"), ("臺", "台")],
)
def test_spellings_people_take_for_the_same_fold_alike(one: str, other: str) -> None:
    assert text.fold(one) == text.fold(other)


@pytest.mark.parametrize("typed", ["a@b.tw", "first.last+x@example.com.tw", "ａ@b.tw"])
def test_e_mail_addresses_are_read(typed: str) -> None:
    assert text.parse_email(typed) == text.half_width(typed)


@pytest.mark.parametrize(
    "typed",
    ["", "a", "a@b", "a b@c.tw", "a@b..tw", "a@b.tw\nbcc:x@y.tw", "<a@b.tw>", "a" * 250 + "@b.tw"],
)
def test_broken_e_mail_addresses_are_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        text.parse_email(typed)


def test_there_are_22_cities_and_counties() -> None:
    assert len(set(text.CITIES)) == 22


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("106臺北市大安區仁愛路四段1號", ("106", "臺北市", "大安區", "仁愛路四段1號")),
        ("台北市大安區仁愛路四段1號", ("", "臺北市", "大安區", "仁愛路四段1號")),
        ("10694 台北市 大安區 仁愛路四段1號", ("10694", "臺北市", "大安區", "仁愛路四段1號")),
        ("106094臺北市大安區仁愛路", ("106094", "臺北市", "大安區", "仁愛路")),
        ("８０６高雄市前鎮區中華五路", ("806", "高雄市", "前鎮區", "中華五路")),
        ("桃園市平鎮區中豐路", ("", "桃園市", "平鎮區", "中豐路")),
        ("臺南市新市區中正路", ("", "臺南市", "新市區", "中正路")),
        ("臺南市左鎮區1號", ("", "臺南市", "左鎮區", "1號")),
        ("新竹市東區光復路", ("", "新竹市", "東區", "光復路")),
        ("花蓮縣花蓮市中山路", ("", "花蓮縣", "花蓮市", "中山路")),
        ("彰化縣鹿港鎮民權路", ("", "彰化縣", "鹿港鎮", "民權路")),
        ("屏東縣三地門鄉", ("", "屏東縣", "三地門鄉", "")),
    ],
)
def test_an_address_falls_into_its_pieces(typed: str, address: tuple[str, ...]) -> None:
    assert text.parse_address(typed) == text.Address(*address)


@pytest.mark.parametrize(
    "typed", ["", "106", "東京都港區", "臺北市", "臺北市仁愛路1號", "1068臺北市大安區"]
)
def test_an_address_without_city_or_district_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        text.parse_address(typed)


@pytest.mark.parametrize(
    ("typed", "number"),
    [("5", "5"), (" 12.5 ", "12.5"), ("０．０６２５", "0.0625"), ("999.9999", "999.9999")],
)
def test_a_small_number_is_read(typed: str, number: str) -> None:
    assert text.parse_decimal(typed, field="share") == Decimal(number)


@pytest.mark.parametrize(
    "typed", ["", "-1", "1000", "1e9", "1e99999999", "1/3", "1_0", "nan", "inf", "1.", ".5", "٣"]
)
def test_what_is_no_small_number_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        text.parse_decimal(typed, field="share")

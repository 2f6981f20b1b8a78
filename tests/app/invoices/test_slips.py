"""Every line of what slips look like in the wild, and nothing that makes the reader fall over."""

import base64
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.invoices.rules.slips import Code, NotAnInvoice, Slip, SlipItem, read, read_barcode

LEFT = (
    "AB112233441020523999900000144000001540000000001234567ydXZt4LAN1UHN/j1juVcRA=="
    ":**********:3:3:1:乾電池:1:105:"
)
RIGHT = "**口罩:1:210:牛奶:1:25"
HEADER = LEFT[:77]
ITEMS = [("乾電池", 1, 105), ("口罩", 1, 210), ("牛奶", 1, 25)]


def slip(*texts: str) -> Slip:
    return read([Code(text) for text in texts])


def items(found: Slip) -> list[tuple[str, int, int]]:
    return [(item.name, int(item.quantity), int(item.price)) for item in found.items]


def test_the_official_sample() -> None:
    found = slip(LEFT, RIGHT)
    assert (found.number, found.period, found.sold_on) == ("AB11223344", "10206", date(2013, 5, 23))
    assert (found.random_code, found.untaxed, found.total) == ("9999", 324, 340)
    assert (found.buyer, found.seller, found.item_count) == ("", "01234567", 3)
    assert found.check_text == "ydXZt4LAN1UHN/j1juVcRA=="
    assert items(found) == ITEMS
    assert found.warnings == ("seller",)  # the sample's own seller fails the checksum


def big5(items_text: str) -> bytes:
    return items_text.encode("big5")


WILD = {
    "the codes in the other order": (RIGHT, LEFT),
    "trailing spaces on either": (LEFT + "   ", RIGHT + "  "),
    "a space behind the encoding flag": (LEFT.replace(":3:3:1:", ":3:3:1 :"), RIGHT),
    "lower-case hex": (LEFT.replace("0000014400000154", "0000014400000154".lower()), RIGHT),
    "letters of the track in lower case": ("ab" + LEFT[2:], RIGHT),
    "the right code begins with a colon": (LEFT.rstrip(":"), "**:" + RIGHT[2:]),
    "cut between items without a colon": (LEFT.rstrip(":"), RIGHT),
    "cut inside a name": (LEFT + "口", "**罩:1:210:牛奶:1:25"),
    "a seller area of another length": (LEFT.replace("**********", "SHOP-1"), RIGHT),
    "a check text of 32 characters": (
        LEFT.replace("ydXZt4LAN1UHN/j1juVcRA==", "ydXZt4LAN1UHN/j1juVcRAydXZt4LA=="),
        RIGHT,
    ),
    "32 characters and no colon": (
        LEFT.replace("ydXZt4LAN1UHN/j1juVcRA==:", "ydXZt4LAN1UHN/j1juVcRAydXZt4LA=="),
        RIGHT,
    ),
    "no colon behind the check text": (LEFT.replace("RA==:", "RA=="), RIGHT),
    "a day of eight digits": (LEFT.replace("1020523", "20130523"), RIGHT),
    "Big5 taken for Latin-1": (
        LEFT[: LEFT.index("乾")].replace(":3:3:1:", ":3:3:0:")
        + big5("乾電池:1:105:").decode("latin-1"),
        "**" + big5(RIGHT[2:]).decode("latin-1"),
    ),
    "Base64, a run on each code": (
        LEFT.replace(":3:3:1:乾電池:1:105:", ":3:3:2:")
        + base64.b64encode("乾電池:1:105:口".encode()).decode(),
        "**" + base64.b64encode("罩:1:210:牛奶:1:25".encode()).decode(),
    ),
    "Base64, one run cut in two": (
        LEFT.replace(":3:3:1:乾電池:1:105:", ":3:3:2:")
        + base64.b64encode("乾電池:1:105:口罩:1:210:牛奶:1:25".encode()).decode()[:21],
        "**" + base64.b64encode("乾電池:1:105:口罩:1:210:牛奶:1:25".encode()).decode()[21:],
    ),
    "full-width spaces and line ends in names": (
        LEFT.replace("乾電池", "\u3000乾電池\r\n"),
        RIGHT.replace("口罩", "口罩\u3000"),
    ),
    "free text after the items": (LEFT, RIGHT + ":謝謝光臨:歡迎再來"),
}


@pytest.mark.parametrize("texts", WILD.values(), ids=WILD.keys())
def test_what_is_seen_in_the_wild_is_read(texts: tuple[str, str]) -> None:
    found = slip(*texts)
    assert (found.number, found.sold_on, found.total) == ("AB11223344", date(2013, 5, 23), 340)
    assert items(found) == ITEMS


def test_big5_bytes_of_the_scanner_are_read() -> None:
    codes = [
        Code("".join(sign if sign <= "~" else "\ufffd" for sign in text), text.encode("big5"))
        for text in (LEFT.replace(":3:3:1:", ":3:3:0:"), RIGHT)
    ]
    assert items(read(codes)) == ITEMS


def test_big5_taken_for_japanese_is_read() -> None:
    name = "蘋果"  # both bytes of each sign are half-width kana in CP932
    garbled = big5(name).decode("cp932")
    left = LEFT[: LEFT.index("乾")].replace(":3:3:1:", ":1:1:0:") + f"{garbled}:1:340"
    assert items(slip(left)) == [(name, 1, 340)]


def test_the_left_code_alone_gives_the_header() -> None:
    found = slip(LEFT)
    assert found.total == 340
    assert items(found) == ITEMS[:1]
    assert found.item_count == 3


@pytest.mark.parametrize("right", ["**", "** ", "**:"])
def test_an_empty_right_code_is_no_harm(right: str) -> None:
    assert items(slip(LEFT, right)) == ITEMS[:1]


def test_a_header_alone_is_enough() -> None:
    found = slip(HEADER)
    assert (found.total, found.items, found.item_count) == (340, (), None)


def test_decimals_and_free_gifts() -> None:
    left = LEFT.replace(":3:3:1:乾電池:1:105:", ":2:2:1:九五無鉛(自助):24.35:31.5:紙巾:1:0")
    assert slip(left).items == (
        SlipItem("九五無鉛(自助)", Decimal("24.35"), Decimal("31.5")),
        SlipItem("紙巾", Decimal(1), Decimal(0)),
    )


def test_the_sum_of_the_items_is_nobodys_business() -> None:
    assert slip(LEFT.replace(":105:", ":9999:"), RIGHT).total == 340


def test_a_seller_who_does_not_split_the_tax() -> None:
    assert slip(LEFT.replace("00000144", "00000000"), RIGHT).untaxed is None


def test_a_business_buyer_is_told() -> None:
    found = slip(LEFT.replace("0000000001234567", "0459525701234567").replace("9999", "    "))
    assert found.is_business
    assert (found.buyer, found.random_code) == ("04595257", "")


def test_a_wrong_tax_id_is_a_warning_only() -> None:
    found = slip(LEFT.replace("0000000001234567", "1234567204595257"))
    assert found.warnings == ("buyer",)


def test_a_cross_border_invoice_has_its_amounts_behind() -> None:
    left = (
        LEFT[:21]
        + "00000000" * 2
        + LEFT[37:77]
        + ":**********:1:1:3:0000015A3C:0000016B63:軟體訂閱:1:363.99"
    )
    found = slip(left)
    assert (found.untaxed, found.total) == (347, 364)  # 346.60 and 363.99
    assert found.items == (SlipItem("軟體訂閱", Decimal(1), Decimal("363.99")),)


def test_unreadable_items_leave_the_header() -> None:
    left = LEFT.replace(":3:3:1:乾電池:1:105:", ":3:3:2:@@@")
    found = slip(left, "**@@@")
    assert (found.total, found.items) == (340, ())
    assert "items" in found.warnings


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ((HEADER[:-1],), "short"),
        (("A1" + LEFT[2:],), "number"),
        ((LEFT.replace("1020523", "1020230"),), "date"),
        ((LEFT.replace("1020523", "10205AB"),), "date"),
        ((LEFT.replace("00000154", "0000015G"),), "amount"),
        ((LEFT.replace("00000154", "FFFFFFFF"),), "amount"),
        (("https://example.com/AB11223344",), "foreign"),
        (("/ABC1234",), "foreign"),
        (("",), "foreign"),
        ((), "foreign"),
        ((RIGHT,), "needs_left"),
        ((LEFT, "CD" + LEFT[2:]), "two_invoices"),
    ],
)
def test_what_is_refused_says_why(texts: tuple[str, ...], reason: str) -> None:
    with pytest.raises(NotAnInvoice) as refused:
        slip(*texts)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "scanned", ["10206AB112233449999", "*10206ab112233449999*", " 10206AB112233449999 "]
)
def test_the_barcode(scanned: str) -> None:
    found = read_barcode(scanned)
    assert (found.period, found.number, found.random_code) == ("10206", "AB11223344", "9999")
    assert (found.total, found.sold_on) == (None, None)
    assert slip(scanned) == found


@pytest.mark.parametrize(
    ("scanned", "reason"),
    [("10205AB112233449999", "date"), ("10206AB11223344999", "foreign"), ("https://x", "foreign")],
)
def test_a_barcode_that_is_none(scanned: str, reason: str) -> None:
    with pytest.raises(NotAnInvoice) as refused:
        read_barcode(scanned)
    assert refused.value.reason == reason


def test_the_left_code_wins_over_the_barcode() -> None:
    assert slip("10206AB112233449999", LEFT, RIGHT).total == 340


# Whatever comes -----------------------------------------------------------------------------------

names = st.text(st.sampled_from("乾電池口罩牛奶紅茶ABC ()‧"), min_size=1, max_size=8).filter(
    lambda name: name.strip(" ") == name
)
lines = st.lists(st.tuples(names, st.integers(1, 99), st.integers(0, 9999)), min_size=1, max_size=6)


@given(lines, st.sampled_from("012"), st.integers(0, 80), st.integers(0, 10**8), st.booleans())
def test_what_a_seller_writes_is_what_is_read(
    sold: list[tuple[str, int, int]], encoding: str, cut: int, total: int, swapped: bool
) -> None:
    joined = ":".join(f"{name}:{quantity}:{price}" for name, quantity, price in sold)
    header = f"{HEADER[:29]}{total:08X}{HEADER[37:]}:**********:{len(sold)}:{len(sold)}:{encoding}:"
    first, second = joined[:cut], joined[cut:]
    if encoding == "2":
        first = base64.b64encode(first.encode()).decode()
        second = base64.b64encode(second.encode()).decode()
    codes = [Code(header + first), Code("**" + second)]
    found = read(codes[::-1] if swapped else codes)
    assert found.total == total
    assert found.number == "AB11223344"
    if encoding == "2" or not (first.endswith(" ") or second.startswith((" ", ":"))):
        assert len(found.items) >= 1


@given(st.lists(st.builds(Code, st.text(max_size=300), st.binary(max_size=300)), max_size=4))
def test_nothing_makes_it_fall_over(codes: list[Code]) -> None:
    try:
        read(codes)
    except NotAnInvoice:
        return


@given(st.text(max_size=120), st.text(max_size=120), st.integers(0, 120))
def test_no_damage_to_a_real_slip_does_either(damage: str, behind: str, at: int) -> None:
    try:
        read([Code(LEFT[:at] + damage + LEFT[at + len(damage) :]), Code("**" + behind)])
    except NotAnInvoice:
        return

"""Files of sales as tills and Excel write them."""

import csv
import io
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import TAIPEI
from app.core.errors import Invalid
from app.imports import rules
from app.imports.rules import Fault, Refund, Sale


def told(words: str, encoding: str = "utf-8") -> list[Sale | Refund | Fault]:
    sheet = rules.read(words.encode(encoding))
    mapping = rules.guess(sheet)
    rules.check_mapping(mapping, sheet.headings)
    return list(rules.sales(sheet, mapping))


def one(
    heading: str, cell: str, *, day: str = "2026/07/04", amount: str = "500"
) -> Sale | Refund | Fault:
    (found,) = told(f'日期,金額,{heading}\n{day},{amount},"{cell}"')
    return found


@pytest.mark.parametrize(
    "content",
    [
        "日期,金額\n2026/07/04,500".encode(),
        "日期,金額\n2026/07/04,500".encode("utf-8-sig"),
        "日期;金額\r\n2026/07/04;500\r\n".encode("cp950"),
        "日期\t金額\n2026/07/04\t500".encode("utf-16"),
        "\n\n日期,金額\n\n2026/07/04,500\n,\n\n".encode(),
    ],
)
def test_any_usual_encoding_and_separator_is_read(content: bytes) -> None:
    sheet = rules.read(content)
    (sale,) = rules.sales(sheet, rules.guess(sheet))
    assert isinstance(sale, Sale)
    assert (sale.amount, sale.sold_at) == (500, datetime(2026, 7, 4, 12, tzinfo=TAIPEI))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "空的"),
        (b"  \n ", "空的"),
        (b",,,\n,,,", "沒有資料"),
        ("日期,金額".encode(), "沒有資料"),
        (b"PK\x03\x04rest", "Excel"),
        (b"\xd0\xcf\x11\xe0rest", "Excel"),
        (b"\x81\x00\xff\xff,\n\x00,", "編碼"),
        (b"a\x00b,c\n1,2", "編碼"),
        (b"x" * 10_000_001, "10 MB"),
        (b"a,b\n" + b"x" * 200_000 + b",1", "太長"),
        (b"a,b\n" + b"1,2\n" * 100_001, "100,000"),
        (b"a," * 101 + b"\n1,2", "100 欄"),
    ],
)
def test_what_is_no_file_of_sales_is_said(content: bytes, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.read(content)
    assert refused.value.field == "file"
    assert words in refused.value.reason


@pytest.mark.parametrize(
    ("headings", "mapping"),
    [
        (["日期", "金額"], {"sold_at": 0, "amount": 1}),
        (["Date", "Total", "Phone"], {"sold_at": 0, "amount": 1, "phone": 2}),
        (["單號", "交易日期", "交易時刻", "實付金額", "會員手機"],
         {"external_id": 0, "sold_at": 1, "time": 2, "amount": 3, "phone": 4}),
        (["金額", "金額", "日 期 "], {"amount": 0, "sold_at": 2}),
        (["order_id", "unit-price", "Qty"], {"external_id": 0, "unit_price": 1, "quantity": 2}),
        (["備註"], {}),
    ],
)  # fmt: skip
def test_columns_are_known_by_their_headings(headings: list[str], mapping: dict[str, int]) -> None:
    assert rules.guess_by_headings(headings) == mapping


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        ({"amount": 0}, "sold_at"),
        ({"sold_at": 0}, "amount"),
        ({"sold_at": 0, "amount": 0}, "sold_at"),
        ({"sold_at": 0, "amount": 9}, "amount"),
        ({"sold_at": 0, "amount": 1, "colour": 2}, "colour"),
    ],
)
def test_a_mapping_must_make_sense(mapping: dict[str, int], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_mapping(mapping, ["a", "b", "c"])
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("day", "clock", "moment"),
    [
        ("2026/07/04", "", (2026, 7, 4, 12, 0, 0)),
        ("2026-07-04", "15:30", (2026, 7, 4, 15, 30, 0)),
        ("2026/7/4 09:05:30", "", (2026, 7, 4, 9, 5, 30)),
        ("2026-07-04T09:05:30.123", "", (2026, 7, 4, 9, 5, 30)),
        ("20260704 0905", "", (2026, 7, 4, 9, 5, 0)),
        ("115/07/04", "下午 3:05", (2026, 7, 4, 15, 5, 0)),
        ("115.7.4", "上午12:00", (2026, 7, 4, 0, 0, 0)),
        ("2024/02/29", "11:59 PM", (2024, 2, 29, 23, 59, 0)),
        ("2026/07/04 00:00:00", "153000", (2026, 7, 4, 15, 30, 0)),
    ],
)
def test_moments_are_taipeis_however_written(
    day: str, clock: str, moment: tuple[int, int, int, int, int, int]
) -> None:
    found = one("時間", clock, day=day)
    assert isinstance(found, Sale), found
    year, month, on, hour, minute, second = moment
    assert found.sold_at == datetime(year, month, on, hour, minute, second, tzinfo=TAIPEI)


@pytest.mark.parametrize(
    ("heading", "cell", "field"),
    [
        ("時間", "25:00", "time"),
        ("時間", "noon", "time"),
        ("手機", "02-2345-6789", "phone"),
        ("手機", "8.86912E+11", "phone"),
        ("會員編號", "12", "number"),
        ("發票號碼", "A1", "invoice"),
    ],
)
def test_what_cannot_be_read_is_a_fault_of_its_line(heading: str, cell: str, field: str) -> None:
    found = one(heading, cell)
    assert isinstance(found, Fault)
    assert (found.line, found.field) == (2, field)


@pytest.mark.parametrize(
    ("day", "amount", "field"),
    [
        ("2026/02/30", "1", "sold_at"),
        ("", "1", "sold_at"),
        ("yesterday", "1", "sold_at"),
        ("2026/07/04", "", "amount"),
        ("2026/07/04", "12.5", "amount"),
        ("2026/07/04", "-500", "refund_of"),
        ("2026/07/04", "(500)", "refund_of"),
    ],
)
def test_days_and_amounts_must_be_such(day: str, amount: str, field: str) -> None:
    found = one("備註", "x", day=day, amount=f'"{amount}"')
    assert isinstance(found, Fault)
    assert found.field == field


@pytest.mark.parametrize("amount", ["1240", "1,240", "NT$1,240", "1240.00", " 1240 ", "１２４０"])
def test_amounts_as_spreadsheets_write_them(amount: str) -> None:
    found = one("備註", "x", amount=f'"{amount}"')
    assert isinstance(found, Sale)
    assert found.amount == 1240


@pytest.mark.parametrize(
    "phone", ["0912345678", "912345678", "+886 912-345-678", "０９１２３４５６７８"]
)
def test_phones_that_lost_their_zero_are_known(phone: str) -> None:
    found = one("手機", phone)
    assert isinstance(found, Sale)
    assert found.phone == "+886912345678"


def test_rows_of_one_number_are_one_sale() -> None:
    first, second = told(
        "單號,日期,金額,品號,品名,數量,單價\n"
        "A1,2026/07/04,900,T1,茶,2,300\n"
        "A1,2026/07/04,900,C1,杯,1,300\n"
        "A2,2026/07/05,100,,,,\n"
    )
    assert isinstance(first, Sale)
    assert [(item.sku, item.quantity, item.amount) for item in first.items] == [
        ("T1", 2, 600),
        ("C1", 1, 300),
    ]
    assert isinstance(second, Sale)
    assert (second.line, second.items) == (4, ())


def test_rows_of_one_number_that_differ_are_a_fault() -> None:
    (found,) = told("單號,日期,金額\nA1,2026/07/04,900\nA1,2026/07/04,800\n")
    assert found == Fault(2, "amount", "同一交易編號的幾列寫得不一樣")


def test_rows_without_a_number_get_the_same_one_each_time() -> None:
    words = "日期,金額\n2026/07/04,500\n2026/07/04,500\n2026/07/05,500\n"
    ids = [sale.external_id for sale in told(words) if isinstance(sale, Sale)]
    assert len(set(ids)) == 3
    assert ids == [sale.external_id for sale in told(words) if isinstance(sale, Sale)]


@pytest.mark.parametrize(
    ("words", "number"),
    [  # as they were when a file could tell of sales only
        ("日期,金額\n2026/07/04,500", "csv-c8c5e070d8367a51ff087f22-1"),
        ("日期,金額,類型\n2026/07/04,500,外帶", "csv-c8c5e070d8367a51ff087f22-1"),
        ("日期,金額,類型\n2026/07/04,500,銷售", "csv-c8c5e070d8367a51ff087f22-1"),
        ("日期,金額,單別,原單號\n2026/07/04,500,,B7", "csv-c8c5e070d8367a51ff087f22-1"),
    ],
)
def test_a_file_from_before_gets_the_numbers_it_got(words: str, number: str) -> None:
    (sale,) = told(words)
    assert isinstance(sale, Sale)
    assert sale.external_id == number


def test_a_column_of_kinds_that_is_about_something_else_is_no_fault() -> None:
    found = told("單號,日期,金額,type\nA1,2026/07/04,500,外帶\nA2,2026/07/04,-300,內用\n")
    sale, back = found
    assert isinstance(sale, Sale)
    assert isinstance(back, Refund)
    assert "kind" not in rules.guess(rules.read("日期,金額,type\n2026/07/04,500,外帶".encode()))
    assert rules.guess(rules.read("日期,金額,type\n2026/07/04,500,".encode()))["kind"] == 2


@pytest.mark.parametrize("kind", ["銷貨退回", "退貨單", "銷退單"])
def test_a_return_is_known_by_more_words(kind: str) -> None:
    (back,) = told(f"單號,日期,金額,單別,原單號\nR1,2026/07/05,300,{kind},A1")
    assert isinstance(back, Refund)


def test_lines_are_those_of_the_file() -> None:
    found = told('日期,金額,備註\n\n2026/07/04,x,"two\nlines"\n\nbad,1,\n')
    assert [(fault.line, fault.field) for fault in found if isinstance(fault, Fault)] == [
        (3, "amount"),
        (6, "sold_at"),
    ]


def test_refused_rows_come_back_with_their_reason_and_no_formula() -> None:
    sheet = rules.read("單號,日期,金額,備註\nA,x,1,=1+1\nA,x,1,-2\nB,2026/07/04,1,ok".encode())
    mapping = rules.guess(sheet)
    words = rules.faulty_rows(sheet, mapping, {2: "日期"})
    rows = list(csv.reader(io.StringIO(words.removeprefix("\ufeff"))))
    assert rows == [
        ["原因", "單號", "日期", "金額", "備註"],
        ["日期", "A", "x", "1", "'=1+1"],
        ["日期", "A", "x", "1", "-2"],
    ]


CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30
)


@given(
    rows=st.lists(
        st.tuples(
            st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)).map(
                lambda at: at.replace(microsecond=0)
            ),
            st.integers(0, 100_000_000),
            st.none() | st.integers(900_000_000, 999_999_999),
            CELLS,
        ),
        min_size=1,
        max_size=20,
    )
)
def test_what_is_written_is_what_is_read(
    rows: list[tuple[datetime, int, int | None, str]],
) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["單號", "日期", "金額", "手機", "備註"])
    for index, (at, amount, phone, note) in enumerate(rows):
        writer.writerow([f"N{index}", f"{at:%Y-%m-%d %H:%M:%S}", f"{amount:,}", phone or "", note])
    found = told(out.getvalue())
    assert [
        (sale.external_id, sale.sold_at.replace(tzinfo=None), sale.amount, sale.phone)
        for sale in found
        if isinstance(sale, Sale)
    ] == [
        (f"N{index}", at, amount, phone and f"+886{phone}")
        for index, (at, amount, phone, _) in enumerate(rows)
    ]


@given(words=st.text(st.characters(codec="utf-8"), max_size=400))
def test_nothing_but_a_refusal_comes_of_any_text(words: str) -> None:
    try:
        sheet = rules.read(words.encode())
    except Invalid:
        return
    mapping = {"sold_at": 0, "amount": min(1, len(sheet.headings) - 1), "external_id": 0}
    for item in rules.sales(sheet, mapping):
        assert isinstance(item, Sale | Refund | Fault)


# Refunds ------------------------------------------------------------------------------------------

BACK = "交易編號,日期,金額,類型,原交易編號"


@pytest.mark.parametrize(
    "row",
    [
        "R1,2026/07/05,-300,,A1",
        "R1,2026/07/05,300,退貨,A1",
        "R1,2026/07/05,-300,退款,A1",
        "R1,2026/07/05,(300),Refund,A1",
        "R1,2026/07/05,−300,銷退,A1",
        "R1,2026/07/05,-300.00,,A1",
    ],
)
def test_a_refund_is_told_by_its_kind_or_its_sign(row: str) -> None:
    (back,) = told(f"{BACK}\n{row}")
    assert isinstance(back, Refund)
    assert (back.external_id, back.refund_of, back.amount) == ("R1", "A1", 300)
    assert back.at == datetime(2026, 7, 5, 12, tzinfo=TAIPEI)


@pytest.mark.parametrize("row", ["A1,2026/07/05,-300,,", "A1,2026/07/05,-300,,A1"])
def test_a_refund_with_the_number_of_its_sale_gets_one_of_its_own(row: str) -> None:
    first, second = told(f"{BACK}\n{row}\n{row}")
    assert isinstance(first, Refund)
    assert isinstance(second, Refund)
    assert first.refund_of == second.refund_of == "A1"
    assert len({first.external_id, second.external_id, "A1"}) == 3
    assert told(f"{BACK}\n{row}")[0].external_id == first.external_id  # type: ignore[union-attr]  # a refund


def test_refunds_come_after_all_sales_and_know_what_stands_before_them() -> None:
    found = told(f"{BACK}\nR1,2026/07/05,-100,,A1\nA1,2026/07/04,500,銷售,\nR2,2026/07/06,-50,,A1")
    sale, first, second = found
    assert isinstance(sale, Sale)
    assert isinstance(first, Refund)
    assert isinstance(second, Refund)
    assert (first.sale, second.sale) == (sale, sale)
    assert first.previous is None
    assert second.previous == first
    assert [one.line for one in found if not isinstance(one, Fault)] == [3, 2, 4]


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ("R1,2026/07/05,0,退貨,A1", "amount", "不能是 0"),
        ("R1,2026/07/05,-x,,A1", "amount", "整數元"),
        ("A1,2026/07/05,-300,銷售,", "amount", "不能是負的"),
        ("A1,2026/07/05,300,贈送,", "kind", "「銷售」或「退貨」"),
        (",2026/07/05,-300,,", "refund_of", "原交易編號"),
        ("R1,,-300,,A1", "sold_at", "沒有日期"),
    ],
)
def test_what_is_wrong_with_a_refund_is_named(row: str, field: str, words: str) -> None:
    sheet = rules.read(f"{BACK}\n{row}".encode())
    (fault,) = rules.sales(sheet, rules.guess_by_headings(sheet.headings))
    assert isinstance(fault, Fault)
    assert fault.field == field
    assert words in fault.reason


def test_a_negative_amount_comes_back_as_it_was_and_a_formula_as_text() -> None:
    sheet = rules.read("日期,金額,備註\n2026/07/05,-300,=1+1\n".encode())
    words = rules.faulty_rows(sheet, rules.guess(sheet), {2: "錯"})
    assert "錯,2026/07/05,-300,'=1+1" in words

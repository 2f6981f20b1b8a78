"""An invoice by the camera of the members' page: both codes in any order, and frames read by us."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image, ImageOps

from app.core.db import Database
from app.invoices import queries
from app.programmes.rules import DEFAULT, InvoiceTerms
from app.web.liff.invoices import FRAMES_A_MINUTE
from tests.support import slips
from tests.support.joining import HANA, join, person_of
from tests.support.liff import Phone, phone
from tests.support.loyalty import publish
from tests.support.times import NOW
from tests.support.web import SAME_ORIGIN

LEFT, RIGHT = slips.codes("AB12345678", 790)


@pytest.fixture
def hana(shop_db: Database) -> Iterator[Phone]:
    terms = replace(DEFAULT, invoices=InvoiceTerms(is_on=True, sellers=(slips.SELLER,)))
    with shop_db.transaction() as session:
        publish(session, terms, starts_at=NOW - timedelta(days=40))
        join(session, HANA, now=NOW - timedelta(days=30))
    with phone(shop_db) as line:
        assert line.open(HANA).status == 200
        yield line


@pytest.mark.parametrize("codes", [(LEFT, RIGHT), (RIGHT, LEFT), (LEFT,)])
def test_codes_scanned_in_any_order_register_one_invoice(
    shop_db: Database, hana: Phone, codes: tuple[str, ...]
) -> None:
    done = hana.post("/liff/invoices", {"qr": list(codes)})
    assert done.status == 200
    assert "✓ 已登錄 AB-12345678，金額 NT$790，確認後獲得 7 點。" in done.text
    again = hana.post("/liff/invoices", {"qr": list(codes)})
    assert (again.status, "已經登錄過" in again.text or "已登錄過" in again.text) == (422, True)
    with shop_db.reading() as session:
        (claim,) = queries.claims_of(session, person_of(session, HANA).id)
    assert (claim.number, claim.total) == ("AB12345678", 790)


@pytest.mark.parametrize(
    "codes",
    [
        (RIGHT,),
        ("https://example.com/",),
        (LEFT, slips.codes("CD12345678", 90)[0]),
        ("x" * 3_000,),
        (LEFT,) * 9,
    ],
)
def test_what_is_no_whole_invoice_is_refused_in_words(
    shop_db: Database, hana: Phone, codes: tuple[str, ...]
) -> None:
    refused = hana.post("/liff/invoices", {"qr": list(codes)})
    assert refused.status == 422
    assert 'class="problem" role="alert"' in refused.text
    with shop_db.reading() as session:
        assert queries.claims_of(session, person_of(session, HANA).id) == []


def send_frame(hana: Phone, body: bytes) -> tuple[int, str]:
    headers = {**SAME_ORIGIN, "x-form-token": hana.form_token, "content-type": "image/jpeg"}
    answer = hana.http.post("/liff/invoices/frame", content=body, headers=headers)
    return answer.status_code, answer.text


def test_a_frame_is_read_for_phones_that_cannot(hana: Phone) -> None:
    status, text = send_frame(hana, slips.photo(LEFT, RIGHT))
    assert status == 200
    assert LEFT[:20] in text
    assert '"**' in text
    assert send_frame(hana, b"no picture") == (200, '{"codes":[]}')
    assert send_frame(hana, b"")[1] == '{"codes":[]}'
    assert send_frame(hana, b"x" * (1024 * 1024 + 1))[0] == 413
    headers = {**SAME_ORIGIN, "content-type": "image/jpeg"}
    assert hana.http.post("/liff/invoices/frame", content=b"x", headers=headers).status_code == 401


def test_a_frame_larger_than_any_of_ours_is_not_opened(hana: Phone) -> None:
    photo = Image.open(io.BytesIO(slips.photo(LEFT, RIGHT))).convert("L")
    large, small = io.BytesIO(), io.BytesIO()
    ImageOps.pad(photo, (2_001, 2_000), color=255).save(large, "JPEG")
    ImageOps.pad(photo, (2_000, 2_000), color=255).save(small, "JPEG")
    assert send_frame(hana, large.getvalue()) == (200, '{"codes":[]}')
    assert LEFT[:20] in send_frame(hana, small.getvalue())[1]


def test_more_frames_than_a_camera_takes_are_refused_until_the_next_minute(hana: Phone) -> None:
    answers = [send_frame(hana, b"no picture")[0] for _ in range(FRAMES_A_MINUTE + 1)]
    assert answers == [200] * FRAMES_A_MINUTE + [429]
    hana.watch.forward(minutes=1)
    assert send_frame(hana, b"no picture")[0] == 200


def test_the_page_offers_the_camera_and_typing(hana: Phone) -> None:
    page = hana.view("invoices").text
    assert "掃描發票" in page
    assert "輸入條碼號碼" in page

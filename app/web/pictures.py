"""Pictures in Flex messages: the member number as a barcode, the card code as a QR. Public, since
LINE's apps fetch them; the address is the secret (app/core/pictures.py)."""

import hmac
from io import BytesIO

import segno
from fastapi import APIRouter, Request
from PIL import Image, ImageDraw
from starlette.responses import Response

from app.campaigns import queries as campaigns
from app.cards.rules import PREFIX, TOKEN_LENGTH
from app.core import code128
from app.core.ids import CODE_ALPHABET
from app.core.pictures import signature

router = APIRouter(prefix="/pictures")
MODULE_PIXELS = 6
BARCODE_RATIO = 4  # width to height, as the card's picture is drawn


@router.get("/barcode/{name}.png", include_in_schema=False)
def barcode(request: Request, name: str) -> Response:
    number, _, given = name.partition("-")
    key = request.app.state.settings.secret_key.get_secret_value()
    if not number.isdigit() or not hmac.compare_digest(signature(key, number), given):
        return Response(status_code=404)
    return _png(_barcode(number), seconds=86_400)


@router.get("/qr/{code}.png", include_in_schema=False)
def qr(code: str) -> Response:
    """Whatever code is asked for is drawn: knowing it is what counts, and no code is looked up."""
    body = code.removeprefix(PREFIX)
    if len(body) != TOKEN_LENGTH or not set(body) <= set(CODE_ALPHABET):
        return Response(status_code=404)
    picture = BytesIO()
    segno.make_qr(PREFIX + body, error="m").save(picture, kind="png", scale=16, border=3)
    return Response(picture.getvalue(), media_type="image/png", headers=_cache(60))


@router.get("/letter/{name}", include_in_schema=False)
def letter(request: Request, name: str) -> Response:
    """A picture of a letter. The name is the digest of its content: it never changes."""
    stem, _, ending = name.partition(".")
    digest, small = stem.removesuffix("-small"), stem.endswith("-small")
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        return Response(status_code=404)
    with request.app.state.db.reading() as session:
        found = campaigns.picture(session, digest, is_small=small)
    if found is None or ending != _ENDINGS[found[0]]:
        return Response(status_code=404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(found[1], media_type=f"image/{found[0].lower()}", headers=headers)


_ENDINGS = {"JPEG": "jpg", "PNG": "png"}


def _barcode(number: str) -> Image.Image:
    width = (code128.width(number) + 2 * code128.QUIET_ZONE) * MODULE_PIXELS
    image = Image.new("1", (width, width // BARCODE_RATIO), 1)
    draw = ImageDraw.Draw(image)
    for at, wide in code128.bars(number):
        left = (code128.QUIET_ZONE + at) * MODULE_PIXELS
        draw.rectangle((left, 0, left + wide * MODULE_PIXELS - 1, image.height), fill=0)
    return image


def _png(image: Image.Image, *, seconds: int) -> Response:
    picture = BytesIO()
    image.save(picture, format="PNG", optimize=True)
    return Response(picture.getvalue(), media_type="image/png", headers=_cache(seconds))


def _cache(seconds: int) -> dict[str, str]:
    return {"Cache-Control": f"private, max-age={seconds}"}

"""A printed proof slip: both QR codes and the barcode, as a shop's printer draws them."""

import io

import segno
from PIL import Image

from app.core import text
from tests.support.times import NOW

SELLER = "04595257"
CHECK = "ydXZt4LAN1UHN/j1juVcRA=="


def codes(
    number: str,
    total: int,
    *,
    day: str | None = None,
    seller: str = SELLER,
    buyer: str = "00000000",
    items: str = "焙茶拿鐵:1:120:餅乾:1:80",
) -> tuple[str, str]:
    """The texts of the left and the right QR code; `day` is a ROC date, today's if not given."""
    today = NOW.date()
    day = day or f"{today.year - text.ROC_OFFSET}{today:%m%d}"
    head = f"{number}{day}1234{total:08x}{total:08x}{buyer}{seller}{CHECK}:**********:2:2:1:"
    cut = len(items) // 2
    return head + items[:cut], "**" + items[cut:]


def photo(*texts: str, tilt: float = 0, scale: int = 5) -> bytes:
    """A JPEG of the codes side by side, on a desk."""
    desk = Image.new("L", (1_600, 1_100), 170)
    for place, content in enumerate(texts):
        drawn = io.BytesIO()
        segno.make(content, micro=False, error="m").save(drawn, kind="png", scale=scale, border=4)
        desk.paste(Image.open(drawn).convert("L"), (60 + place * 760, 150))
    taken = desk.rotate(tilt, expand=True, fillcolor=170)
    out = io.BytesIO()
    taken.save(out, "JPEG", quality=80)
    return out.getvalue()

"""Rich menus: https://developers.line.biz/en/reference/messaging-api/#rich-menu"""

import io
import re

from PIL import Image, UnidentifiedImageError

from app.simulator import values
from app.simulator.counting import is_over_graphemes
from app.simulator.validate import Refusal, has_errors
from app.simulator.validate_actions import RICH_MENU, Problem, check_action
from app.simulator.values import INVALID

IMAGE_BYTES = 1_000_000
MIN_RATIO = 1.45
ALIAS = re.compile(r"[a-z0-9_-]{1,32}")
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG"}


def check_menu(body: object) -> Refusal | None:
    if not isinstance(body, dict):
        return Refusal("The request body could not be parsed as JSON (line: -, column: -)")
    found: list[Problem] = []
    _size(body.get("size"), found)
    if not isinstance(body.get("selected"), bool):
        found.append((_missing(body.get("selected")), "selected"))
    for key, limit in (("name", 300), ("chatBarText", 14)):
        text = body.get(key)
        if not isinstance(text, str) or not text:
            found.append((_missing(text), key))
        elif is_over_graphemes(text, limit):
            found.append((f"Length must be between 0 and {limit}", key))
    areas = body.get("areas")
    if not isinstance(areas, list):
        found.append((_missing(areas), "areas"))
    elif len(areas) > 20:
        found.append(("Size must be between 0 and 20", "areas"))
    else:
        for index, area in enumerate(areas):
            _area(area, f"areas[{index}]", found)
    return has_errors(found) if found else None


def _missing(value: object) -> str:
    return "must be specified" if value is None or value == "" else INVALID


def _size(size: object, found: list[Problem]) -> None:
    if not isinstance(size, dict):
        found.append((_missing(size), "size"))
        return
    width, height = size.get("width"), size.get("height")
    if not isinstance(width, int) or not 800 <= width <= 2500:
        found.append(("Must be between 800 and 2500", "size.width"))
    elif not isinstance(height, int) or height < 250:
        found.append(("Must be greater than or equal to 250", "size.height"))
    elif width / height < MIN_RATIO:
        found.append(("The ratio of width to height must be at least 1.45", "size"))


def _area(area: object, path: str, found: list[Problem]) -> None:
    bounds = area.get("bounds") if isinstance(area, dict) else None
    if not isinstance(area, dict) or not isinstance(bounds, dict):
        found.append(("must be specified", f"{path}.bounds"))
        return
    for key in ("x", "y", "width", "height"):
        value = bounds.get(key)
        if values.whole_number(value) or (key in ("width", "height") and value == 0):
            found.append((_missing(value), f"{path}.bounds.{key}"))
    check_action(area.get("action"), f"{path}.action", RICH_MENU, found)


def check_image(content_type: str, picture: bytes) -> tuple[int, Refusal] | None:
    """Look at a rich-menu picture: format, weight, size. None when LINE would take it."""
    wanted = _FORMATS.get(content_type)
    if wanted is None:
        return 415, Refusal(f"The content type, {content_type}, is not supported")
    if len(picture) > IMAGE_BYTES:
        return 413, Refusal("The image is too large")
    try:
        with Image.open(io.BytesIO(picture)) as image:
            kind, (width, height) = image.format, image.size
    except (UnidentifiedImageError, OSError, ValueError):
        return 400, Refusal("The image is invalid")
    fits = 800 <= width <= 2500 and height >= 250 and width / height >= MIN_RATIO
    if kind != wanted or not fits:
        return 400, Refusal("The image size is not allowed for richmenu")
    return None

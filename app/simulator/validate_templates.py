"""Template messages: buttons, confirm, carousel, image_carousel.

https://developers.line.biz/en/reference/messaging-api/#template-messages
"""

from app.simulator import values
from app.simulator.validate_actions import (
    IMAGE_CAROUSEL,
    TEMPLATE,
    TEMPLATE_DEFAULT,
    Problem,
    check_action,
)
from app.simulator.values import INVALID, text_within

Node = dict[str, object]
MAX_COLUMNS = 10


def check_template(node: object, *, loopback: bool) -> list[Problem]:
    found: list[Problem] = []
    if not isinstance(node, dict):
        return [("must be specified" if node is None else INVALID, "template")]
    kind = node.get("type")
    if kind == "buttons":
        _look(node, "template", found)
        _card(node, "template", found, loopback, title=40, plain=160, topped=60, most=4)
    elif kind == "confirm":
        _text(node, "text", "template", found, 240)
        _actions(node, "template", found, least=2, most=2)
    elif kind == "carousel":
        _look(node, "template", found)
        _carousel(node, found, loopback)
    elif kind == "image_carousel":
        _image_carousel(node, found, loopback)
    else:
        found.append((INVALID, "template/type"))
    return found


def _text(
    node: Node, key: str, path: str, found: list[Problem], limit: int, needed: bool = True
) -> None:
    wrong = text_within(node.get(key), limit, graphemes=True, needed=needed)
    if wrong:
        found.append((wrong, f"{path}/{key}"))


def _look(node: Node, path: str, found: list[Problem]) -> None:
    if node.get("imageAspectRatio", "rectangle") not in ("rectangle", "square"):
        found.append((INVALID, f"{path}/imageAspectRatio"))
    if node.get("imageSize", "cover") not in ("cover", "contain"):
        found.append((INVALID, f"{path}/imageSize"))


def _card(
    node: Node,
    path: str,
    found: list[Problem],
    loopback: bool,
    *,
    title: int,
    plain: int,
    topped: int,
    most: int,
) -> None:
    """Look at what a buttons template and a carousel column share."""
    has_top = node.get("title") is not None or node.get("thumbnailImageUrl") is not None
    _text(node, "title", path, found, title, needed=False)
    _text(node, "text", path, found, topped if has_top else plain)
    if node.get("thumbnailImageUrl") is not None:
        wrong = values.https_url(node["thumbnailImageUrl"], loopback=loopback)
        if wrong:
            found.append((wrong, f"{path}/thumbnailImageUrl"))
    colour = node.get("imageBackgroundColor")
    if colour is not None and values.colour(colour):
        found.append((INVALID, f"{path}/imageBackgroundColor"))
    if node.get("defaultAction") is not None:
        check_action(node["defaultAction"], f"{path}/defaultAction", TEMPLATE_DEFAULT, found)
    _actions(node, path, found, least=1, most=most)


def _actions(node: Node, path: str, found: list[Problem], *, least: int, most: int) -> None:
    actions = node.get("actions")
    if not isinstance(actions, list) or not least <= len(actions) <= most:
        found.append((f"size must be between {least} and {most}", f"{path}/actions"))
        return
    for index, action in enumerate(actions):
        check_action(action, f"{path}/actions/{index}", TEMPLATE, found)


def _columns(node: Node, found: list[Problem]) -> list[Node]:
    columns = node.get("columns")
    if not isinstance(columns, list) or not 1 <= len(columns) <= MAX_COLUMNS:
        found.append((f"size must be between 1 and {MAX_COLUMNS}", "template/columns"))
        return []
    bad = [i for i, column in enumerate(columns) if not isinstance(column, dict)]
    found += [(INVALID, f"template/columns/{index}") for index in bad]
    return [] if bad else columns


def _carousel(node: Node, found: list[Problem], loopback: bool) -> None:
    columns = _columns(node, found)
    for index, column in enumerate(columns):
        path = f"template/columns/{index}"
        _card(column, path, found, loopback, title=40, plain=120, topped=60, most=3)
    shapes = [_shape(column) for column in columns]
    for index, shape in enumerate(shapes):
        if shape != shapes[0]:
            wrong = (
                "columns must have the same number of actions and the same use of title and image"
            )
            found.append((wrong, f"template/columns/{index}"))


def _shape(column: Node) -> tuple[int, bool, bool]:
    actions = column.get("actions")
    return (
        len(actions) if isinstance(actions, list) else 0,
        column.get("title") is not None,
        column.get("thumbnailImageUrl") is not None,
    )


def _image_carousel(node: Node, found: list[Problem], loopback: bool) -> None:
    for index, column in enumerate(_columns(node, found)):
        path = f"template/columns/{index}"
        wrong = values.https_url(column.get("imageUrl"), loopback=loopback)
        if wrong:
            found.append((wrong, f"{path}/imageUrl"))
        check_action(column.get("action"), f"{path}/action", IMAGE_CAROUSEL, found)

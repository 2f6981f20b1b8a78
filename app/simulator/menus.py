"""Rich menus, their pictures, links and aliases.

https://developers.line.biz/en/reference/messaging-api/#rich-menu
"""

from app.simulator import ids
from app.simulator.http import (
    Answer,
    Call,
    Refused,
    answer,
    bad,
    json_of,
    not_found,
    refuse,
    refused,
)
from app.simulator.people import Json, Person, RichMenu
from app.simulator.state import State
from app.simulator.validate import Refusal, has_errors, invalid_property
from app.simulator.validate_menus import ALIAS, check_image, check_menu

MOST_MENUS = 1000
MOST_ALIASES = 1000
MOST_USERS = 500
MOST_OPERATIONS = 1_000


def create(state: State, call: Call) -> Answer:
    body = _checked(call)
    with state.lock:
        if len(state.menus) >= MOST_MENUS:
            raise bad(Refusal("richmenu count limit exceeded"))
        menu_id = ids.rich_menu_id()
        state.menus[menu_id] = RichMenu(menu_id, body)
    state.hub.publish("menu")
    return answer({"richMenuId": menu_id})


def validate(state: State, call: Call) -> Answer:
    _checked(call)
    return answer({})


def _checked(call: Call) -> Json:
    body = json_of(call)
    refusal = check_menu(body)
    if refusal is not None:
        raise bad(refusal)
    return {key: body[key] for key in ("size", "selected", "name", "chatBarText", "areas")}


def get(state: State, call: Call) -> Answer:
    return answer(_shown(_menu(state, call.parts[0])))


def listed(state: State, call: Call) -> Answer:
    return answer({"richmenus": [_shown(menu) for menu in state.menus.values()]})


def delete(state: State, call: Call) -> Answer:
    menu = _menu(state, call.parts[0])
    with state.lock:
        del state.menus[menu.rich_menu_id]
        if state.default_menu == menu.rich_menu_id:
            state.default_menu = None
        state.aliases = {a: m for a, m in state.aliases.items() if m != menu.rich_menu_id}
    state.hub.publish("menu")
    return answer({})


def upload(state: State, call: Call) -> Answer:
    menu = _menu(state, call.parts[0])
    wrong = check_image(call.content_type(), call.body)
    if wrong is not None:
        raise Refused(refused(wrong[1], wrong[0]))
    with state.lock:
        if menu.image is not None:
            raise bad(Refusal("An image has already been uploaded to the richmenu"))
        menu.image, menu.image_type = call.body, call.content_type()
    state.hub.publish("menu")
    return answer({})


def download(state: State, call: Call) -> Answer:
    menu = _menu(state, call.parts[0])
    if menu.image is None:
        raise not_found()
    return Answer(200, menu.image, menu.image_type.encode())


def _shown(menu: RichMenu) -> Json:
    return {"richMenuId": menu.rich_menu_id, **menu.body}


def _menu(state: State, menu_id: str) -> RichMenu:
    menu = state.menus.get(menu_id)
    if menu is None:
        raise not_found()
    return menu


def _ready_menu(state: State, menu_id: str) -> RichMenu:
    menu = _menu(state, menu_id)
    if menu.image is None:
        raise bad(Refusal("must upload richmenu image before applying it to user"))
    return menu


# Links -----------------------------------------------------------------------------------------


def set_default(state: State, call: Call) -> Answer:
    state.default_menu = _ready_menu(state, call.parts[0]).rich_menu_id
    state.hub.publish("menu")
    return answer({})


def get_default(state: State, call: Call) -> Answer:
    if state.default_menu is None:
        raise not_found("no default richmenu")
    return answer({"richMenuId": state.default_menu})


def drop_default(state: State, call: Call) -> Answer:
    state.default_menu = None
    state.hub.publish("menu")
    return answer({})


def link(state: State, call: Call) -> Answer:
    user_id, menu_id = call.parts
    person = _person(state, user_id)
    menu = _ready_menu(state, menu_id)
    call.user_id = user_id
    _link(state, person, menu.rich_menu_id)
    return answer({})


def linked(state: State, call: Call) -> Answer:
    person = _person(state, call.parts[0])
    if person is None or person.rich_menu_id not in state.menus:
        raise not_found("the user has no richmenu")
    return answer({"richMenuId": person.rich_menu_id})


def unlink(state: State, call: Call) -> Answer:
    call.user_id = call.parts[0]
    _link(state, _person(state, call.parts[0]), None)
    return answer({})


def bulk_link(state: State, call: Call) -> Answer:
    body = json_of(call)
    menu_id = body.get("richMenuId")
    if not isinstance(menu_id, str) or not menu_id:
        raise bad(has_errors([("May not be empty", "richMenuId")]))
    people = _people(state, body)
    menu = _ready_menu(state, menu_id)
    for person in people:
        _link(state, person, menu.rich_menu_id)
    return answer({}, 202)


def bulk_unlink(state: State, call: Call) -> Answer:
    for person in _people(state, json_of(call)):
        _link(state, person, None)
    return answer({}, 202)


def batch(state: State, call: Call) -> Answer:
    """Operations work on the links as they were before the request."""
    operations = json_of(call).get("operations")
    if not isinstance(operations, list) or not 1 <= len(operations) <= MOST_OPERATIONS:
        raise bad(has_errors([(f"Size must be between 1 and {MOST_OPERATIONS}", "operations")]))
    changes: list[tuple[Person, str | None]] = []
    for index, operation in enumerate(operations):
        changes += _changes(state, operation, f"operations[{index}]")
    for person, menu_id in changes:
        _link(state, person, menu_id)
    return answer({}, 202)


def _changes(state: State, operation: object, path: str) -> list[tuple[Person, str | None]]:
    if not isinstance(operation, dict):
        raise bad(invalid_property(path))
    kind, old, new = operation.get("type"), operation.get("from"), operation.get("to")
    if kind not in ("link", "unlink", "unlinkAll"):
        values = "[link, unlink, unlinkAll]"
        raise bad(has_errors([(f"Must be one of the following values: {values}", f"{path}.type")]))
    if kind == "link":
        _ready_menu(state, str(new))
    linked = [person for person in list(state.people.values()) if person.rich_menu_id is not None]
    hit = linked if kind == "unlinkAll" else [p for p in linked if p.rich_menu_id == old]
    return [(person, str(new) if kind == "link" else None) for person in hit]


def _link(state: State, person: Person | None, menu_id: str | None) -> None:
    """Links to strangers and to who has blocked the account are taken and do nothing."""
    if person is None or not person.is_following:
        return
    person.rich_menu_id = menu_id
    state.hub.publish("menu", userId=person.user_id)


def _person(state: State, user_id: str) -> Person | None:
    if not ids.USER_ID.fullmatch(user_id):
        raise bad(Refusal("The value for the 'userId' parameter is invalid"))
    return state.person(user_id)


def _people(state: State, body: Json) -> list[Person | None]:
    user_ids = body.get("userIds")
    if not isinstance(user_ids, list):
        raise bad(invalid_property("userIds"))
    if not 1 <= len(user_ids) <= MOST_USERS:
        raise bad(has_errors([(f"Size must be between 1 and {MOST_USERS}", "userIds")]))
    for index, user_id in enumerate(user_ids):
        if not isinstance(user_id, str) or not ids.USER_ID.fullmatch(user_id):
            raise bad(invalid_property(f"userIds[{index}]"))
    return [state.person(user_id) for user_id in user_ids]


# Aliases ---------------------------------------------------------------------------------------


def create_alias(state: State, call: Call) -> Answer:
    body = json_of(call)
    alias, menu_id = body.get("richMenuAliasId"), body.get("richMenuId")
    if not isinstance(alias, str) or not ALIAS.fullmatch(alias):
        raise bad(invalid_property("richMenuAliasId"))
    menu = _alias_target(state, menu_id)
    with state.lock:
        if alias in state.aliases:
            raise bad(Refusal("conflict richmenu alias id"))
        if len(state.aliases) >= MOST_ALIASES:
            raise bad(Refusal("richmenu alias count limit exceeded"))
        state.aliases[alias] = menu.rich_menu_id
    return answer({})


def update_alias(state: State, call: Call) -> Answer:
    menu = _alias_target(state, json_of(call).get("richMenuId"))
    alias = _alias(state, call)
    state.aliases[alias] = menu.rich_menu_id
    return answer({})


def get_alias(state: State, call: Call) -> Answer:
    alias = _alias(state, call)
    return answer({"richMenuAliasId": alias, "richMenuId": state.aliases[alias]})


def delete_alias(state: State, call: Call) -> Answer:
    del state.aliases[_alias(state, call)]
    return answer({})


def aliases(state: State, call: Call) -> Answer:
    pairs = sorted(state.aliases.items())
    return answer({"aliases": [{"richMenuAliasId": a, "richMenuId": m} for a, m in pairs]})


def _alias(state: State, call: Call) -> str:
    if call.parts[0] not in state.aliases:
        raise not_found("richmenu alias not found")
    return call.parts[0]


def _alias_target(state: State, menu_id: object) -> RichMenu:
    if not isinstance(menu_id, str) or not menu_id:
        raise bad(has_errors([("May not be empty", "richMenuId")]))
    if menu_id not in state.menus:
        raise Refused(refuse(400, "richmenu not found"))
    return _ready_menu(state, menu_id)

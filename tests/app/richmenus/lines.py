"""LINE's rich menus in memory: refuses what LINE refuses, fails when it is told to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.line.gateway import Failure, SendError
from app.richmenus.publishing import ListedMenu
from app.richmenus.rules import document
from app.richmenus.rules.design import Json


class Killed(BaseException):
    """kill -9: nothing that catches errors sees it."""


@dataclass
class FakeMenus:
    """`before` and `after` are asked at every call that changes something and may raise: the call
    did not reach LINE, or LINE did it and the answer was lost."""

    documents: dict[str, Json] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    default: str = ""
    linked: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    made: int = 0
    before: Callable[[str], None] = lambda _call: None
    after: Callable[[str], None] = lambda _call: None
    known: Callable[[str], None] | None = None  # instead of LINE's usual 404

    @property
    def names(self) -> dict[str, str]:
        return {line_id: body["name"] for line_id, body in self.documents.items()}

    def shown_to(self, person: str) -> str:
        """The name of the menu somebody sees; empty: an empty place."""
        seen = self.linked.get(person, "")
        return self.names.get(seen if seen in self.documents else self.default, "")

    def create(self, document_: Json) -> str:
        self._before("create")
        assert document.problems(document_) == []
        self.made += 1
        line_id = f"richmenu-{self.made}"
        self.documents[line_id] = document_
        self.after("create")
        return line_id

    def upload(self, rich_menu_id: str, picture: bytes, kind: str) -> None:
        self._before("upload")
        self._known(rich_menu_id)
        if rich_menu_id in self.pictures:
            raise SendError(Failure.PERMANENT, "HTTP 400: already uploaded", status=400)
        assert kind in ("PNG", "JPEG")
        self.pictures[rich_menu_id] = picture
        self.after("upload")

    def has_picture(self, rich_menu_id: str) -> bool:
        return rich_menu_id in self.pictures

    def set_alias(self, alias: str, rich_menu_id: str) -> None:
        self._before("set_alias")
        self._complete(rich_menu_id)
        self.aliases[alias] = rich_menu_id
        self.after("set_alias")

    def delete_alias(self, alias: str) -> None:
        self._before("delete_alias")
        self.aliases.pop(alias, None)
        self.after("delete_alias")

    def set_default(self, rich_menu_id: str) -> None:
        self._before("set_default")
        self._complete(rich_menu_id)
        self.default = rich_menu_id
        self.after("set_default")

    def list(self) -> Sequence[ListedMenu]:
        return [ListedMenu(richMenuId=key, name=name) for key, name in self.names.items()]

    def move(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._before("move")
        before = dict(self.linked)
        for old, _new in pairs:
            self._known(old)
        for old, new in pairs:
            self._complete(new)
            self.linked |= {person: new for person, menu in before.items() if menu == old}
        self.after("move")

    def link(self, rich_menu_id: str, user_ids: Sequence[str]) -> None:
        self._before("link")
        assert 1 <= len(user_ids) <= 500
        if any(not user.startswith("U") for user in user_ids):
            raise SendError(Failure.PERMANENT, "HTTP 400: userIds", status=400)
        self._complete(rich_menu_id)
        self.linked |= dict.fromkeys(user_ids, rich_menu_id)
        self.after("link")

    def unlink(self, user_ids: Sequence[str]) -> None:
        self._before("unlink")
        assert 1 <= len(user_ids) <= 500
        for user in user_ids:
            self.linked.pop(user, None)
        self.after("unlink")

    def delete(self, rich_menu_id: str) -> None:
        self._before("delete")
        self.documents.pop(rich_menu_id, None)
        self.after("delete")

    def _before(self, call: str) -> None:
        self.calls.append(call)
        self.before(call)

    def _known(self, rich_menu_id: str) -> None:
        if rich_menu_id not in self.documents:
            if self.known is not None:
                self.known(rich_menu_id)
            raise SendError(Failure.PERMANENT, "HTTP 404: Not found", status=404)

    def _complete(self, rich_menu_id: str) -> None:
        self._known(rich_menu_id)
        if rich_menu_id not in self.pictures:
            raise SendError(Failure.PERMANENT, "HTTP 400: must upload image", status=400)

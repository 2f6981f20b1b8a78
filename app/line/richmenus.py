"""Rich menus through LINE's own SDK: rare calls, so its cost does not matter. Imported late: it
takes seconds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from urllib3.exceptions import HTTPError

from app.line.gateway import Failure, SendError, refusal

LISTED = Mapping[str, str]
TIMEOUT_SECONDS = 30
_NOT_FOUND = 404
_Found = TypeVar("_Found")


class SdkRichMenus:
    """Every call raises SendError when LINE refuses. `data_base` serves the pictures."""

    def __init__(self, *, base: str, data_base: str, token: str) -> None:
        from linebot.v3 import messaging  # noqa: PLC0415  # two seconds, only when needed

        self._sdk: Any = messaging
        self._api: Any = messaging.MessagingApi(
            messaging.ApiClient(messaging.Configuration(host=base, access_token=token))
        )
        self._blob: Any = messaging.MessagingApiBlob(
            messaging.ApiClient(messaging.Configuration(host=data_base, access_token=token))
        )

    def create(self, document: dict[str, Any]) -> str:
        request = self._sdk.RichMenuRequest.from_dict(document)
        answer = self._call(
            lambda: self._api.create_rich_menu(request, _request_timeout=TIMEOUT_SECONDS)
        )
        return str(answer.rich_menu_id)

    def upload(self, rich_menu_id: str, picture: bytes, kind: str) -> None:
        self._call(
            lambda: self._blob.set_rich_menu_image(
                rich_menu_id,
                body=bytearray(picture),
                _headers={"Content-Type": f"image/{kind.lower()}"},
                _request_timeout=TIMEOUT_SECONDS,
            )
        )

    def has_picture(self, rich_menu_id: str) -> bool:
        found = self._unless_gone(
            lambda: self._blob.get_rich_menu_image(rich_menu_id, _request_timeout=TIMEOUT_SECONDS)
        )
        return found is not None

    def set_alias(self, alias: str, rich_menu_id: str) -> None:
        if self._alias_exists(alias):
            change = self._sdk.UpdateRichMenuAliasRequest(rich_menu_id=rich_menu_id)
            self._call(
                lambda: self._api.update_rich_menu_alias(
                    alias, change, _request_timeout=TIMEOUT_SECONDS
                )
            )
            return
        new = self._sdk.CreateRichMenuAliasRequest(
            rich_menu_alias_id=alias, rich_menu_id=rich_menu_id
        )
        self._call(lambda: self._api.create_rich_menu_alias(new, _request_timeout=TIMEOUT_SECONDS))

    def set_default(self, rich_menu_id: str) -> None:
        self._call(
            lambda: self._api.set_default_rich_menu(rich_menu_id, _request_timeout=TIMEOUT_SECONDS)
        )

    def list(self) -> Sequence[Any]:
        answer = self._call(lambda: self._api.get_rich_menu_list(_request_timeout=TIMEOUT_SECONDS))
        return [{"richMenuId": menu.rich_menu_id, "name": menu.name} for menu in answer.richmenus]

    def move(self, pairs: Sequence[tuple[str, str]]) -> None:
        operations = [
            self._sdk.RichMenuBatchLinkOperation(var_from=old_id, to=new_id)
            for old_id, new_id in pairs
        ]
        request = self._sdk.RichMenuBatchRequest(operations=operations)
        self._call(lambda: self._api.rich_menu_batch(request, _request_timeout=TIMEOUT_SECONDS))

    def link(self, rich_menu_id: str, user_ids: Sequence[str]) -> None:
        request = self._sdk.RichMenuBulkLinkRequest(rich_menu_id=rich_menu_id, user_ids=user_ids)
        self._call(
            lambda: self._api.link_rich_menu_id_to_users(request, _request_timeout=TIMEOUT_SECONDS)
        )

    def unlink(self, user_ids: Sequence[str]) -> None:
        request = self._sdk.RichMenuBulkUnlinkRequest(user_ids=user_ids)
        self._call(
            lambda: self._api.unlink_rich_menu_id_from_users(
                request, _request_timeout=TIMEOUT_SECONDS
            )
        )

    def delete(self, rich_menu_id: str) -> None:
        self._unless_gone(
            lambda: self._api.delete_rich_menu(rich_menu_id, _request_timeout=TIMEOUT_SECONDS)
        )

    def delete_alias(self, alias: str) -> None:
        self._unless_gone(
            lambda: self._api.delete_rich_menu_alias(alias, _request_timeout=TIMEOUT_SECONDS)
        )

    def _alias_exists(self, alias: str) -> bool:
        answer = self._call(
            lambda: self._api.get_rich_menu_alias_list(_request_timeout=TIMEOUT_SECONDS)
        )
        return any(item.rich_menu_alias_id == alias for item in answer.aliases)

    def _unless_gone(self, request: Callable[[], _Found]) -> _Found | None:
        """None for what LINE does not know."""
        try:
            return self._call(request)
        except SendError as error:
            if error.status != _NOT_FOUND:
                raise
            return None

    def _call(self, request: Callable[[], _Found]) -> _Found:
        try:
            return request()
        except self._sdk.ApiException as error:
            raise refusal(error.status or 0, str(error.body)) from error
        except HTTPError as error:
            raise SendError(Failure.UNKNOWN, f"LINE does not answer: {error}"[:300]) from error

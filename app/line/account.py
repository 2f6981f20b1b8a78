"""Whether LINE knows our token and can reach our webhook, asked while somebody waits for it.
https://developers.line.biz/en/reference/messaging-api/#test-webhook-endpoint"""

from dataclasses import dataclass

import orjson

from app.line.http import Answer, Broken, Host

TIMEOUT_SECONDS = 15.0  # LINE itself waits for the webhook


@dataclass(frozen=True, slots=True)
class Health:
    """`name` and `basic_id` of the account that the token is of; empty when LINE refuses it.
    `webhook` is the address LINE sends to. `fault` names the first thing that is wrong: token,
    unreachable, no_webhook, inactive, other_webhook, webhook; `detail` is LINE's own word on it."""

    name: str = ""
    basic_id: str = ""
    webhook: str = ""
    fault: str = ""
    detail: str = ""


async def check(*, base: str, token: str, wanted: str) -> Health:
    """Ask who we are, where events go (`wanted` is where they should), and have LINE send a test
    there, of which it allows sixty an hour."""
    host = Host(base, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_SECONDS)
    try:
        return await _check(host, wanted)
    except Broken as error:
        return Health(fault="unreachable", detail=str(error))
    finally:
        await host.close()


async def _check(host: Host, wanted: str) -> Health:
    about = await host.request("GET", "/v2/bot/info")
    if about.status != 200:
        return Health(fault="token", detail=_detail(about))
    account = _json(about)
    name, basic_id = str(account.get("displayName", "")), str(account.get("basicId", ""))
    endpoint = await host.request("GET", "/v2/bot/channel/webhook/endpoint")
    if endpoint.status != 200:
        return Health(name, basic_id, fault="no_webhook", detail=_detail(endpoint))
    found = _json(endpoint)
    webhook = str(found.get("endpoint", ""))
    if webhook != wanted:
        return Health(name, basic_id, webhook, "other_webhook")
    if not found.get("active", False):
        return Health(name, basic_id, webhook, "inactive")
    tested = await host.request(
        "POST",
        "/v2/bot/channel/webhook/test",
        orjson.dumps({"endpoint": wanted}),
        {"Content-Type": "application/json"},
    )
    result = _json(tested)
    if tested.status != 200 or not result.get("success", False):
        said = str(result.get("detail") or result.get("reason") or _detail(tested))
        return Health(name, basic_id, webhook, "webhook", said[:200])
    return Health(name, basic_id, webhook)


def _json(answer: Answer) -> dict[str, object]:
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _detail(answer: Answer) -> str:
    return f"HTTP {answer.status}: {answer.text[:200]}"

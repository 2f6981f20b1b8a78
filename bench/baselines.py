"""The obvious way, for comparison: FastAPI with the SDK. `python -m bench.baselines parser PORT`
checks and parses and stores nothing; `… echo PORT BASE` is the SDK's echo sample on FastAPI."""

import sys

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from linebot.v3 import WebhookParser
from linebot.v3.exceptions import InvalidSignatureError
from linebot.v3.messaging import (
    AsyncApiClient,
    AsyncMessagingApi,
    Configuration,
    ReplyMessageRequest,
    TextMessage,
)
from linebot.v3.webhooks import MessageEvent, TextMessageContent

from bench.servers import SECRET, TOKEN

app = FastAPI()
parser = WebhookParser(SECRET)
echo_base: str | None = None
_api: list[AsyncMessagingApi] = []


def api() -> AsyncMessagingApi:
    if not _api:
        configuration = Configuration(access_token=TOKEN, host=echo_base)
        _api.append(AsyncMessagingApi(AsyncApiClient(configuration)))
    return _api[0]


@app.post("/line/webhook")
async def callback(request: Request) -> str:
    signature = request.headers["X-Line-Signature"]
    body = (await request.body()).decode()
    try:
        events = parser.parse(body, signature)
    except InvalidSignatureError as error:
        raise HTTPException(400, "Invalid signature") from error
    if echo_base is None:
        return "OK"
    for event in events:
        if isinstance(event, MessageEvent) and isinstance(event.message, TextMessageContent):
            await api().reply_message(
                ReplyMessageRequest(
                    reply_token=event.reply_token,
                    messages=[TextMessage(text=event.message.text)],
                )
            )
    return "OK"


if __name__ == "__main__":
    if sys.argv[1] == "echo":
        echo_base = sys.argv[3]
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)

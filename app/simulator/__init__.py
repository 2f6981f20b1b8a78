"""A LINE platform on one machine: the Messaging API, and the people who chat with the account.

`create_simulator(SimulatorConfig(...))` is an ASGI app. Mount it (at `/simulator`) or run it alone
with `python -m app.simulator --port 9000 --webhook http://127.0.0.1:8000/line/webhook --secret S
--token T`. It keeps everything in memory. `{base}` is where it is mounted ("" when it runs alone).

`{base}/api/...`       the Messaging API: set `LINE_API_BASE` to `{base}/api`; contents and pictures
                       on the same base; LINE Login's `/oauth2/v2.1/verify`, `/v2/profile`,
                       `/friendship/v1/status` too
`{base}/control/...`   JSON for tests and for the chat page, below
`{base}/`              the chat page; `{base}/liff-sdk.js` is its stand-in for the LIFF SDK

Control API
===========
Bodies and answers are JSON; errors are `{"error": "..."}` with 400, 403, 404 or 409. Times are
ISO 8601 in UTC, `n` is a position that only grows, ids are strings. Browsers may call it from
pages of this machine only.

People
------
GET  /control/users?q=&limit=&offset=      {users: [User], total}
POST /control/users                        User; takes {userId?, displayName?, language?,
                                           pictureUrl?, statusMessage?, following?, listed?}, or
                                           {users: [...]} for many at once -> {users: [User]}. Who
                                           is not listed is found by `q` only
GET  /control/users/{id}                   User
POST /control/users/{id}                   changes displayName, pictureUrl, language, statusMessage
POST /control/users/{id}/seen              the chat was opened: unread = 0
POST /control/users/{id}/delete            the LINE account is gone; no event

User = {userId, displayName, pictureUrl|null, language, statusMessage|null, following, blocked,
deleted, lastMessage: "short text"|null, lastAt|null, unread}

What a person does
------------------
Each answers {events: [{webhookEventId, type, timestamp, replyToken?}], messageId?,
webhook: Delivery|null}. With "wait": true in the body (or `?wait=true` beside raw bytes) the answer
comes when the webhook was delivered or given up.

POST /control/users/{id}/follow            also /unblock; isUnblocked when it had been blocked
POST /control/users/{id}/block             also /unfollow
POST /control/users/{id}/message           {text, quotedMessageId?}
POST /control/users/{id}/sticker           {packageId?, stickerId?}
POST /control/users/{id}/location          {title?, address?, latitude?, longitude?}
POST /control/users/{id}/image             raw bytes with their content type, or {base64?,
                                           contentType?}; a plain picture when there is none.
                                           Also /video, /audio, /file
POST /control/users/{id}/postback          {data, params?, displayText?}
POST /control/users/{id}/richmenuswitch    {richMenuAliasId, data}: switches, sends the postback
POST /control/users/{id}/unsend            {messageId}
POST /control/users/{id}/action            {action: {...}, params?}: what the LINE app does for a
                                           tapped action. Also answers {open: uri|null, copy:
                                           text|null, fillIn: text|null, inputOption|null};
                                           datetimepicker needs params {date|time|datetime: "..."};
                                           camera, cameraRoll, location only answer {pick: type}
POST /control/users/{id}/event             {event: {type, ...}}: any other event; common fields are
                                           filled in unless given

The conversation
----------------
GET /control/users/{id}/conversation?after=N&limit=200&wait=SECONDS
    {userId, displayName, messages: [Entry], last: N, richMenu: RichMenu|null,
    quickReply: [item]|null, loading, blocked, following}. The last `limit` entries after n,
    oldest first. `wait` (at most 30) holds the answer until the account wrote something newer
GET /control/content/{messageId}           bytes a person sent
GET /control/richmenus/{id}/image          the picture of a rich menu
GET /control/events                        server-sent events `data: {"kind", "userId"?, "n"?}`;
                                           kind = hello, conversation, user, menu, loading, sms,
                                           webhook, request, reset. No replay: read what changed

Entry = {n, id, from: user|bot|friend|system, at, kind, message: {...}|null, text|null, html|null,
css: [rule], read, unsent, requestId|null, sender: {...}|null}. kind "message": `message` is the
object as the account sent it, or as the webhook showed it (stored media have `contentUrl`); other
kinds (follow, block, postback) are a grey line with `text`. `html` and `css` come from
`flex_html.render`.
RichMenu = {richMenuId, name, size: {width, height}, chatBarText, selected, areas: [{bounds,
action}], imageUrl}. quickReply shows while the newest entry is the account's.

LIFF
----
POST /control/liff/token                   {userId, nonce?} -> {id_token, access_token, expires_in,
                                           client_id}; verifies at {base}/api/oauth2/v2.1/verify
POST /control/users/{id}/liff/messages     {messages}: liff.sendMessages; flex and template make no
                                           webhook
POST /control/users/{id}/share             {messages, to: [userId]}: liff.shareTargetPicker; shown
                                           in the friends' chats as from "friend"
GET  /control/config                       {botName, botUserId, basicId, pictureUrl|null, liffId,
                                           liffEndpoint, loginChannelId, webhookUrl, now}

SMS
---
POST /control/sms                          {to, text} -> {n}: target of the product's SMS adapter;
                                           once per Idempotency-Key
GET  /control/sms?to=&after=N&wait=        {sms: [{n, to, text, at}]}

Judging the product
-------------------
GET  /control/log?after=N&limit=&path=     {requests: [{n, at, method, path, status, retryKey|null,
                                           requestId, acceptedRequestId|null, userId|null,
                                           fault|null, ms, body|null}], last}: every API request;
                                           status 0 was neither processed nor answered
GET  /control/received?userId=&after=N&limit=&wait=&count=
                                           {received: [{n, id, userId, requestId, endpoint,
                                           retryKey|null, replyToken|null, at, index, message}],
                                           last, total}: what reached people, once per accepted
                                           request; `wait` for `count` of them
GET  /control/state                        counts: users, following, blocked, requests, byStatus,
                                           accepted, received, skipped, webhooks by status, sms,
                                           retryKeys, richMenus, aliases, defaultRichMenu, quota,
                                           now
POST /control/faults                       {path: "/v2/bot/message/*", method?, status?, body?,
                                           headers?, delay_ms?, drop?, hang?, when?, times?, every?,
                                           skip?, probability?, seed?} -> {id}
GET, DELETE /control/faults[/{id}]         {faults: [{..., seen, hits}]}
POST /control/webhooks                     {action, ...} -> {webhooks: [Delivery]}
GET  /control/webhooks?after=N&limit=      {webhooks: [Delivery], last}
POST /control/webhooks/settle              {timeout?} -> {settled}: nothing is queued any more
POST /control/clock                        {now: iso|null} or {advance: seconds} -> {now}; a fixed
                                           `now` stands still, null runs again
POST /control/quota                        {limit: n|null, used?}
POST /control/limits                       {"/v2/bot/message/push": {count, per_seconds}, ...} or
                                           {enabled}
POST /control/reset                        {keep_users?, keep_menus?} -> state

Faults: `path` is a shell pattern below /api. `status` answers instead of processing; `drop` resets
the connection, `hang` never answers. drop, hang and `when` are "before" (not processed) or "after"
(processed, the answer lost). `skip` lets n pass first, `every` hits each n-th, `times` ends after n
hits, `probability` draws from `seed`.

Webhook actions: hold; release {order: fifo|reverse|shuffle, seed?}; redeliver {id | last = 1};
duplicate {id | last | next: n}; reorder {next: n} collects n and sends them reversed; batch
{next: n} puts n events into one POST; drop {next: n} never sends them; send {events, signature?:
bad|none|text, body?: raw text}.
Delivery = {n, id, at, status: queued|held|dropped|delivered|failed, httpStatus|null, reason: null|
could_not_connect|request_timeout|error_status_code|unclassified, attempts, ms, isRedelivery,
events: [...]}.
"""

from app.simulator.app import create_simulator
from app.simulator.config import SimulatorConfig

__all__ = ["SimulatorConfig", "create_simulator"]

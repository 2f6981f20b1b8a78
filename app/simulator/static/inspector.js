// What happened behind the chat: API requests, webhooks, text messages, JSON of a message.

import { get, post } from "./api.js";
import { toast } from "./dialogs.js";
import { byId, clockOf, h, later, reconcile } from "./dom.js";
import { state } from "./state.js";

const KEEP = 300;
const TABS = { log: "API 紀錄", webhooks: "Webhook", sms: "簡訊", json: "訊息" };
const rows = { log: new Map(), webhooks: new Map(), sms: new Map() };
const last = { log: 0, webhooks: 0, sms: 0 };
const expanded = new Set();
const EMPTY = { log: "還沒有 API 請求。", webhooks: "還沒有 Webhook。", sms: "還沒有簡訊。" };

let tab = "log";
let hasListed = false;
let onSms = () => {};

export function setUp(smsArrived) {
  onSms = smsArrived;
  const tabs = byId("tabs");
  for (const [name, words] of Object.entries(TABS)) {
    const button = h("button", { type: "button", role: "tab", id: `tab-${name}`, onclick: () => show(name) }, words);
    tabs.append(button);
  }
  tabs.addEventListener("keydown", (event) => {
    const names = Object.keys(TABS);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    show(names[(names.indexOf(tab) + step + names.length) % names.length]);
    byId(`tab-${tab}`).focus();
  });
  show("log");
}

export function show(name) {
  tab = name;
  for (const key of Object.keys(TABS)) {
    byId(`tab-${key}`).setAttribute("aria-selected", String(key === tab));
    byId(`tab-${key}`).tabIndex = key === tab ? 0 : -1;
  }
  draw();
}

export function forget() {
  for (const name of Object.keys(rows)) {
    rows[name].clear();
    last[name] = 0;
  }
  expanded.clear();
  draw();
}

async function fetchLog() {
  const found = await get(`log?after=${last.log}&limit=${KEEP}`);
  keep("log", found.requests, found.last);
}

async function fetchWebhooks() {
  // A delivery changes after it was first listed, so the newest are read again.
  const after = Math.max(0, last.webhooks - 20);
  const found = await get(`webhooks?after=${after}`);
  keep("webhooks", found.webhooks, found.last);
}

async function fetchSms() {
  const found = await get(`sms?after=${last.sms}`);
  const isNews = hasListed;
  hasListed = true;
  keep("sms", found.sms, Math.max(last.sms, ...found.sms.map((s) => s.n)));
  if (isNews) found.sms.forEach(onSms);
}

function keep(name, found, newest) {
  for (const row of found) rows[name].set(row.n, row);
  for (const n of [...rows[name].keys()].sort((a, b) => a - b).slice(0, -KEEP)) rows[name].delete(n);
  last[name] = Math.max(last[name], newest ?? 0);
  if (tab === name) draw();
}

const quietly = (work) => () => work().catch((error) => console.warn(error.message));

export const logChanged = later(quietly(fetchLog), 120);
export const webhooksChanged = later(quietly(fetchWebhooks), 120);
export const smsChanged = quietly(fetchSms);

export function draw() {
  const body = byId("tab-body");
  body.setAttribute("aria-labelledby", `tab-${tab}`);
  if (tab === "json") {
    const entry = state.entries.get(state.selected);
    return reconcile(body, [{ key: "json", mark: entry, make: () => jsonView(entry) }]);
  }
  const list = [...rows[tab].values()].sort((a, b) => b.n - a.n);
  const make = () => (list.length ? h("ul", { class: "log" }) : h("p", { class: "empty" }, EMPTY[tab]));
  reconcile(body, [{ key: tab, mark: list.length > 0, make }]);
  const line = { log: logRow, webhooks: webhookRow, sms: smsRow }[tab];
  // A request and a text message stay as they were; a delivery goes through several states.
  const items = list.map((row) => ({ key: row.n, mark: `${row.status} ${row.httpStatus} ${row.ms}`, make: () => line(row) }));
  if (list.length) reconcile(body.firstElementChild, items);
}

function detail(key, summary, value, ...extra) {
  const node = h("details", { class: "log-line" }, h("summary", {}, ...summary));
  const fillIn = () => node.append(...extra.filter(Boolean), pretty(value));
  if (expanded.has(key)) {
    node.open = true;
    fillIn();
  }
  node.addEventListener("toggle", () => {
    if (node.open && !expanded.has(key)) fillIn();
    if (node.open) expanded.add(key);
    else {
      expanded.delete(key);
      node.querySelector("pre")?.remove();
      node.querySelector(".log-extra")?.remove();
    }
  });
  return h("li", {}, node);
}

const tone = (status) => (status >= 500 ? "bad" : status >= 400 ? "warn" : "good");

function logRow(row) {
  return detail(
    `log ${row.n}`,
    [
      h("span", { class: `status ${tone(row.status || 0)}` }, String(row.status || "—")),
      h("span", { class: "path", title: row.path }, `${row.method} ${row.path}`),
      h("span", { class: "muted when" }, `${clockOf(row.at)}・${Math.round(row.ms || 0)} ms`),
    ],
    row.body,
    h(
      "p",
      { class: "muted log-extra" },
      [
        `${row.method} ${row.path}`,
        `request id ${row.requestId}`,
        row.retryKey && `retry key ${row.retryKey}`,
        row.acceptedRequestId && `accepted ${row.acceptedRequestId}`,
        row.fault && `fault ${typeof row.fault === "string" ? row.fault : JSON.stringify(row.fault)}`,
      ]
        .filter(Boolean)
        .join("\n"),
    ),
  );
}

const STATES = { queued: "等待", held: "暫停", dropped: "丟棄", delivered: "送達", failed: "失敗" };

function webhookRow(row) {
  const kind = { delivered: "good", failed: "bad", dropped: "warn" }[row.status] || "";
  const again = h(
    "button",
    {
      type: "button",
      class: "ghost small",
      onclick: () => post("webhooks", { action: "redeliver", id: row.id }).catch((e) => toast(e.message)),
    },
    "重新投遞",
  );
  return detail(
    `webhooks ${row.n}`,
    [
      h("span", { class: `status ${kind}` }, row.httpStatus ? String(row.httpStatus) : STATES[row.status] || row.status),
      h("span", { class: "path" }, row.events.map(eventName).join("、") || "（空）"),
      h("span", { class: "muted when" }, `${clockOf(row.at)}・${Math.round(row.ms || 0)} ms`),
    ],
    row.events,
    h("p", { class: "muted log-extra" }, again, ` ${row.reason || ""} ${row.isRedelivery ? "重送" : ""}`),
  );
}

const eventName = (event) => (event.type === "message" ? `message/${event.message?.type}` : event.type);

function smsRow(row) {
  return h(
    "li",
    { class: "sms-line" },
    h("span", { class: "muted" }, `${clockOf(row.at)}・${row.to}`),
    h("p", {}, row.text),
  );
}

function jsonView(entry) {
  if (!entry) return h("p", { class: "empty" }, "點訊息旁的 < > 可在這裡看原始 JSON。");
  const about = [`#${entry.n}`, entry.from, entry.requestId].filter(Boolean).join("・");
  const value = entry.message || { kind: entry.kind, text: entry.text };
  return h("div", {}, h("p", { class: "muted" }, about), pretty(value));
}

function pretty(value) {
  return h("pre", { class: "code" }, value === null || value === undefined ? "（無內容）" : JSON.stringify(value, null, 2));
}

// The messages on the phone: what each entry looks like and how new ones arrive.

import { draw as drawMessage, get, person, post } from "./api.js";
import { avatar, byId, dayOf, h, icon, reconcile, timeOf } from "./dom.js";
import * as flex from "./flex.js";
import { state } from "./state.js";

const LIMIT = 200;

let onSelect = () => {};
let onState = () => {};
let isFetching = false;
let isStale = false;
let wantsAll = false;
let isAtEnd = true;

export function setUp({ select, changed }) {
  onSelect = select;
  onState = changed;
  const thread = byId("thread");
  thread.addEventListener("scroll", () => { isAtEnd = isNearEnd(); }, { passive: true });
  // A menu or a tray that opens takes room from below: the newest message stays in sight.
  new ResizeObserver(() => isAtEnd && toEnd()).observe(thread);
}

/** Show the conversation of the chosen user from scratch. */
export async function open() {
  state.entries.clear();
  state.last = 0;
  state.conversation = null;
  byId("thread").replaceChildren();
  wantsAll = true;
  await refresh();
}

/** Fetch what is new; calls while one is under way are folded into one more. */
export async function refresh({ all = false } = {}) {
  wantsAll ||= all;
  if (isFetching) {
    isStale = true;
    return;
  }
  isFetching = true;
  try {
    do {
      isStale = false;
      await fetchOnce();
    } while (isStale);
  } finally {
    isFetching = false;
  }
}

async function fetchOnce() {
  const userId = state.userId;
  if (!userId) return;
  const after = wantsAll ? 0 : state.last;
  wantsAll = false;
  const found = await get(`${person(userId)}/conversation?after=${after}&limit=${LIMIT}`);
  if (userId !== state.userId) {
    isStale = true;
    wantsAll = true;
    return;
  }
  state.conversation = found;
  state.last = Math.max(state.last, found.last ?? 0);
  const isFirst = state.entries.size === 0;
  const atEnd = isNearEnd();
  for (const entry of found.messages) keep(entry);
  if (after === 0) state.entries = new Map([...state.entries].sort(([a], [b]) => a - b));
  draw(found.loading);
  onState(found);
  if (found.messages.length && (atEnd || isFirst || found.messages.at(-1).from === "user")) toEnd();
  if (found.messages.some((entry) => entry.from !== "user")) post(`${person(userId)}/seen`).catch(() => {});
}

function isNearEnd() {
  const thread = byId("thread");
  return thread.scrollHeight - thread.scrollTop - thread.clientHeight < 160;
}

export function toEnd() {
  const thread = byId("thread");
  thread.scrollTop = thread.scrollHeight;
}

/** An entry that is read again keeps its object, and so its node, unless something in it changed. */
function keep(entry) {
  const known = state.entries.get(entry.n);
  if (!known || JSON.stringify(known) !== JSON.stringify(entry)) state.entries.set(entry.n, entry);
}

function draw(isLoading) {
  const items = [];
  let before;
  for (const entry of state.entries.values()) {
    const day = dayOf(entry.at);
    if (!before || dayOf(before.at) !== day) {
      items.push({ key: day, make: () => h("div", { class: "day" }, day) });
    }
    const previous = before;
    if (entry.kind === "message") items.push({ key: entry.n, mark: entry, make: () => bubble(entry, previous) });
    else if (entry.text) items.push({ key: entry.n, mark: entry, make: () => note(entry) });
    before = entry;
  }
  if (isLoading) items.push({ key: "loading", make: dots });
  for (const node of reconcile(byId("thread"), items)) flex.finish(node, arrow);
  if (isLoading) toEnd();
}

function dots() {
  const row = h("div", { class: "row from-bot", id: "loading-dots" }, botFace());
  row.append(h("div", { class: "dots", role: "status", "aria-label": "對方正在輸入" }, h("i"), h("i"), h("i")));
  return row;
}

const note = (entry) => h("div", { class: "day note", data: { n: String(entry.n) } }, entry.text);

const botFace = (sender) =>
  avatar(sender?.name || state.config.botName, sender?.iconUrl || state.config.pictureUrl, "small");

function bubble(entry, before) {
  const isMine = entry.from === "user";
  const starts = before?.from !== entry.from || before?.kind !== "message" || before?.sender?.name !== entry.sender?.name;
  const name = entry.sender?.name || (entry.from === "bot" ? state.config.botName : "");
  const content = h("div", { class: "content" });
  const foot = h(
    "div",
    { class: "foot" },
    isMine && entry.read && h("span", {}, "已讀"),
    h("time", { datetime: entry.at }, timeOf(entry.at)),
    jsonButton(entry),
  );
  const column = h("div", { class: "column" }, !isMine && starts && name && h("span", { class: "name" }, name));
  column.append(h("div", { class: "line" }, content, foot));
  const row = h(
    "div",
    { class: `row ${isMine ? "from-user" : "from-bot"} ${starts ? "starts" : ""}`, data: { n: String(entry.n) } },
    !isMine && (starts ? botOrFriendFace(entry) : h("span", { class: "face-gap" })),
    column,
  );
  fill(content, entry);
  if (content.querySelector(".fx")) row.classList.add("wide");
  return row;
}

const botOrFriendFace = (entry) =>
  entry.from === "friend" ? avatar(entry.sender?.name || "朋友", null, "small") : botFace(entry.sender);

function jsonButton(entry) {
  const button = h("button", {
    type: "button",
    class: "json",
    "aria-label": "檢視訊息 JSON",
    title: "檢視訊息 JSON",
    onclick: () => onSelect(entry.n),
  });
  button.append(icon("code"));
  return button;
}

function fill(content, entry) {
  const message = entry.message || {};
  if (entry.unsent) {
    content.append(h("span", { class: "unsent" }, "已收回訊息"));
  } else if (entry.from === "user" && message.contentProvider) {
    content.append(ownMedia(entry, message));
  } else if (entry.from === "user" && message.type === "file") {
    const link = { href: `control/content/${encodeURIComponent(message.id)}`, download: "", class: "mx-text" };
    content.append(h("a", link, message.fileName || "檔案"));
  } else if (typeof entry.html === "string") {
    const late = () => isNearEnd() && toEnd();
    flex.place(content, { html: entry.html, css: entry.css }, late);
  } else {
    drawMessage(message)
      .then((drawn) => flex.place(content, drawn))
      .catch((error) => content.append(error.message));
  }
}

function ownMedia(entry, message) {
  const provider = message.contentProvider;
  const own = `control/content/${encodeURIComponent(message.id || entry.id)}`;
  const source = provider.type === "external" ? provider.previewImageUrl || provider.originalContentUrl : own;
  if (message.type === "image") {
    const picture = h("img", { class: "mx-picture", src: source, alt: "傳送的圖片" });
    picture.addEventListener("load", () => toEnd(), { once: true });
    return h("div", { class: "mx-image" }, picture);
  }
  if (message.type === "audio") return h("audio", { controls: true, src: source });
  return h("div", { class: "mx-image" }, h("video", { controls: true, src: source, class: "mx-picture" }));
}

export function arrow(name, label, onClick) {
  const button = h("button", { type: "button", class: `arrow ${name}`, "aria-label": label, onclick: onClick });
  button.append(icon(name));
  return button;
}

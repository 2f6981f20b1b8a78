// The page that slides over the chat (LIFF browser), and the bridge to the LIFF stand-in inside it.

import { get, person, post } from "./api.js";
import { ask, toast } from "./dialogs.js";
import { byId, h } from "./dom.js";
import { pick } from "./people.js";
import { state } from "./state.js";

const SCOPES = ["openid", "profile", "chat_message.write"];

let frame = null;
let opened = null; // {url, liffId, userId}
let returnFocus = null;
let openOther = () => {};

export function setUp({ openUri }) {
  openOther = openUri;
  byId("sheet-close").addEventListener("click", close);
  byId("sheet-reload").addEventListener("click", () => opened && open(opened.url, opened));
  byId("sheet").addEventListener("keydown", (event) => event.key === "Escape" && close());
  window.addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || !isOurs(new URL(event.origin))) return;
    if (event.data?.liff === "call") answer(event);
  });
}

const endpoint = () => {
  try {
    return new URL(state.config.liffEndpoint, location.href);
  } catch {
    return null;
  }
};

/** Pages of the simulator's own origin or of the configured LIFF endpoint's. */
export function isOurs(url) {
  return url.origin === location.origin || url.origin === endpoint()?.origin;
}

export function open(url, { liffId = null } = {}) {
  if (byId("sheet").hidden) returnFocus = document.activeElement;
  opened = { url, liffId, userId: state.userId };
  frame = h("iframe", {
    title: "網頁",
    src: url.href,
    allow: "camera; clipboard-write; geolocation",
  });
  frame.addEventListener("load", showTitle);
  byId("sheet-body").replaceChildren(frame);
  byId("sheet-title").textContent = url.host;
  byId("sheet").hidden = false;
  byId("sheet-close").focus();
}

export function close() {
  byId("sheet").hidden = true;
  byId("sheet-body").replaceChildren();
  frame = opened = null;
  returnFocus?.focus?.();
}

function showTitle() {
  let title = "";
  try {
    title = frame.contentDocument?.title || "";
  } catch {
    title = ""; // a page on another port keeps its title to itself
  }
  byId("sheet-title").textContent = title || opened?.url.host || "";
}

async function answer(event) {
  const { id, name, args } = event.data;
  const reply = { liff: "answer", id };
  try {
    const call = CALLS[name];
    if (!call) throw new Error(`unknown call ${name}`);
    reply.value = await call(args || {});
  } catch (error) {
    reply.error = { code: error.code || "EXCEPTION_IN_SUBWINDOW", message: error.message };
  }
  event.source.postMessage(reply, event.origin);
}

const CALLS = {
  async hello() {
    const user = await get(person(opened.userId));
    return {
      user,
      isLiff: opened.liffId !== null,
      liffId: opened.liffId,
      endpoint: endpoint()?.href || null,
      scope: SCOPES,
    };
  },
  token: ({ nonce }) => post("liff/token", { userId: opened.userId, nonce, scope: SCOPES.join(" ") }),
  profile: () => get(person(opened.userId)),
  close,
  openWindow({ url, external }) {
    if (external) window.open(url, "_blank", "noopener");
    else openOther(url);
  },
  sendMessages: ({ messages }) => post(`${person(opened.userId)}/liff/messages`, { messages }),
  follow: () => post(`${person(opened.userId)}/follow`),
  async scan() {
    const found = await ask({
      title: "掃描條碼",
      note: "模擬器沒有相機，請貼上條碼內容。",
      fields: [{ name: "value", label: "條碼內容", required: true }],
      submit: "完成掃描",
    });
    if (!found) throw Object.assign(new Error("The user cancelled scanning"), { code: "USER_CANCELLED" });
    return { value: found.value };
  },
  async share({ messages, isMultiple }) {
    const title = "分享給好友";
    const chosen = await pick({ title, many: isMultiple !== false, submit: "分享" });
    if (!chosen?.length) return null;
    await post(`${person(opened.userId)}/share`, { messages, to: chosen });
    toast(`已分享給 ${chosen.length} 位好友`);
    return { status: "success" };
  },
};

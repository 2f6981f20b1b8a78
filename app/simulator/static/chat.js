// The chat page: wires the list of users, the phone and the inspector together and keeps them live.

import { perform, openUri, sendLocation, sendPicture } from "./actions.js";
import { get, listen, person, post } from "./api.js";
import * as conversation from "./conversation.js";
import { copy, toast } from "./dialogs.js";
import { byId, h, icon, later, paintAvatar, reconcile, setIcon } from "./dom.js";
import * as inspector from "./inspector.js";
import * as menu from "./menu.js";
import * as people from "./people.js";
import * as sheet from "./sheet.js";
import { currentUser, state } from "./state.js";

const STICKERS = ["1988", "1989", "1990", "1991", "1992", "1993", "1994", "1995"];
const STICKER_PACKAGE = "446";
const ICONS = {
  theme: "moon",
  "show-people": "people",
  "show-inspector": "code",
  "hide-inspector": "close",
  "toggle-menu": "keyboard",
  "toggle-tray": "plus",
  send: "send",
  "sheet-reload": "reload",
  "sheet-close": "close",
};

const reloadPeople = later(() => people.load().catch(() => {}), 150);

async function choose(userId) {
  state.userId = userId;
  state.selected = null;
  if (!byId("sheet").hidden) sheet.close();
  closePanels();
  history.replaceState(null, "", `#${encodeURIComponent(userId)}`);
  if (!currentUser()) await people.load();
  people.draw();
  await conversation.open();
  conversation.toEnd();
}

function closePanels() {
  byId("app").classList.remove("people-open", "inspector-open");
}

function showState(found) {
  const user = currentUser();
  byId("bar-user").textContent = user ? `以「${found.displayName}」的身分` : "";
  menu.draw();
  menu.drawQuick();
  showFriendship(found);
  byId("words").disabled = found.blocked;
  byId("send").disabled = found.blocked;
  inspector.draw();
}

function showFriendship(found) {
  const button = byId("friendship");
  button.hidden = !found.following;
  button.textContent = "封鎖";
  const strip = byId("strip");
  strip.hidden = found.following;
  const words = found.blocked ? "您已封鎖此帳號，不會收到任何訊息。" : "加入好友，開始收到訊息。";
  const label = found.blocked ? "解除封鎖" : "加入好友";
  const join = () => h("button", { type: "button", class: "solid", id: "join", onclick: () => tell("follow") }, label);
  reconcile(strip, [
    { key: "words", mark: words, make: () => h("span", {}, words) },
    { key: "join", mark: label, make: join },
  ]);
}

async function tell(verb, body) {
  try {
    return await post(`${person(state.userId)}/${verb}`, body);
  } catch (error) {
    toast(error.message);
    return null;
  }
}

function tapped(event) {
  const target = event.target.closest("[data-action]");
  if (!target || !state.userId) return;
  event.preventDefault();
  event.stopPropagation();
  let action;
  try {
    action = JSON.parse(target.dataset.action);
  } catch {
    return;
  }
  if (byId("quick").contains(target)) menu.quickTapped(action);
  perform(action);
}

function setUpTaps() {
  for (const id of ["thread", "quick", "richmenu"]) {
    byId(id).addEventListener("click", tapped);
    byId(id).addEventListener("keydown", (event) => {
      const isKey = event.key === "Enter" || event.key === " ";
      if (isKey && event.target.matches("[data-action]:not(button)")) tapped(event);
    });
  }
}

function setUpComposer() {
  const words = byId("words");
  const grow = () => {
    words.style.height = "auto";
    words.style.height = `${Math.min(words.scrollHeight, 120)}px`;
  };
  words.addEventListener("input", grow);
  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      byId("composer").requestSubmit();
    }
  });
  byId("composer").addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = words.value.trim();
    if (!text || !state.userId) return;
    words.value = "";
    grow();
    if (!(await tell("message", { text }))) words.value = text;
  });
  byId("file").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) await sendPicture(file).catch((error) => toast(error.message));
  });
}

function setUpTray() {
  const tray = byId("tray");
  const toggle = byId("toggle-tray");
  const setTray = (isOpen) => {
    tray.hidden = !isOpen;
    toggle.setAttribute("aria-expanded", String(isOpen));
  };
  toggle.addEventListener("click", () => setTray(tray.hidden));
  const tool = (name, label, work) =>
    h("button", { type: "button", class: "tool", onclick: () => { setTray(false); work(); } }, icon(name), h("span", {}, label));
  const stickers = STICKERS.map((id) => {
    const send = () => {
      setTray(false);
      tell("sticker", { packageId: STICKER_PACKAGE, stickerId: id });
    };
    const face = h("img", { src: `sticker/${id}.svg`, alt: "" });
    return h("button", { type: "button", class: "sticker-pick", "aria-label": `貼圖 ${id}`, onclick: send }, face);
  });
  tray.append(
    h(
      "div",
      { class: "tools" },
      tool("image", "圖片", () => byId("file").click()),
      tool("camera", "測試照片", () => tell("image", {})),
      tool("pin", "位置", () => sendLocation().catch((error) => toast(error.message))),
    ),
    h("div", { class: "stickers" }, ...stickers),
  );
}

function setUpPanels() {
  for (const [id, name] of Object.entries(ICONS)) setIcon(byId(id), name);
  byId("show-people").addEventListener("click", () => byId("app").classList.add("people-open"));
  byId("show-inspector").addEventListener("click", () => byId("app").classList.add("inspector-open"));
  byId("hide-inspector").addEventListener("click", closePanels);
  byId("veil").addEventListener("click", closePanels);
  document.addEventListener("keydown", (event) => event.key === "Escape" && closePanels());
  byId("friendship").addEventListener("click", () => tell("block"));
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme || (dark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });
}

function selectEntry(n) {
  state.selected = n;
  for (const row of document.querySelectorAll("#thread .selected")) row.classList.remove("selected");
  byId("thread").querySelector(`[data-n="${n}"]`)?.classList.add("selected");
  byId("app").classList.add("inspector-open");
  inspector.show("json");
}

function smsArrived({ to, text }) {
  const code = text.match(/(?<!\d)\d{4,8}(?!\d)/)?.[0];
  toast(text, {
    title: `簡訊・${to}`,
    lasting: true,
    button: code ? `複製 ${code}` : null,
    onButton: () => copy(code),
  });
}

function changed({ kind, userId, n }) {
  const isHere = userId && userId === state.userId;
  if (kind === "conversation" || kind === "user") reloadPeople();
  if (isHere && ["conversation", "user", "menu", "loading"].includes(kind)) {
    conversation.refresh({ all: kind === "conversation" && n !== undefined && n <= state.last }).catch(lost);
  } else if (kind === "menu" && !userId) conversation.refresh().catch(lost);
  if (kind === "request") inspector.logChanged();
  if (kind === "webhook") inspector.webhooksChanged();
  if (kind === "sms") inspector.smsChanged();
  if (kind === "reset") startOver().catch(lost);
}

async function startOver() {
  inspector.forget();
  state.last = 0;
  await people.load();
  const known = currentUser() ? state.userId : state.users[0]?.userId;
  if (known) await choose(known);
}

function lost(error) {
  document.body.classList.add("offline");
  if (error) console.warn(error.message);
}

async function online() {
  document.body.classList.remove("offline");
  reloadPeople();
  inspector.logChanged();
  inspector.webhooksChanged();
  inspector.smsChanged();
  if (state.userId) await conversation.refresh({ all: true }).catch(lost);
}

/** `?login=ADDRESS`: an outside browser asks who is logging in (liff.login of the stand-in). */
async function logIn(address) {
  const target = new URL(address, location.href);
  if (!sheet.isOurs(target)) return toast("這個登入網址不屬於本系統。");
  const note = `登入後回到 ${target.host}`;
  const chosen = await people.pick({ title: "LINE 登入（模擬）", note, many: false, submit: "登入" });
  if (!chosen) return null;
  target.searchParams.set("liff.user", chosen[0]);
  location.assign(target.href);
  return null;
}

async function start() {
  setUpPanels();
  setUpComposer();
  setUpTray();
  setUpTaps();
  menu.setUp();
  people.setUp(choose);
  inspector.setUp(smsArrived);
  sheet.setUp({ openUri });
  conversation.setUp({ select: selectEntry, changed: showState });
  state.config = await get("config");
  const { botName, basicId, pictureUrl } = state.config;
  document.title = `${botName}・聊天模擬器`;
  byId("bot-name").textContent = botName;
  byId("bot-line").textContent = [botName, basicId].filter(Boolean).join(" ");
  paintAvatar(byId("bot-avatar"), botName, pictureUrl || null);
  await people.load();
  const wanted = decodeURIComponent(location.hash.slice(1));
  const known = wanted && (await get(person(wanted)).catch(() => null));
  const first = known ? wanted : state.users[0]?.userId;
  if (first) await choose(first);
  else byId("strip").hidden = true;
  listen(changed, online, () => lost());
  window.addEventListener("hashchange", () => {
    const next = decodeURIComponent(location.hash.slice(1));
    if (next && next !== state.userId) choose(next).catch(lost);
  });
  const login = new URLSearchParams(location.search).get("login");
  if (login) await logIn(login);
  document.body.dataset.ready = "yes";
}

start().catch((error) => {
  lost(error);
  toast(`無法載入模擬器：${error.message}`, { lasting: true });
});

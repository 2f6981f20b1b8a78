// The rich menu under the conversation, its tappable areas and its bar; and quick replies.

import { byId, h, isPicture, reconcile } from "./dom.js";
import { state } from "./state.js";

const open = new Map(); // "user menu" -> is it open
const QUICK_LIMIT = 13;
const STAYING = new Set(["camera", "cameraRoll", "location", "datetimepicker"]);

let shownMenu = null;
let keyboard = false;

const key = () => `${state.userId} ${state.conversation?.richMenu?.richMenuId}`;

export function setUp() {
  byId("richmenu-bar").addEventListener("click", () => setOpen(!isOpen()));
  byId("toggle-menu").addEventListener("click", () => {
    keyboard = !keyboard;
    draw();
    if (keyboard) byId("words").focus();
  });
}

export function setOpen(value) {
  open.set(key(), value);
  draw();
}

/** Show the keyboard (text field) or the menu bar; without a menu there is only the keyboard. */
export function setKeyboard(value) {
  keyboard = value;
  draw();
}

function isOpen() {
  return open.get(key()) ?? state.conversation?.richMenu?.selected ?? false;
}

export function draw() {
  const menu = state.conversation?.richMenu;
  const usable = Boolean(menu) && !state.conversation.blocked;
  if (shownMenu !== key()) {
    shownMenu = key();
    keyboard = false;
    if (usable) drawPicture(menu);
  }
  byId("richmenu").hidden = !usable || keyboard;
  byId("toggle-menu").hidden = !usable;
  byId("toggle-menu").setAttribute("aria-pressed", String(usable && !keyboard));
  if (!usable) return;
  byId("richmenu-picture").hidden = !isOpen();
  const bar = byId("richmenu-bar");
  bar.textContent = `${menu.chatBarText || "選單"} ${isOpen() ? "▾" : "▴"}`;
  bar.setAttribute("aria-expanded", String(isOpen()));
}

function drawPicture(menu) {
  const { width, height } = menu.size;
  const box = byId("richmenu-picture");
  box.style.aspectRatio = `${width} / ${height}`;
  const picture = h("img", {
    src: `control/richmenus/${encodeURIComponent(menu.richMenuId)}/image`,
    alt: menu.name || "圖文選單",
  });
  picture.addEventListener("error", () => picture.remove());
  box.replaceChildren(picture, ...menu.areas.map((area, index) => zone(area, index, width, height)));
}

function zone({ bounds, action }, index, width, height) {
  const label = action.label || action.displayText || action.text || `選單區域 ${index + 1}`;
  const node = h("button", { type: "button", class: "zone", "aria-label": label, title: label });
  node.dataset.action = JSON.stringify(action);
  node.style.left = `${(100 * bounds.x) / width}%`;
  node.style.top = `${(100 * bounds.y) / height}%`;
  node.style.width = `${(100 * bounds.width) / width}%`;
  node.style.height = `${(100 * bounds.height) / height}%`;
  return node;
}

export function drawQuick() {
  const row = byId("quick");
  const items = (state.conversation?.quickReply || []).slice(0, QUICK_LIMIT);
  reconcile(row, items.map((item, at) => ({ key: at, mark: JSON.stringify(item), make: () => quickButton(item) })));
  row.hidden = items.length === 0;
}

function quickButton({ action, imageUrl }) {
  const button = h(
    "button",
    { type: "button", class: "quick-item" },
    isPicture(imageUrl) && h("img", { src: imageUrl, alt: "" }),
    h("span", {}, action.label || action.text || "選項"),
  );
  button.dataset.action = JSON.stringify(action);
  return button;
}

/** A tapped quick reply makes the row vanish, except where LINE keeps it. */
export function quickTapped(action) {
  if (STAYING.has(action.type)) return;
  if (state.conversation) state.conversation.quickReply = null;
  drawQuick();
}

// Makes elements. Text always goes in as text; only server-drawn messages ever use innerHTML.

const SVG = "http://www.w3.org/2000/svg";

export function byId(id) {
  return document.getElementById(id);
}

/** h("button", {class: "solid", type: "button", onclick: f}, "文字", child) */
export function h(name, props = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "class") node.className = value;
    else if (key === "data") Object.assign(node.dataset, value);
    else if (key in node && key !== "list" && key !== "form" && typeof value !== "string") node[key] = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", new URL(`icons.svg#${name}`, import.meta.url).href);
  svg.append(use);
  return svg;
}

export function setIcon(button, name) {
  button.replaceChildren(icon(name));
}

/** A round picture or the first letter of a name on a colour that follows from the name. */
export function avatar(name, pictureUrl, extra = "") {
  const safe = isPicture(pictureUrl);
  const node = h("span", { class: `avatar ${extra}`, "aria-hidden": "true" });
  paintAvatar(node, name, safe ? pictureUrl : null);
  return node;
}

export function paintAvatar(node, name, pictureUrl) {
  let sum = 0;
  for (const letter of name || "?") sum = (sum * 31 + letter.codePointAt(0)) % 360;
  node.style.setProperty("--hue", String(sum));
  node.replaceChildren(
    pictureUrl ? h("img", { src: pictureUrl, alt: "" }) : [...(name || "?").trim()][0] || "?",
  );
}

export function isPicture(url) {
  if (typeof url !== "string") return false;
  try {
    const parsed = new URL(url, document.baseURI);
    const local = ["127.0.0.1", "localhost"].includes(parsed.hostname);
    return parsed.protocol === "https:" || parsed.origin === location.origin || local;
  } catch {
    return false;
  }
}

const TIME = new Intl.DateTimeFormat("zh-TW", {
  timeZone: "Asia/Taipei",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const CLOCK = new Intl.DateTimeFormat("zh-TW", {
  timeZone: "Asia/Taipei",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const DAY = new Intl.DateTimeFormat("zh-TW", {
  timeZone: "Asia/Taipei",
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  weekday: "short",
});

export const timeOf = (iso) => (iso ? TIME.format(new Date(iso)) : "");
export const clockOf = (iso) => (iso ? CLOCK.format(new Date(iso)) : "");
export const dayOf = (iso) => (iso ? DAY.format(new Date(iso)) : "");

const shown = new WeakMap(); // node -> {key, mark} of the item it shows
const FOCUSABLE = "button, summary, a[href], [tabindex]";

/**
 * Make the children of `parent` show `items`, each {key, mark, make}. The node of an item whose mark
 * is as before stays: a button under the finger, the focus, an open row, a playing film. Answers the
 * nodes that are new.
 */
export function reconcile(parent, items) {
  const old = new Map([...parent.children].map((node) => [shown.get(node)?.key, node]));
  const fresh = [];
  let focused = null;
  const wanted = items.map(({ key, mark, make }) => {
    const kept = old.get(key);
    if (kept && shown.get(kept).mark === mark) return kept;
    const node = make();
    shown.set(node, { key, mark });
    fresh.push(node);
    if (kept?.contains(document.activeElement)) focused = node;
    return node;
  });
  const staying = new Set(wanted);
  for (const node of [...parent.children]) if (!staying.has(node)) node.remove();
  let at = parent.firstChild;
  for (const node of wanted) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
  if (focused) (focused.matches(FOCUSABLE) ? focused : focused.querySelector(FOCUSABLE))?.focus();
  return fresh;
}

/** Calls `work` once after calls have stopped for `ms`. */
export function later(work, ms) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, ms);
  };
}

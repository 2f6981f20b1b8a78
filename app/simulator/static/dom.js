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

/** Calls `work` once after calls have stopped for `ms`. */
export function later(work, ms) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, ms);
  };
}

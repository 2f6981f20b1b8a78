// The frame around every view: opens a visit with LINE's word for who is looking, then fetches views
// and sends their forms. Views are HTML from our own server; each may have a script in VIEWS.
import { openVisit, send } from "./visit.js";
import card from "./card.js";
import join from "./join.js";
import used from "./used.js";
import centre from "./centre.js";
import invite from "./invite.js";
import { coupon, gift, joined } from "./gift.js";
import invoices from "./invoices.js";

const VIEWS = { card, join, used, centre, invite, coupon, gift, joined, invoices };
const FIRST = "card";
const frame = document.querySelector("#view");
const tabs = document.querySelector("#tabs");
const notice = document.querySelector("#toast");
let leave = null; // stops what the shown view started

export function toast(words) {
  notice.textContent = words;
  notice.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { notice.hidden = true; }, 3500);
}

function viewOf(url) {
  const path = url.pathname.replace(/^\/liff\/?/, "").replace(/\/$/, "");
  return `/liff/view/${path || FIRST}${url.search}`;
}

export async function go(address, { replace = false } = {}) {
  const url = new URL(address, location.href);
  history[replace ? "replaceState" : "pushState"]({}, "", url);
  await load(url);
}

async function load(url) {
  frame.setAttribute("aria-busy", "true");
  const answer = await send(viewOf(url));
  if (answer) await show(answer);
}

/** Put an answer into the frame, or follow it to another view. */
export async function show(answer) {
  const other = answer.headers.get("x-go");
  if (other) {
    if (other.endsWith("?saved")) toast("已儲存");
    await go(other.replace("?saved", ""), { replace: true });
    return;
  }
  if (answer.status >= 500) {
    frame.setAttribute("aria-busy", "false");
    toast("系統忙碌中，請稍後再試一次。");
    return;
  }
  leave?.();
  leave = null;
  frame.innerHTML = await answer.text();
  frame.setAttribute("aria-busy", "false");
  const view = frame.querySelector("[data-view]");
  if (!view) return;
  document.title = view.dataset.title || document.body.dataset.brand;
  light(view.dataset.tab);
  for (const field of view.querySelectorAll("[data-from-query]")) {
    field.value = (new URLSearchParams(location.search).get(field.dataset.fromQuery) || "").slice(0, 50);
  }
  leave = VIEWS[view.dataset.view]?.(view) || null;
  view.querySelector(".problem")?.scrollIntoView({ block: "center" });
  view.querySelector("[autofocus]")?.focus();
  if (!view.querySelector(".problem, [autofocus]")) window.scrollTo(0, 0);
}

function light(tab) {
  tabs.hidden = !tab;
  document.body.classList.toggle("has-tabs", Boolean(tab));
  for (const link of tabs.querySelectorAll("a")) {
    if (link.dataset.tab === tab) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Send a form once: its buttons rest until the answer is there. */
async function post(address, fields, pressed) {
  if (frame.dataset.sending) return;
  frame.dataset.sending = "yes";
  pressed?.classList.add("is-busy");
  try {
    const answer = await send(address, { method: "POST", body: fields });
    if (answer) await show(answer);
  } finally {
    delete frame.dataset.sending;
    pressed?.classList.remove("is-busy");
  }
}

/** Ask before what cannot be undone; the answer is a promise of true or false. */
function sure(words, yes) {
  const dialog = document.createElement("dialog");
  const text = document.createElement("p");
  text.textContent = words;
  const form = document.createElement("form");
  form.method = "dialog";
  for (const [value, label, kind] of [["yes", yes, "button"], ["no", "取消", "button quiet"]]) {
    const button = document.createElement("button");
    Object.assign(button, { value, textContent: label, className: kind });
    form.append(button);
  }
  dialog.append(text, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-post]");
  if (!form) return;
  event.preventDefault();
  const button = event.submitter || form.querySelector("[type=submit]");
  if (form.dataset.confirm && !(await sure(form.dataset.confirm, button.dataset.yes || button.textContent))) return;
  post(form.dataset.post, new URLSearchParams(new FormData(form)), button);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-post]");
  if (button) {
    post(button.dataset.post, new URLSearchParams(), button);
    return;
  }
  const link = event.target.closest("a[href]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const url = new URL(link.href, location.href);
  if (link.dataset.outside !== undefined) {
    event.preventDefault();
    window.liff.openWindow({ url: link.href, external: true });
  } else if (url.origin === location.origin && url.pathname.startsWith("/liff")) {
    event.preventDefault();
    go(url);
  }
});

window.addEventListener("popstate", () => load(new URL(location.href)));

function refuse(words) {
  frame.setAttribute("aria-busy", "false");
  const sheet = document.createElement("section");
  sheet.className = "sheet centred";
  const text = document.createElement("p");
  text.textContent = words;
  const again = document.createElement("button");
  again.className = "button";
  again.textContent = "再試一次";
  again.addEventListener("click", () => location.reload());
  sheet.append(text, again);
  frame.replaceChildren(sheet);
}

try {
  if (await openVisit()) await load(new URL(location.href));
} catch (error) {
  console.error(error);
  refuse(error.words || "暫時無法開啟，請從 LINE 重新開啟這個頁面。");
}

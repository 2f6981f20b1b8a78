// Questions to the person: forms in <dialog>, pictures, and short notices.

import { byId, h, icon } from "./dom.js";

/** Ask with a form; answers an object of values by field name, or null when it was cancelled. */
export function ask({ title, note, fields = [], submit = "確定" }) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-label": title });
    const form = h("form", { method: "dialog", class: "dialog-form" }, h("h2", {}, title));
    if (note) form.append(h("p", { class: "muted" }, note));
    form.append(...fields.map(field));
    const cancel = h("button", { type: "button", class: "ghost", onclick: () => dialog.close("") }, "取消");
    form.append(
      h("div", { class: "dialog-foot" }, cancel, h("button", { class: "solid", value: "ok" }, submit)),
    );
    dialog.append(form);
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "ok" ? values(form) : null);
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

function values(form) {
  const found = {};
  for (const control of form.elements) {
    if (!control.name) continue;
    if (control.type === "checkbox" && control.dataset.many) {
      found[control.name] = found[control.name] || [];
      if (control.checked) found[control.name].push(control.value);
    } else if (control.type === "checkbox") found[control.name] = control.checked;
    else if (control.type !== "radio" || control.checked) found[control.name] = control.value;
  }
  return found;
}

function field({ name, label, type = "text", options, value, checked, many, ...rest }) {
  if (type === "checkbox" || type === "radio") {
    const box = h("input", { type, name, value: value ?? "yes", ...rest });
    box.checked = Boolean(checked);
    if (many) box.dataset.many = "yes";
    return h("label", { class: "check" }, box, h("span", {}, label));
  }
  let control;
  if (type === "select") {
    const choices = options.map(([key, words]) => h("option", { value: key }, words));
    control = h("select", { name, ...rest }, ...choices);
  } else {
    control = h(type === "textarea" ? "textarea" : "input", { name, ...rest });
    if (type !== "textarea") control.type = type;
  }
  if (value !== undefined) control.value = value;
  return h("label", { class: "field" }, h("span", {}, label), control);
}

/** Pick the params of a datetimepicker action; null when cancelled. */
export async function pickDate(action) {
  const types = { date: "date", time: "time", datetime: "datetime-local" };
  const type = types[action.mode];
  if (!type) return null;
  const plain = (text) => (typeof text === "string" ? text.replace(/[t ]/, "T") : undefined);
  const answer = await ask({
    title: action.label || { date: "選擇日期", time: "選擇時間", datetime: "選擇日期與時間" }[action.mode],
    fields: [
      {
        name: "when",
        label: { date: "日期", time: "時間", datetime: "日期與時間" }[action.mode],
        type,
        value: plain(action.initial) || now(action.mode),
        min: plain(action.min),
        max: plain(action.max),
        required: true,
      },
    ],
  });
  return answer?.when ? { [action.mode]: answer.when } : null;
}

function now(mode) {
  const here = new Date(Date.now() + 8 * 3600_000).toISOString(); // Taipei has no daylight saving
  return { date: here.slice(0, 10), time: here.slice(11, 16), datetime: here.slice(0, 16) }[mode];
}

export function viewer(node, label) {
  const dialog = h("dialog", { class: "viewer", "aria-label": label });
  const close = h("button", { type: "button", class: "round", "aria-label": "關閉", onclick: () => dialog.close() });
  close.append(icon("close"));
  dialog.append(close, node);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

/** Show a notice at the top of the phone; `lasting` notices stay until closed or for a while. */
export function toast(words, { title, button, onButton, lasting = false } = {}) {
  const close = h("button", { type: "button", class: "round small", "aria-label": "關閉通知" });
  const box = h(
    "div",
    { class: `toast ${lasting ? "notice" : ""}` },
    h("div", { class: "toast-words" }, title && h("strong", {}, title), h("span", {}, words)),
    button && h("button", { type: "button", class: "ghost", onclick: () => { onButton(); box.remove(); } }, button),
    close,
  );
  close.append(icon("close"));
  close.addEventListener("click", () => box.remove());
  const shelf = byId("toasts");
  shelf.append(box);
  while (shelf.children.length > 3) shelf.firstElementChild.remove();
  setTimeout(() => box.remove(), lasting ? 15_000 : 3_000);
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`已複製：${text.slice(0, 60)}`);
  } catch {
    await ask({ title: "複製文字", fields: [{ name: "text", label: "內容", value: text, readOnly: true }], submit: "關閉" });
  }
}

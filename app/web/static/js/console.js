// Small conveniences of every console page; nothing here is needed to use it.
import { draw } from "./drawings.js";
import { keepFresh } from "./live.js";
import { redrawn } from "./redraw.js";
import "./cells.js";
import "./writing.js";

draw(document);

for (const field of document.querySelectorAll("[data-submit]")) {
  field.addEventListener("change", () => field.form.requestSubmit());
}

addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const wanted = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
  if (!wanted) return;
  event.preventDefault();
  wanted.focus();
});

// Shown only where it can work: browsers hand the clipboard to pages over https alone.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    field.select(); // for the keyboard, where the browser refuses
    const done = await navigator.clipboard.writeText(field.value).then(() => true, () => false);
    if (done) button.textContent = "已複製";
  });
}

for (const form of document.querySelectorAll("[data-redraw]")) redrawn(form);

// Parts that take the server a while come one after another, once the page is there.
async function fill() {
  for (const place of document.querySelectorAll("[data-fill]")) {
    const response = await fetch(place.dataset.fill, { redirect: "manual" }).catch(() => null);
    if (!response?.ok) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    place.replaceChildren(...fresh.body.childNodes);
  }
}
fill();

for (const place of document.querySelectorAll("[data-live]")) {
  keepFresh(place, document.getElementById(place.dataset.liveNote));
}

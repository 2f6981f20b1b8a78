// Small conveniences of every console page; nothing here is needed to use it.
import { keepFresh } from "./live.js";

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

for (const place of document.querySelectorAll("[data-live]")) {
  keepFresh(place, document.getElementById(place.dataset.liveNote));
}

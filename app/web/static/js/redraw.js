// Lets the server draw a form again after each choice: what was chosen decides which fields follow,
// and how many members are meant. Without it, the form's own buttons do the same with a page each.
// A form with `data-live-form` is drawn while somebody types; what is drawn is only looked at.
import { draw as drawMessages } from "./drawings.js";

const PAUSE = 250; // ms without a key

export function redrawn(form) {
  const isLive = "liveForm" in form.dataset;
  let latest = 0;
  let timer = 0;

  async function draw(button) {
    const mine = (latest += 1);
    const place = form.querySelector("[data-drawn]");
    place.setAttribute("aria-busy", "true");
    try {
      const body = new URLSearchParams(new FormData(form, button));
      const response = await fetch(form.dataset.redraw, { method: "POST", body });
      if (!response.ok || response.redirected) throw new Error(String(response.status));
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      if (mine === latest && !("held" in form.dataset)) swap(place, fresh.querySelector("[data-drawn]"));
    } catch {
      if (mine === latest && !isLive) form.requestSubmit(button ?? form.querySelector("button"));
    } finally {
      if (mine === latest) place.removeAttribute("aria-busy");
    }
  }

  if (isLive) {
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(draw, PAUSE, null);
    });
    return;
  }
  form.addEventListener("change", (event) => {
    if (event.target.closest("[data-drawn]") && !("quiet" in event.target.dataset)) draw(null);
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[formaction]:not([formenctype])");
    if (!button) return;
    event.preventDefault();
    draw(button);
  });
}

// What is being typed meanwhile stays as it is, and so does the focus.
function swap(place, fresh) {
  const held = document.activeElement;
  const twin = held?.id ? fresh.querySelector(`#${CSS.escape(held.id)}`) : null;
  if (twin && held.matches("input:not([type=checkbox])")) twin.value = held.value;
  const at = twin && "selectionStart" in held ? held.selectionStart : null;
  place.replaceChildren(...fresh.childNodes);
  drawMessages(place);
  if (!twin) return;
  twin.focus({ preventScroll: true });
  if (at !== null && twin.matches("input:not([type=checkbox])")) twin.setSelectionRange(at, at);
}

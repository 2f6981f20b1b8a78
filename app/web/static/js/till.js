// What every page of the till has: a clock, forms that are sent once, a keypad.
import { sendOnce } from "./once.js";

for (const clock of document.querySelectorAll("[data-clock]")) tick(clock);
dress(document.querySelector("main"));
addEventListener("page:swapped", () => dress(document.querySelector("main")));

function dress(main) {
  for (const form of main.querySelectorAll("form[data-once]")) sendOnce(form);
  for (const pad of main.querySelectorAll("[data-keypad]")) keypad(pad);
  for (const choice of main.querySelectorAll("[data-choice]")) fold(choice);
}

// The server's time, running on; a phone's own clock may be wrong.
function tick(clock) {
  const ahead = Number(clock.dataset.clock) * 1000 - Date.now();
  const show = () => {
    const now = new Date(Date.now() + ahead);
    clock.textContent = now.toLocaleTimeString("zh-TW", {
      hour12: false,
      timeZone: "Asia/Taipei",
    });
  };
  show();
  setInterval(show, 1000);
}

// Big keys instead of the phone's keyboard, which would cover half of the page.
function keypad(pad) {
  const field = document.getElementById(pad.dataset.keypad);
  pad.hidden = false;
  if (matchMedia("(pointer: coarse)").matches) field.inputMode = "none";
  pad.addEventListener("click", (event) => {
    const key = event.target.closest("button")?.dataset.key;
    if (key === undefined) return;
    const typed = field.value.replace(/\D/g, "");
    if (key === "back") field.value = typed.slice(0, -1);
    else field.value = (typed + key).replace(/^0+(?=\d)/, "").slice(0, 8);
  });
}

// A choice folded away shows what was chosen.
function fold(choice) {
  const shown = choice.querySelector("[data-chosen]");
  const nothing = shown.textContent;
  const show = () => {
    const chosen = choice.querySelector("input:checked");
    shown.textContent = chosen?.value
      ? `使用「${chosen.parentElement.querySelector("strong").textContent}」`
      : nothing;
  };
  choice.addEventListener("change", () => {
    show();
    choice.open = false;
  });
  show();
}

// A USB scanner types like a keyboard, wherever the focus is.
addEventListener("keydown", (event) => {
  const wedge = document.querySelector("[data-wedge]");
  if (!wedge || event.target.closest("input, select, textarea, button, a, summary")) return;
  if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) wedge.focus();
});

addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.bar-menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

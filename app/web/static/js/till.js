// What every page of the till has: a clock, forms that are sent once, a keypad.
import { sendOnce } from "./once.js";

for (const clock of document.querySelectorAll("[data-clock]")) tick(clock);
dress(document.querySelector("main"));
addEventListener("page:swapped", () => dress(document.querySelector("main")));

function dress(main) {
  for (const form of main.querySelectorAll("form[data-once]")) sendOnce(form);
  for (const pad of main.querySelectorAll("[data-keypad]")) keypad(pad);
  for (const choice of main.querySelectorAll("[data-choice]")) fold(choice);
  for (const field of main.querySelectorAll("[data-points]")) payWithPoints(field);
}

// Without network this page would be gone: a worker keeps one that can take sales meanwhile. What it
// kept is sent from whatever page of the till is open.
if ("serviceWorker" in navigator && "indexedDB" in window) sendWhatWaits();

// Loaded after the rest: keys and buttons must not wait for it.
async function sendWhatWaits() {
  navigator.serviceWorker.register("/clerk/worker.js", { scope: "/clerk" }).catch(() => {});
  const queue = await import("./queue.js");
  queue.onChange(() => showWaiting(queue));
  const isChoosing = location.pathname === "/clerk/store"; // nothing is sent before there is a store
  if (!isChoosing) queue.keepSending();
}

async function showWaiting(queue) {
  const note = document.querySelector("[data-waiting]");
  const all = await queue.sales();
  const refused = all.filter((sale) => sale.refused).length;
  note.hidden = all.length === 0;
  note.querySelector("[data-waiting-say]").textContent = refused
    ? `離線登錄：等待送出 ${all.length - refused} 筆，未成功 ${refused} 筆，請店長處理`
    : `離線登錄：等待送出 ${all.length} 筆`;
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

// A choice folded away shows what was chosen, and asks about the goods of what is chosen only.
function fold(choice) {
  const shown = choice.querySelector("[data-chosen]");
  const nothing = shown.textContent;
  const show = () => {
    const names = [];
    for (const box of choice.querySelectorAll("input[type=checkbox]")) {
      const goods = box.closest(".coupon-choice").querySelector(".coupon-goods");
      if (goods) goods.hidden = !box.checked;
      if (box.checked) names.push(`「${box.parentElement.querySelector("strong").textContent}」`);
    }
    shown.textContent = names.length ? `使用${names.join("、")}` : nothing;
  };
  choice.addEventListener("change", show);
  show();
}

// How many points may pay, as the amount is typed. The server decides again, after the coupon.
function payWithPoints(field) {
  const { balance, step, pays, minimum, percent } = Object.fromEntries(
    Object.entries(field.dataset).map(([name, value]) => [name, Number(value)]),
  );
  const amount = document.getElementById("amount");
  const points = field.querySelector("input");
  const button = field.querySelector("[data-points-most]");
  const say = field.querySelector("[data-points-say]");
  const most = () => {
    const room = Math.floor((Number(amount.value.replace(/\D/g, "")) * percent) / 100 / pays);
    const found = Math.min(Math.floor(balance / step), room) * step;
    return found >= minimum ? found : 0;
  };
  const show = () => {
    if (!amount.value) return;
    const found = most();
    say.textContent = `這筆最多可用 ${found.toLocaleString("en")} 點，折 NT$${((found / step) * pays).toLocaleString("en")}。`;
  };
  button.hidden = false;
  button.addEventListener("click", () => { points.value = most() || ""; show(); });
  amount.addEventListener("input", show);
  document.querySelector("[data-keypad]")?.addEventListener("click", () => setTimeout(show));
  show();
}

// A USB scanner types like a keyboard, faster than any hand, and ends with Enter: the next member
// comes up wherever the focus is.
const FASTER_THAN_A_HAND = 80; // ms between two keys
const SHORTEST_CODE = 8;
let scanned = "";
let lastKey = 0;
addEventListener("keydown", (event) => {
  const form = document.querySelector("[data-scanned]");
  if (!form || event.target.closest("input, select, textarea")) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.timeStamp - lastKey > FASTER_THAN_A_HAND) scanned = "";
  lastKey = event.timeStamp;
  if (event.key.length === 1) scanned += event.key;
  if (event.key !== "Enter" || scanned.length < SHORTEST_CODE) return;
  event.preventDefault();
  form.elements.code.value = scanned;
  form.requestSubmit();
});

// Slower keys are a hand: they go into the one field that a page is about.
addEventListener("keydown", (event) => {
  const field = document.querySelector("[data-typing]");
  if (!field || event.target.closest("input, select, textarea, button, a, summary")) return;
  if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) field.focus();
});

addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.bar-menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

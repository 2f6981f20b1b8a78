// The page of the till while the network is lost: type who and how much; the list of what waits.
import * as queue from "./queue.js";

const form = document.querySelector("[data-offline]");
const say = document.querySelector("[data-offline-say]");
const list = document.querySelector("[data-offline-list]");
const count = document.querySelector("[data-offline-count]");
const state = document.querySelector("[data-offline-state]");
const place = document.querySelector("[data-offline-store]");
const back = document.querySelector("[data-offline-back]");
const line = document.querySelector("template[data-offline-line]");
const unsure = document.querySelector("[data-offline-unsure]");
const UNSURE = "till-unsure"; // as in once.js
const money = (amount) => `NT$${amount.toLocaleString("en")}`;

let isKeeping = false;

if (location.hash.length > 1) form.elements.code.value = decodeURIComponent(location.hash.slice(1));
if (location.search === "?unsure") sessionStorage.setItem(UNSURE, "yes");
history.replaceState(null, "", location.pathname);
unsure.hidden = !sessionStorage.getItem(UNSURE);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (isKeeping) return; // pressed twice: the form is not empty yet
  isKeeping = true;
  try {
    const wrong = await keep();
    if (wrong) tell(wrong, "bad");
  } finally {
    isKeeping = false;
  }
});
queue.onChange(async ({ detail }) => {
  const sent = detail.sent ? `已經送出 ${detail.sent} 筆。` : "";
  if (sent || detail.trouble) tell(sent + (detail.trouble ?? ""), detail.trouble ? "warn" : "good");
  if ("sent" in detail || detail.trouble || detail.isLost) connected(!detail.isLost);
  await draw();
});
addEventListener("offline", () => connected(false));
connected(navigator.onLine);
draw();
queue.keepSending();

function connected(isOn) {
  state.textContent = isOn ? "網路已恢復" : "離線中";
  state.className = isOn ? "chip good" : "chip warn";
  back.hidden = !isOn;
}

// Returns what is wrong, or nothing when it was kept.
async function keep() {
  const known = await queue.settings();
  if (!known) return "這台裝置還沒有登入過門市，離線時不能登錄。請等網路恢復後登入一次。";
  const code = form.elements.code.value.normalize("NFKC").trim().toUpperCase();
  const amount = Number(form.elements.amount.value.normalize("NFKC").replace(/[,\s]|NT\$|元/g, ""));
  if (!isCode(code)) return "請掃描會員卡，或輸入會員編號、手機號碼（09 開頭共 10 碼）。";
  if (!Number.isInteger(amount) || amount < 1) return "金額請輸入整數，例如 790。";
  const { limits } = known;
  if (amount > limits.sale) return `離線時一筆最多 ${money(limits.sale)}。請等網路恢復後再登錄。`;
  const waiting = await queue.sales();
  const sum = waiting.reduce((total, sale) => total + sale.amount, amount);
  if (waiting.length >= limits.sales) return `這台裝置最多保留 ${limits.sales} 筆，請等網路恢復送出後再登錄。`;
  if (sum > limits.amount) return `這台裝置最多保留 ${money(limits.amount)}，請等網路恢復送出後再登錄。`;
  const at = new Date(Date.now() + known.ahead).toISOString();
  const { id: store_id, name: store_name } = known.store;
  const sale = { id: crypto.randomUUID(), code, amount, at, store_id, typed_by: known.login, refused: "" };
  await queue.add({ ...sale, store_name });
  form.reset();
  sessionStorage.removeItem(UNSURE);
  unsure.hidden = true;
  form.elements.code.focus();
  tell(`已保留 ${money(amount)}，網路恢復後自動送出。`, "good");
  queue.send();
  return "";
}

function isCode(code) {
  const digits = code.replace(/[\s-]/g, "");
  return /^RG1\.[0-9A-Z]{10,60}$/.test(code) || /^(09\d{8}|\+?8869\d{8}|\d{8,13})$/.test(digits);
}

function tell(words, how) {
  say.textContent = words;
  say.className = `notice ${how}`;
  say.hidden = false;
}

// A phone is shown without its middle; of a card only that it was one.
function who(code) {
  if (code.startsWith("RG1.")) return "會員卡（掃描）";
  return code.length > 7 ? `${code.slice(0, 4)}…${code.slice(-3)}` : code;
}

async function draw() {
  const [all, known] = await Promise.all([queue.sales(), queue.settings()]);
  place.textContent = known?.store.name ?? "還沒有選擇門市";
  const waiting = all.filter((sale) => !sale.refused).length;
  const refused = all.length - waiting;
  count.textContent = refused ? `等待送出 ${waiting} 筆・未成功 ${refused} 筆` : `等待送出 ${waiting} 筆`;
  list.replaceChildren(...all.map(item));
}

function item(sale) {
  const shown = line.content.firstElementChild.cloneNode(true);
  const put = (name, words) => { shown.querySelector(`[data-${name}]`).textContent = words; };
  put("who", who(sale.code));
  put("amount", money(sale.amount));
  const at = new Date(sale.at).toLocaleString("zh-TW", {
    timeZone: "Asia/Taipei", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hour12: false,
  });
  put("when", `${at}・${sale.store_name}`);
  put("state", sale.refused ? `未成功：${sale.refused}` : "等待送出");
  shown.querySelector("[data-state]").className = sale.refused ? "chip bad" : "chip warn";
  const remove = shown.querySelector("[data-remove]");
  const retry = shown.querySelector("[data-retry]");
  const approval = shown.querySelector("form");
  retry.hidden = !sale.refused;
  retry.addEventListener("click", () => queue.again(sale));
  remove.addEventListener("click", () => {
    if (sale.refused) approval.hidden = !approval.hidden;
    else if (confirm(`確定要移除 ${who(sale.code)} ${money(sale.amount)} 嗎？`)) queue.forget(sale.id);
  });
  if (sale.refused) remove.textContent = "店長處理";
  approval.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { login, password } = approval.elements;
    const why = await queue.dismiss(sale, login.value, password.value).catch(() => "網路還沒恢復，請稍後再試。");
    if (why) tell(why, "bad");
    else tell("店長已處理，這筆不會再送出。", "good");
  });
  return shown;
}

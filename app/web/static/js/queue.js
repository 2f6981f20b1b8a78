// Sales that were typed while the network was lost: kept in this browser, over a reload and a closed
// tab, and sent when there is a network again. Each carries an id made here; the server takes it
// once, however often it is sent.
const EVERY = 20_000; // ms between two tries
const PATIENCE = 15_000; // ms for one answer: half a network must not hold up the next try
const changed = new EventTarget();
const tabs = new BroadcastChannel("regulars-till"); // of several tabs one sends, all show it
let opening;

export function onChange(listen) {
  changed.addEventListener("change", listen);
}

function database() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("regulars-till", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("sales", { keyPath: "id" });
      request.result.createObjectStore("known");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

async function run(store, mode, work) {
  const transaction = (await database()).transaction(store, mode);
  const request = work(transaction.objectStore(store));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

// What this device was told when it last had a network: store, limits, how far its clock is off.
export const settings = () => run("known", "readonly", (store) => store.get("settings"));

export async function sales() {
  const all = await run("sales", "readonly", (store) => store.getAll());
  return all.sort((one, other) => one.at.localeCompare(other.at));
}

export async function add(sale) {
  await run("sales", "readwrite", (store) => store.add(sale));
  tell();
}

export async function forget(id) {
  await run("sales", "readwrite", (store) => store.delete(id));
  tell();
}

export async function again(sale) {
  await run("sales", "readwrite", (store) => store.put({ ...sale, refused: "" }));
  tell();
  await send();
}

function tell(facts = {}) {
  changed.dispatchEvent(new CustomEvent("change", { detail: facts }));
  tabs.postMessage(facts);
}

tabs.addEventListener("message", ({ data }) => {
  changed.dispatchEvent(new CustomEvent("change", { detail: data }));
});

async function refresh() {
  const response = await fetch("/clerk/offline/settings", {
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (!response.ok) return { trouble: await sentence(response) };
  const told = await response.json();
  const { token, now, ...kept } = told;
  await run("known", "readwrite", (store) =>
    store.put({ ...kept, ahead: Math.round(now * 1000 - Date.now()) }, "settings"));
  return { token, store: kept.store };
}

async function sentence(response) {
  if (response.status === 401) return "請重新登入，登入後會自動送出。";
  try {
    return (await response.json()).error ?? "目前送不出去，稍後會再試。";
  } catch {
    return "目前送不出去，稍後會再試。";
  }
}

// Sends what waits, one after the other; of several tabs one does. Returns what came of it.
export async function send() {
  const work = async () => {
    try {
      return await sendAll();
    } catch {
      return { isLost: true };
    }
  };
  const outcome = navigator.locks
    ? await navigator.locks.request("regulars-till", { ifAvailable: true }, (lock) => (lock ? work() : {}))
    : await work();
  if (Object.keys(outcome).length) tell(outcome);
  return outcome;
}

async function sendAll() {
  const { token, store, trouble } = await refresh();
  if (trouble) return { trouble };
  const waiting = (await sales()).filter((one) => !one.refused);
  const elsewhere = waiting.filter((one) => one.store_id !== store.id); // they hold up nobody
  let sent = 0;
  for (const sale of waiting.filter((one) => one.store_id === store.id)) {
    const { refused, store_name, ...body } = sale;
    const response = await post("/clerk/offline/sales", token, body);
    if (response.ok) {
      await response.json();
      await run("sales", "readwrite", (store) => store.delete(sale.id));
      sent += 1;
      continue;
    }
    const answer = await response.json().catch(() => ({}));
    const isRefused = answer.is_refused || response.status === 422;
    if (!isRefused) return { sent, trouble: answer.error ?? "目前送不出去，稍後會再試。" };
    const reason = answer.error ?? "內容不正確。";
    await run("sales", "readwrite", (store) => store.put({ ...sale, refused: reason }));
  }
  return elsewhere.length ? { sent, trouble: ofOtherStore(elsewhere) } : { sent };
}

function ofOtherStore(waiting) {
  const names = [...new Set(waiting.map((sale) => `「${sale.store_name}」`))].join("、");
  return `有 ${waiting.length} 筆是在${names}輸入的，請換回那家門市再送出。`;
}

// A manager looked at a refused sale. Returns why not, or nothing.
export async function dismiss(sale, login, password) {
  const { token, trouble } = await refresh();
  if (trouble) return trouble;
  const { id, amount, at, refused } = sale;
  const body = { id, amount, at, reason: refused, login, password };
  const response = await post("/clerk/offline/dismissals", token, body);
  if (!response.ok) return sentence(response);
  await forget(id);
  return "";
}

function post(url, token, body) {
  return fetch(url, {
    method: "POST",
    signal: AbortSignal.timeout(PATIENCE),
    headers: {
      accept: "application/json",
      "content-type": "application/json",
      "x-form-token": token,
    },
    body: JSON.stringify(body),
  });
}

// Tries at once, when the browser says the network is back, and now and then while something waits.
export function keepSending() {
  send();
  addEventListener("online", () => send());
  setInterval(async () => {
    if ((await sales()).some((sale) => !sale.refused)) send();
  }, EVERY);
}

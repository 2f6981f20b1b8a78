// Keeps a part of a page fresh: asks the server every few seconds for the same markup and swaps the
// pieces that changed, so that nothing under the pointer or the focus moves.
const EVERY = 5000; // ms
const LONGEST = 60000; // ms, while the server does not answer

export function keepFresh(place, note) {
  let wait = EVERY;
  let timer = 0;

  async function refresh() {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const response = await fetch(place.dataset.live, {
        headers: { "x-background": "1" },
        redirect: "manual",
      });
      if (response.type === "opaqueredirect") {
        say(note, "登入已經過期，請重新整理頁面再登入。", true);
        return;
      }
      if (!response.ok) throw new Error(String(response.status));
      swap(place, await response.text());
      wait = EVERY;
      say(note, `${clock()} 更新，每 ${EVERY / 1000} 秒自動更新`, false);
    } catch {
      wait = Math.min(wait * 2, LONGEST);
      say(note, "連線中斷，數字可能不是最新的。", true);
    }
    timer = setTimeout(refresh, wait);
  }

  document.addEventListener("visibilitychange", refresh);
  timer = setTimeout(refresh, EVERY);
}

function swap(place, markup) {
  const fresh = new DOMParser().parseFromString(markup, "text/html");
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const shown = place.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (!shown || shown.innerHTML === part.innerHTML) continue;
    shown.replaceChildren(...part.childNodes);
    shown.parentElement.className = part.parentElement.className;
  }
}

function say(note, text, isStale) {
  if (!note) return;
  note.textContent = text;
  note.classList.toggle("stale", isStale);
}

function clock() {
  return new Date().toLocaleTimeString("zh-TW", { hour12: false, timeZone: "Asia/Taipei" });
}

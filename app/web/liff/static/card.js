// The code on the card: a new one every minute while somebody looks, the screen kept awake.
import { send } from "./visit.js";

const EARLY = 3; // seconds before its end a code is replaced, so that a scan in hand still counts
const RETRY = 5;

export default function card(view) {
  const drawings = view.querySelectorAll("[data-qr]");
  const words = view.querySelectorAll("[data-left]");
  const bar = view.querySelector("[data-bar]");
  const large = view.querySelector("[data-large]");
  let ends = 0;
  let lives = 60;
  let isAsking = false;
  let lock = null;

  const tell = (text) => words.forEach((word) => { word.textContent = text; });

  async function renew() {
    if (isAsking) return;
    isAsking = true;
    const answer = await send("/liff/card/code", { method: "POST" });
    isAsking = false;
    if (!answer || !answer.ok) {
      ends = performance.now() + RETRY * 1000;
      if (!drawings[0].firstChild) tell("暫時無法產生會員碼，請出示下方條碼。");
      return;
    }
    const { drawing, seconds } = await answer.json();
    drawings.forEach((place) => { place.innerHTML = drawing; });
    lives = seconds - EARLY;
    ends = performance.now() + lives * 1000;
    tick();
  }

  function tick() {
    if (document.hidden) return;
    const left = Math.ceil((ends - performance.now()) / 1000);
    if (left <= 0) {
      renew();
      return;
    }
    if (drawings[0].firstChild) tell(`${left} 秒後自動更新`);
    bar.style.width = `${Math.max(0, Math.min(100, (left / lives) * 100))}%`;
  }

  async function stayAwake() {
    if (document.hidden || !navigator.wakeLock) return;
    try {
      lock = await navigator.wakeLock.request("screen");
    } catch {
      lock = null; // refused when the battery is low; the code is shown all the same
    }
  }

  function seen() {
    if (document.hidden) return;
    stayAwake();
    tick();
  }

  const enlarge = () => { large.hidden = false; };
  const shrink = () => { large.hidden = true; };
  view.querySelector("[data-enlarge]").addEventListener("click", enlarge);
  large.addEventListener("click", shrink);
  document.addEventListener("visibilitychange", seen);
  const timer = setInterval(tick, 500);
  renew();
  stayAwake();

  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", seen);
    lock?.release();
  };
}

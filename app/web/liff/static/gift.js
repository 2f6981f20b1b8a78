// A coupon for a friend: the card goes by LINE's own picker; who was chosen, LINE tells nobody.
import { send } from "./visit.js";
import { go, toast } from "./app.js";

const OLD_IS_DEAD = "之前傳的連結已經失效，請再傳一次，或收回禮物。";
const WAITING = "gift-to-take"; // a friend who must join first comes back to it

export function coupon(view) {
  const button = view.querySelector("[data-share]");
  if (!button) return;
  button.addEventListener("click", async () => {
    if (!window.liff.isApiAvailable("shareTargetPicker")) {
      toast("請在 LINE 中開啟這個頁面，才能傳給朋友。");
      return;
    }
    button.classList.add("is-busy");
    try {
      await share(button.dataset.share, button.dataset.coupon);
    } catch (error) {
      console.warn(error);
      toast("沒有傳送成功，請再試一次。");
    } finally {
      button.classList.remove("is-busy");
    }
  });
}

async function share(address, number) {
  const answer = await send(address, { method: "POST" });
  if (!answer) return;
  const { messages, error, is_new: isNew } = await answer.json();
  if (!messages) {
    toast(error);
    return;
  }
  let words = "已傳給朋友，等朋友收下。";
  try {
    const result = await window.liff.shareTargetPicker(messages, { isMultiple: false });
    if (!result && isNew) { // the picker was closed: nothing went out, so the coupon comes back
      await send(`${address}/back`, { method: "POST" });
      words = "";
    } else if (!result) words = `沒有傳出去。${OLD_IS_DEAD}`;
  } catch (error) {
    console.warn(error);
    words = isNew ? "沒有傳送成功，請再試一次。" : `沒有傳送成功。${OLD_IS_DEAD}`;
  }
  await go(`/liff/coupons/${number}`, { replace: true });
  if (words) toast(words);
}

export function gift(view) {
  const join = view.querySelector("[data-join]");
  join?.addEventListener("click", () => {
    sessionStorage.setItem(WAITING, location.pathname);
  });
}

export function joined(view) {
  const path = sessionStorage.getItem(WAITING);
  const link = view.querySelector("[data-gift]");
  if (!path || !link) return;
  sessionStorage.removeItem(WAITING);
  link.href = path;
  link.hidden = false;
}

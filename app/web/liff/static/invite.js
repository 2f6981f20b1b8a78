// A card for one friend, sent by LINE's own picker: who was chosen, LINE tells nobody.
import { send } from "./visit.js";
import { go, toast } from "./app.js";

export default function invite(view) {
  const button = view.querySelector("[data-share]");
  if (!button) return;
  button.addEventListener("click", async () => {
    if (!window.liff.isApiAvailable("shareTargetPicker")) {
      toast("請在 LINE 中開啟，或複製邀請碼傳給好友。");
      return;
    }
    button.classList.add("is-busy");
    try {
      await share(button.dataset.share);
    } catch (error) {
      console.warn(error);
      toast("沒有傳送成功，請再試一次。");
    } finally {
      button.classList.remove("is-busy");
    }
  });

  const copy = view.querySelector("[data-copy]");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(copy.dataset.copy);
      toast("已複製邀請碼。");
    } catch {
      toast("無法複製，請長按邀請碼。");
    }
  });
}

async function share(address) {
  const answer = await send(address, { method: "POST" });
  if (!answer) return;
  const { messages, error } = await answer.json();
  if (!messages) {
    toast(error);
    return;
  }
  const result = await window.liff.shareTargetPicker(messages, { isMultiple: false });
  if (!result) return; // the picker was closed
  await go("/liff/invite", { replace: true });
  toast("已送出邀請。");
}

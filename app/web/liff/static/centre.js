// Everything held about the member, as a file; where a phone cannot keep files, on the clipboard.
import { send } from "./visit.js";
import { toast } from "./app.js";

export default function centre(view) {
  const button = view.querySelector("[data-download]");
  button.addEventListener("click", async () => {
    button.disabled = true;
    const answer = await send(button.dataset.download);
    button.disabled = false;
    if (!answer || !answer.ok) {
      toast("暫時無法下載，請稍後再試一次。");
      return;
    }
    const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") || "");
    const text = JSON.stringify(await answer.json(), null, 2);
    save(new Blob([text], { type: "application/json" }), name ? name[1] : "my-data.json");
    try {
      await navigator.clipboard.writeText(text);
      toast("已下載，內容也已複製。");
    } catch {
      toast("已下載您的資料。");
    }
  });
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

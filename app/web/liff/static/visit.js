// Who is looking: the LIFF SDK's id token is shown to our server, which asks LINE. The form token that
// comes back goes with every request; another account's page in the same browser has another one.
const ONCE = "liff-logged-in-again";
let formToken = "";
let idToken = "";

class Unable extends Error {
  constructor(words) {
    super(words);
    this.words = words;
  }
}

async function sdk() {
  for (let tries = 0; tries < 100 && !window.liff; tries += 1) {
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  if (!window.liff) throw new Unable("無法載入 LINE 元件，請確認網路後再試一次。");
  return window.liff;
}

/** False when the browser is on its way to LINE's log-in. */
export async function openVisit() {
  const liffId = document.body.dataset.liffId;
  if (!liffId) throw new Unable("這個頁面還沒有設定 LIFF，請在 LINE 聊天室中操作。");
  const liff = await sdk();
  await liff.init({ liffId });
  if (!liff.isLoggedIn()) {
    liff.login({ redirectUri: location.href });
    return false;
  }
  idToken = liff.getIDToken();
  if (!idToken) throw new Unable("LINE 沒有提供身分資料，請確認 LIFF 已開啟 openid 權限。");
  return ask(liff);
}

async function ask(liff) {
  const answer = await fetch("/liff/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ id_token: idToken }),
  });
  if (answer.ok) {
    formToken = (await answer.json()).form_token;
    sessionStorage.removeItem(ONCE);
    return true;
  }
  // LINE's id token lives an hour; the SDK keeps an old one until one logs in again.
  if (answer.status === 401 && !sessionStorage.getItem(ONCE)) {
    sessionStorage.setItem(ONCE, "yes");
    liff.logout();
    liff.login({ redirectUri: location.href });
    return false;
  }
  throw new Unable("無法確認您的 LINE 身分，請從 LINE 重新開啟這個頁面。");
}

/** fetch with the form token; opens the visit again when it has ended or is another account's. */
export async function send(address, init = {}) {
  const once = () => fetch(address, { ...init, headers: { ...init.headers, "X-Form-Token": formToken } });
  try {
    const answer = await once();
    if (answer.status !== 401) return answer;
    return (await ask(window.liff)) ? await once() : null;
  } catch (error) {
    if (error instanceof Unable) throw error;
    document.querySelector("#view").setAttribute("aria-busy", "false");
    const notice = document.querySelector("#toast");
    notice.textContent = "連線不穩定，請檢查網路後再試一次。";
    notice.hidden = false;
    setTimeout(() => { notice.hidden = true; }, 3500);
    return null;
  }
}

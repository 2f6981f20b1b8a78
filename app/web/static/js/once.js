// Sends a form once, however often it is pressed, and again when the network failed on the way.
// That is safe because the form carries its own id: the server takes the same form only once.
const TRIES = 5;
const UNSURE = "till-unsure"; // the page without network reads it: it may have been recorded

export function sendOnce(form) {
  let isSending = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isSending) return;
    isSending = true;
    const body = new URLSearchParams(new FormData(form, event.submitter));
    const buttons = form.querySelectorAll("button");
    for (const button of buttons) button.disabled = true;
    try {
      await show(await post(form, body));
    } catch {
      say(form, "網路連不上，這筆還沒有確認。請確認網路後再按一次，不會重複登錄。", true);
    } finally {
      isSending = false;
      for (const button of buttons) button.disabled = false;
    }
  });
}

async function post(form, body) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(form.action, { method: "POST", body });
      if (response.status < 500) {
        sessionStorage.removeItem(UNSURE);
        return response;
      }
      throw new Error(String(response.status));
    } catch (error) {
      if (isRecord(form)) sessionStorage.setItem(UNSURE, "yes");
      if (attempt === TRIES) throw error;
      say(form, `網路不穩，正在重試（${attempt}）…`, false);
      await new Promise((resolve) => setTimeout(resolve, 400 * 2 ** attempt));
    }
  }
}

// A code that is sent to a phone or typed records nothing.
function isRecord(form) {
  return !/\/code(\/check)?$/.test(new URL(form.action).pathname);
}

// A redirect is followed in the address bar; a refusal replaces the page's content.
async function show(response) {
  if (response.redirected) {
    location.assign(response.url);
    await new Promise(() => {}); // the page is leaving: keep the buttons as they are
  }
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const main = fresh.querySelector("main");
  document.querySelector("main").replaceWith(main);
  dispatchEvent(new CustomEvent("page:swapped"));
  main.querySelector("[role=alert]")?.scrollIntoView({ block: "center" });
}

function say(form, text, isBad) {
  let place = form.querySelector("[data-sending]");
  if (!place) {
    place = document.createElement("p");
    place.dataset.sending = "";
    place.setAttribute("role", "alert");
    form.append(place);
  }
  place.className = isBad ? "notice bad" : "notice warn";
  place.textContent = text;
}

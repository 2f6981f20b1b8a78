// Does what the LINE app does when something is tapped.

import { person, post, postBytes } from "./api.js";
import { ask, copy, pickDate, toast, viewer } from "./dialogs.js";
import { byId, h } from "./dom.js";
import * as menu from "./menu.js";
import * as sheet from "./sheet.js";
import { currentUser, state } from "./state.js";

const PLACES = {
  "台北 101": { address: "台北市信義區信義路五段7號", latitude: 25.03396, longitude: 121.56447 },
  台中車站: { address: "台中市中區台灣大道一段1號", latitude: 24.13716, longitude: 120.68687 },
  高雄駁二: { address: "高雄市鹽埕區大勇路1號", latitude: 22.61966, longitude: 120.28147 },
};

export async function perform(action) {
  try {
    await act(action);
  } catch (error) {
    toast(error.message);
  }
}

async function act(action) {
  switch (action.type) {
    case "uri":
      return openUri(action.uri || action.linkUri || "");
    case "clipboard":
      return copy(action.clipboardText || "");
    case "image":
      return viewer(h("img", { src: action.url, alt: "放大的圖片" }), "圖片");
    case "video":
      return play(action);
    case "location":
      return sendLocation();
    case "camera":
    case "cameraRoll":
      return byId("file").click();
    case "datetimepicker": {
      const params = await pickDate(action);
      return params && send(action, params);
    }
    default:
      return send(action);
  }
}

async function send(action, params) {
  const body = params ? { action, params } : { action };
  const todo = await post(`${person(state.userId)}/action`, body);
  if (todo.open) await openUri(todo.open);
  if (todo.copy) await copy(todo.copy);
  if (todo.inputOption === "closeRichMenu") menu.setOpen(false);
  if (todo.inputOption === "openRichMenu") {
    menu.setKeyboard(false);
    menu.setOpen(true);
  }
  if (todo.inputOption === "openKeyboard") {
    menu.setKeyboard(true);
    byId("words").value = todo.fillIn || "";
    byId("words").focus();
  }
  if (todo.inputOption === "openVoice") toast("（語音輸入畫面）");
}

function play(action) {
  const film = h("video", { src: action.url, controls: true, autoplay: true });
  if (action.trackingId) {
    const event = { type: "videoPlayComplete", videoPlayComplete: { trackingId: action.trackingId } };
    film.addEventListener("ended", () => post(`${person(state.userId)}/event`, { event }).catch(() => {}));
  }
  viewer(film, "影片");
}

export async function sendLocation() {
  const names = Object.keys(PLACES);
  const answer = await ask({
    title: "傳送位置",
    fields: [{ name: "place", label: "地點", type: "select", options: names.map((n) => [n, n]) }],
    submit: "傳送",
  });
  if (answer) await post(`${person(state.userId)}/location`, { title: answer.place, ...PLACES[answer.place] });
}

export async function sendPicture(file) {
  await postBytes(`${person(state.userId)}/image`, await file.arrayBuffer(), file.type);
}

/** Open an address as the LINE app would: LIFF and our own pages in the sheet, others outside. */
export async function openUri(uri) {
  let url;
  try {
    url = new URL(uri);
  } catch {
    return toast(`無法開啟的連結：${uri.slice(0, 80)}`);
  }
  if (["tel:", "mailto:", "sms:"].includes(url.protocol)) return toast(`（撥號或寄信）${uri}`);
  if (["liff.line.me", "miniapp.line.me"].includes(url.hostname)) return openLiff(url);
  if (["line.me", "line.naver.jp"].includes(url.hostname) || url.protocol === "line:") return openLine(url);
  if (!["https:", "http:"].includes(url.protocol)) return toast(`無法開啟的連結：${uri.slice(0, 80)}`);
  const outside = url.searchParams.get("openExternalBrowser") === "1";
  if (!outside && sheet.isOurs(url)) return sheet.open(url, { liffId: null });
  window.open(url.href, "_blank", "noopener");
}

function openLiff(url) {
  const [liffId, ...rest] = url.pathname.slice(1).split("/");
  const { liffEndpoint } = state.config;
  if (!liffEndpoint) return toast("尚未設定 LIFF 網址（liffEndpoint）。");
  if (state.config.liffId && liffId !== state.config.liffId) toast(`未知的 LIFF ID：${liffId}`);
  const target = new URL(liffEndpoint, location.href);
  if (rest.length && rest.join("/")) target.pathname = `${target.pathname.replace(/\/$/, "")}/${rest.join("/")}`;
  for (const [name, value] of url.searchParams) target.searchParams.append(name, value);
  target.hash = url.hash;
  sheet.open(target, { liffId });
}

async function openLine(url) {
  const path = decodeURIComponent(url.pathname);
  const said = /^\/R\/(?:oaMessage|msg)\//.test(path);
  if (said) {
    menu.setKeyboard(true);
    byId("words").value = decodeURIComponent(url.search.slice(1));
    return byId("words").focus();
  }
  if (path.startsWith("/R/ti/p/") && !currentUser()?.following) {
    return post(`${person(state.userId)}/follow`);
  }
  return toast(`（LINE 畫面）${url.href.slice(0, 120)}`);
}

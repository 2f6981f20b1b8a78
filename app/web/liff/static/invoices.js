// The two QR codes of an invoice, in any order: by LINE's own scanner where there is one, else by the
// camera of this page, read by the browser where it can and by the server where it cannot.
import { send } from "./visit.js";
import { show } from "./app.js";

const FRAME_WIDTH = 1280; // px; the codes of a slip are small and dense
const PAUSE = 200; // ms between two looks
const LEFT = /^\s*[A-Za-z]{2}[0-9]{8}/;
const SHORTEST_LEFT = 70;

export default function invoices(view) {
  const place = view.querySelector("[data-scan]");
  if (!place) return undefined;
  const state = { left: "", right: "", isOver: false, isSending: false, stream: null };
  const line = place.querySelector("[data-say]");
  const only = place.querySelector("[data-only]");
  const start = place.querySelector("[data-start]");

  const say = (words) => { line.textContent = words; };
  const finish = async () => {
    if (state.isSending) return;
    state.isSending = true;
    state.isOver = true;
    stop(state);
    const body = new URLSearchParams([state.left, state.right].filter(Boolean).map((code) => ["qr", code]));
    try {
      const answer = await send("/liff/invoices", { method: "POST", body });
      if (answer) await show(answer);
    } finally {
      state.isSending = false; // without network it may be pressed again
    }
  };
  const take = (code) => {
    if (state.isOver) return;
    const isLeft = LEFT.test(code) && code.trim().length >= SHORTEST_LEFT;
    if (isLeft && code.trim().slice(0, 10) !== state.left.trim().slice(0, 10)) state.left = code;
    else if (code.trim().startsWith("**")) state.right = code;
    else if (!isLeft) {
      say("這不是發票的 QR Code，請對準發票下方的兩個 QR Code。");
      return;
    }
    only.hidden = !state.left;
    if (state.left && state.right) {
      navigator.vibrate?.(60);
      say("兩個都讀到了，正在登錄…");
      finish();
    } else say(state.left ? "讀到左邊的，請再對準右邊的 QR Code。" : "讀到右邊的，請再對準左邊的 QR Code。");
  };

  only.addEventListener("click", finish);
  start.addEventListener("click", async () => {
    start.disabled = true;
    try {
      if (isLineScanner()) await byLine(state, take);
      else await byCamera(place, state, take);
    } catch (error) {
      console.warn(error);
      say(reasonOf(error));
    } finally {
      start.disabled = false;
    }
  });
  return () => {
    state.isOver = true;
    stop(state);
  };
}

function isLineScanner() {
  return window.liff.isInClient() && window.liff.isApiAvailable("scanCodeV2");
}

/** LINE's scanner closes after each code, so it is opened once for each. */
async function byLine(state, take) {
  for (let tries = 0; tries < 2 && !state.isOver; tries += 1) {
    const result = await window.liff.scanCodeV2();
    if (!result?.value) return; // closed by hand
    take(result.value);
  }
}

async function byCamera(place, state, take) {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("no camera", "NotFoundError");
  const video = place.querySelector("video");
  state.stream = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } },
  });
  video.srcObject = state.stream;
  video.hidden = false;
  await video.play();
  place.querySelector("[data-start]").hidden = true;
  look(video, state, take, await detector());
}

async function detector() {
  if (!("BarcodeDetector" in window)) return null;
  try {
    const known = await BarcodeDetector.getSupportedFormats();
    return known.includes("qr_code") ? new BarcodeDetector({ formats: ["qr_code"] }) : null;
  } catch {
    return null;
  }
}

async function look(video, state, take, reader) {
  const canvas = document.createElement("canvas");
  while (!state.isOver) {
    await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
    if (document.hidden || video.readyState < 2) continue;
    try {
      const codes = reader ? (await reader.detect(video)).map((found) => found.rawValue) : await byServer(video, canvas);
      for (const code of codes) if (code) take(code);
    } catch (error) {
      console.warn(error); // the network; the next look tries again
    }
  }
}

async function byServer(video, canvas) {
  const scale = Math.min(1, FRAME_WIDTH / video.videoWidth);
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  const frame = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.7); });
  if (!frame) return [];
  const answer = await send("/liff/invoices/frame", { method: "POST", body: frame, headers: { "content-type": "image/jpeg" } });
  return answer?.ok ? (await answer.json()).codes : [];
}

function stop(state) {
  state.stream?.getTracks().forEach((track) => track.stop());
  state.stream = null;
}

function reasonOf(error) {
  if (error.name === "NotAllowedError") return "沒有相機權限。請允許相機，或把發票拍照傳到聊天室。";
  if (error.name === "NotFoundError") return "這台裝置沒有相機，請輸入條碼號碼，或把發票拍照傳到聊天室。";
  return "相機打不開。請再試一次，或把發票拍照傳到聊天室。";
}

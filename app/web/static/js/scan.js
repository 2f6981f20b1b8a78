// Reads a card with the phone's camera: by the browser where it can, else frame by frame on the
// server.
const FRAME_WIDTH = 960; // px; enough for a QR that fills a quarter of the picture
const PAUSE = 150; // ms between two looks
const PAUSE_AFTER_REFUSAL = 2500; // ms, so that the sentence can be read
const FORMATS = ["qr_code", "code_128"];

const scanner = document.querySelector("[data-scanner]");
if (scanner && navigator.mediaDevices?.getUserMedia) setUp(scanner);

async function setUp(place) {
  const video = place.querySelector("video");
  const start = place.querySelector("[data-start]");
  place.hidden = false;
  const begin = async () => {
    start.hidden = true;
    try {
      await open(place, video);
    } catch (error) {
      start.hidden = false;
      say(place, reasonOf(error), true);
      return;
    }
    look(place, video, await detector());
  };
  start.addEventListener("click", begin);
  if (await isAllowed()) begin();
}

async function isAllowed() {
  try {
    return (await navigator.permissions.query({ name: "camera" })).state === "granted";
  } catch {
    return false;
  }
}

async function open(place, video) {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } },
  });
  video.srcObject = stream;
  await video.play();
  place.classList.add("live");
  offerLight(place, stream.getVideoTracks()[0]);
  addEventListener("pagehide", () => stream.getTracks().forEach((track) => track.stop()));
}

function offerLight(place, track) {
  if (!track.getCapabilities?.().torch) return;
  const button = place.querySelector("[data-light]");
  let isOn = false;
  button.hidden = false;
  button.addEventListener("click", () => {
    isOn = !isOn;
    track.applyConstraints({ advanced: [{ torch: isOn }] });
  });
}

// null: this browser cannot read codes; the server does.
async function detector() {
  if (!("BarcodeDetector" in window)) return null;
  try {
    const known = await BarcodeDetector.getSupportedFormats();
    if (!known.includes("qr_code")) return null;
    return new BarcodeDetector({ formats: FORMATS.filter((format) => known.includes(format)) });
  } catch {
    return null;
  }
}

async function look(place, video, reader) {
  const canvas = document.createElement("canvas");
  for (;;) {
    await pause(PAUSE);
    if (document.hidden || video.readyState < 2) continue;
    try {
      const answer = await (reader ? byBrowser(place, video, reader) : byServer(place, video, canvas));
      if (answer?.url) {
        navigator.vibrate?.(60);
        say(place, "讀到了", false);
        location.assign(answer.url);
        return;
      }
      if (answer?.error) {
        say(place, answer.error, true);
        await pause(PAUSE_AFTER_REFUSAL);
      }
    } catch {
      say(place, "網路不穩，正在重試…", true);
      await pause(PAUSE_AFTER_REFUSAL);
    }
  }
}

async function byBrowser(place, video, reader) {
  const [found] = await reader.detect(video);
  if (!found?.rawValue) return null;
  const body = JSON.stringify({ code: found.rawValue });
  return send(place, body, "application/json");
}

async function byServer(place, video, canvas) {
  const scale = Math.min(1, FRAME_WIDTH / video.videoWidth);
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  const frame = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.72));
  return frame ? send(place, frame, "image/jpeg") : null;
}

async function send(place, body, type) {
  const response = await fetch("/clerk/scan", {
    method: "POST",
    headers: {
      accept: "application/json",
      "content-type": type,
      "x-form-token": place.dataset.token,
    },
    body,
  });
  if (response.status >= 500) throw new Error(String(response.status));
  return response.json();
}

function reasonOf(error) {
  if (error.name === "NotAllowedError") {
    return "沒有相機權限。請在瀏覽器設定允許相機，或在下方輸入號碼。";
  }
  if (error.name === "NotFoundError") return "這台裝置沒有相機，請在下方輸入號碼或使用掃描器。";
  return "相機打不開，可能被其他程式使用中。請再試一次，或在下方輸入號碼。";
}

function say(place, text, isBad) {
  const line = place.querySelector("[data-say]");
  line.textContent = text;
  line.classList.toggle("bad", isBad);
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

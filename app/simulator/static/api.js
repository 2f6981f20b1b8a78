// Talks to the simulator's control API; addresses are relative to the page.

export class Refused extends Error {}

async function call(method, path, body, type) {
  const init = { method };
  if (body !== undefined) {
    init.body = type ? body : JSON.stringify(body);
    init.headers = { "Content-Type": type || "application/json" };
  }
  const answer = await fetch(path, init);
  const text = await answer.text();
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    value = null;
  }
  if (!answer.ok) throw new Refused(value?.error || `模擬器回應 ${answer.status}`);
  return value;
}

export const get = (path) => call("GET", `control/${path}`);
export const post = (path, body = {}) => call("POST", `control/${path}`, body);
export const postBytes = (path, bytes, type) => call("POST", `control/${path}`, bytes, type);
export const draw = (message) => call("POST", "preview", message);
export const person = (userId) => `users/${encodeURIComponent(userId)}`;

/** Listens for changes; `onOpen` also runs after every reconnection, when changes were missed. */
export function listen(onChange, onOpen, onLost) {
  const source = new EventSource("control/events");
  source.onopen = () => onOpen();
  source.onerror = () => onLost();
  source.onmessage = (event) => {
    try {
      onChange(JSON.parse(event.data));
    } catch (error) {
      console.error(error);
    }
  };
}

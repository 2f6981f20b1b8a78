// Puts messages that the server drew into the page, as LINE would show them.
import { finish, place } from "../flex.js";

export function draw(root) {
  for (const frame of root.querySelectorAll("[data-drawing]")) {
    place(frame, JSON.parse(frame.dataset.drawing));
    finish(frame, () => document.createElement("i"));
  }
}

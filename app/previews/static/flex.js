// Puts server-drawn messages into a page: their rules into one adopted stylesheet (which a strict
// Content-Security-Policy allows), their words into the space they have.

const sheet = new CSSStyleSheet();
const known = new Set();
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

const SMALLEST = 8; // pixels

export function adopt(rules) {
  for (const rule of rules || []) {
    if (known.has(rule)) continue;
    known.add(rule);
    sheet.insertRule(rule, sheet.cssRules.length);
  }
}

/** Fill `target` with a drawn message {html, css}; `onReady` runs when late pictures moved things. */
export function place(target, drawn, onReady) {
  adopt(drawn.css);
  const template = document.createElement("template");
  template.innerHTML = drawn.html;
  target.replaceChildren(template.content);
  for (const picture of target.querySelectorAll("img")) {
    picture.addEventListener("load", () => onReady?.());
    picture.addEventListener("error", () => markBroken(picture));
  }
}

/** Shrink texts that ask for it (adjustMode) and give carousels arrows; needs the layout. */
export function finish(target, arrow) {
  for (const words of target.querySelectorAll("[data-fit]")) shrink(words);
  for (const row of target.querySelectorAll(".fx-carousel")) addArrows(row, arrow);
}

function shrink(words) {
  let size = parseFloat(getComputedStyle(words).fontSize);
  while (words.scrollWidth > words.clientWidth + 1 && size > SMALLEST) {
    size -= 1;
    words.style.fontSize = `${size}px`;
  }
}

function markBroken(picture) {
  const note = document.createElement("span");
  note.className = "fx-noimage";
  note.textContent = "圖片無法載入";
  picture.replaceWith(note);
}

function addArrows(row, arrow) {
  if (row.scrollWidth <= row.clientWidth + 4 || row.dataset.arrows) return;
  row.dataset.arrows = "yes";
  const holder = document.createElement("div");
  holder.className = "carousel-holder";
  row.replaceWith(holder);
  const back = arrow("left", "上一張", () => row.scrollBy({ left: -step(row), behavior: "smooth" }));
  const next = arrow("right", "下一張", () => row.scrollBy({ left: step(row), behavior: "smooth" }));
  const show = () => {
    back.hidden = row.scrollLeft < 8;
    next.hidden = row.scrollLeft > row.scrollWidth - row.clientWidth - 8;
  };
  row.addEventListener("scroll", show, { passive: true });
  holder.append(row, back, next);
  show();
}

const step = (row) => (row.firstElementChild?.clientWidth || 260) + 9;

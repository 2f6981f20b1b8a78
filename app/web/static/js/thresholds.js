// The designer of thresholds: counts anew from the steps of the page whenever one is moved.
// The same counting is `app/tiers/rules/cuts.py`; a browser test holds the two against each other.
const form = document.querySelector("[data-thresholds]");
const all = JSON.parse(form.dataset.thresholds);
const ladder = all.tiers.map((tier, place) => ({ ...tier, at: place ? tier.threshold : 0 }));
const movable = ladder.filter((tier) => tier.moves);
const fields = new Map();
for (const tier of movable) {
  fields.set(tier.code, {
    amount: form.querySelector(`[data-threshold="${CSS.escape(tier.code)}"]`),
    share: form.querySelector(`[data-share="${CSS.escape(tier.code)}"]`),
    handle: form.querySelector(`[data-handle="${CSS.escape(tier.code)}"]`),
  });
  tier.at = whole(fields.get(tier.code).amount.value) ?? tier.threshold;
}
const total = all.buckets.reduce((sum, [, , members]) => sum + members, 0);
const number = (value) => value.toLocaleString("en-US");
const money = (value) => `NT$${number(value)}`;

function whole(text) {
  const digits = text.replace(/[,\s]/g, "");
  return /^\d{1,9}$/.test(digits) ? Number(digits) : null;
}

// Counting ----------------------------------------------------------------------------------------

function cut() {
  const steps = [...ladder].sort((one, other) => one.at - other.at);
  const found = new Map(ladder.map((tier) => [tier.code, { members: 0, spend: 0, near: 0, before: 0 }]));
  const moves = all.held.map(() => ladder.map(() => 0));
  let rises = 0;
  let falls = 0;
  for (const [held, step, members, spend] of all.buckets) {
    const amount = step * all.step;
    const reached = steps.findLast((tier) => amount >= tier.at);
    const here = found.get(reached.code);
    here.members += members;
    here.spend += spend;
    found.get(ladder.findLast((tier) => amount >= tier.threshold).code).before += members;
    moves[held][ladder.indexOf(reached)] += members;
    if (reached.rank > held) rises += members;
    if (reached.rank < held) falls += members;
    for (const tier of ladder.slice(1)) {
      if (tier.at * 4 <= amount * 5 && amount < tier.at) found.get(tier.code).near += members;
    }
  }
  return { found, moves, rises, falls };
}

function cost(tier, { spend, members, before }) {
  const steps = Math.floor((Math.floor(spend / all.unit) * all.rate * tier.percent) / 100);
  return [even(steps * all.value), Math.max(0, members - before) * tier.gift];
}

// As Python rounds: a half goes to the even neighbour.
function even(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

function thresholdFor(share) {
  let above = 0;
  let best = 0;
  const bySteps = new Map();
  for (const [, step, members] of all.buckets) bySteps.set(step, (bySteps.get(step) ?? 0) + members);
  for (const step of [...bySteps.keys()].sort((one, other) => other - one)) {
    above += bySteps.get(step);
    if (above * 100 > share * total) {
      best = (step + 1) * all.step;
      break;
    }
  }
  return Math.min(Math.max(all.snap, Math.ceil(best / all.snap) * all.snap), all.highest);
}

// Showing -----------------------------------------------------------------------------------------

const place = (value) => all.side + (all.width - 2 * all.side) * Math.sqrt(Math.min(value, all.top) / all.top);

function show(typing) {
  const { found, moves, rises, falls } = cut();
  let sum = 0;
  const out = (name, text) => {
    const spot = form.querySelector(`[data-out="${CSS.escape(name)}"]`);
    if (spot) spot.textContent = text;
  };
  for (const tier of ladder) {
    const here = found.get(tier.code);
    const [points, gift] = cost(tier, here);
    sum += points + gift;
    out(`members-${tier.code}`, number(here.members));
    out(`points-${tier.code}`, money(points));
    out(`gift-${tier.code}`, money(gift));
    if (tier !== ladder[0]) out(`near-${tier.code}`, number(here.near));
  }
  out("rises", number(rises));
  out("falls", number(falls));
  out("cost", money(sum));
  moves.forEach((row, held) => row.forEach((count, to) => out(`move-${held}-${to}`, number(count))));
  for (const tier of movable) showHandle(tier, found, typing);
}

function showHandle(tier, found, typing) {
  const { amount, share, handle } = fields.get(tier.code);
  const reached = ladder.reduce(
    (sum, other) => (other.at >= tier.at ? sum + found.get(other.code).members : sum), 0,
  );
  const percent = total ? ((reached * 100) / total).toFixed(1) : "0.0";
  if (typing !== amount) amount.value = tier.at;
  if (typing !== share) share.value = percent;
  handle.setAttribute("transform", `translate(${place(tier.at).toFixed(1)} 0)`);
  handle.setAttribute("aria-valuenow", tier.at);
  handle.setAttribute("aria-valuetext", `${money(tier.at)}，前 ${percent}% 的會員`);
}

// Moving ------------------------------------------------------------------------------------------

// A threshold stays between its neighbours.
function move(tier, wanted, typing) {
  const at = ladder.indexOf(tier);
  const low = ladder[at - 1].at + all.step;
  const high = at + 1 < ladder.length ? ladder[at + 1].at - all.step : all.highest;
  tier.at = typing ? wanted : Math.min(Math.max(wanted, low), Math.max(low, high));
  show(typing);
}

function drag(tier, handle) {
  const picture = handle.ownerSVGElement;
  handle.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const point = new DOMPoint(event.clientX, event.clientY);
    const { x } = point.matrixTransform(picture.getScreenCTM().inverse());
    const share = Math.min(Math.max((x - all.side) / (all.width - 2 * all.side), 0), 1);
    move(tier, Math.round((share * share * all.top) / all.snap) * all.snap, null);
  });
}

const KEYS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };

function press(tier, handle) {
  handle.addEventListener("keydown", (event) => {
    const by = KEYS[event.key];
    if (by) move(tier, tier.at + by * all.snap, null);
    else if (event.key === "Home") move(tier, 0, null);
    else if (event.key === "End") move(tier, all.highest, null);
    else return;
    event.preventDefault();
  });
}

for (const tier of movable) {
  const { amount, share, handle } = fields.get(tier.code);
  handle.setAttribute("role", "slider");
  handle.setAttribute("tabindex", "0");
  handle.setAttribute("aria-label", `${handle.dataset.name}的門檻`);
  handle.setAttribute("aria-valuemin", all.step);
  handle.setAttribute("aria-valuemax", all.highest);
  drag(tier, handle);
  press(tier, handle);
  amount.addEventListener("input", () => {
    const value = whole(amount.value);
    if (value) move(tier, value, amount);
  });
  share.addEventListener("input", () => {
    const value = Number(share.value.replace("%", ""));
    if (share.value.trim() && value >= 0 && value <= 100) move(tier, thresholdFor(value), share);
  });
}
for (const button of form.querySelectorAll("[data-plain]")) button.hidden = true;
const reset = form.querySelector("[data-reset]");
reset.hidden = false;
reset.addEventListener("click", () => {
  for (const tier of movable) tier.at = tier.threshold;
  show(null);
});
show(null);

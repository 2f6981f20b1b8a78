// The list of simulated users: search, create, choose.

import { get, post } from "./api.js";
import { ask, toast } from "./dialogs.js";
import { avatar, byId, h, reconcile, timeOf } from "./dom.js";
import { state } from "./state.js";

const PAGE = 60;
const LANGUAGES = [
  ["zh-TW", "繁體中文"],
  ["en", "English"],
  ["ja", "日本語"],
];

let shown = PAGE;
let choose = () => {};

export function setUp(onChoose) {
  choose = onChoose;
  byId("search").addEventListener("input", () => {
    shown = PAGE;
    load().catch((error) => toast(error.message));
  });
  byId("new-user").addEventListener("click", create);
  byId("more-users").addEventListener("click", () => {
    shown += PAGE;
    load();
  });
}

export async function load() {
  const query = byId("search").value.trim();
  const answer = await get(`users?q=${encodeURIComponent(query)}&limit=${shown}&offset=0`);
  state.users = answer.users;
  state.total = answer.total;
  // The chosen person stays known even when the search does not find them.
  if (state.userId && !state.users.some((user) => user.userId === state.userId)) {
    const one = await get(`users/${encodeURIComponent(state.userId)}`).catch(() => null);
    if (one) state.users.push({ ...one, isHidden: true });
  }
  draw();
}

export function draw() {
  const listed = state.users.filter((user) => !user.isHidden);
  const empty = { key: "empty", make: () => h("li", { class: "empty" }, "還沒有使用者，請先新增一位。") };
  const lines = listed.map((user) => ({
    key: user.userId,
    mark: `${user.userId === state.userId} ${JSON.stringify(user)}`,
    make: () => row(user),
  }));
  reconcile(byId("people-list"), lines.length ? lines : [empty]);
  byId("more-users").hidden = listed.length >= state.total;
}

function row(user) {
  const status = user.deleted ? "帳號已刪除" : user.blocked ? "已封鎖" : user.following ? "好友" : "尚未加入";
  const kind = user.blocked || user.deleted ? "off" : user.following ? "on" : "";
  return h(
    "li",
    {},
    h(
      "button",
      {
        type: "button",
        class: `person ${user.userId === state.userId ? "current" : ""}`,
        "aria-current": user.userId === state.userId ? "true" : null,
        data: { user: user.userId },
        onclick: () => choose(user.userId),
      },
      avatar(user.displayName, user.pictureUrl),
      h(
        "span",
        { class: "person-words" },
        h(
          "span",
          { class: "person-top" },
          h("strong", {}, user.displayName),
          h("span", { class: "muted" }, timeOf(user.lastAt)),
        ),
        h(
          "span",
          { class: "person-top" },
          h("span", { class: "muted one-line" }, user.lastMessage || user.statusMessage || status),
          user.unread
            ? h("span", { class: "badge" }, String(Math.min(user.unread, 99)))
            : h("span", { class: `dot ${kind}`, title: status }),
        ),
      ),
    ),
  );
}

export async function create() {
  const answer = await ask({
    title: "新增模擬使用者",
    fields: [
      { name: "displayName", label: "顯示名稱", value: "", required: true, maxLength: 20, placeholder: "例如：小美" },
      { name: "language", label: "語言", type: "select", options: LANGUAGES },
      { name: "follow", label: "同時加入好友", type: "checkbox", checked: true },
    ],
    submit: "新增",
  });
  if (!answer) return;
  try {
    const user = await post("users", {
      displayName: answer.displayName.trim() || "新朋友",
      language: answer.language,
    });
    await load();
    await choose(user.userId);
    if (answer.follow) await post(`users/${encodeURIComponent(user.userId)}/follow`);
  } catch (error) {
    toast(error.message);
  }
}

/** Let the person at the screen pick users; answers a list of user ids or null. */
export async function pick({ title, note, many, submit }) {
  const { users } = await get("users?limit=100&offset=0");
  if (!users.length) {
    toast("目前沒有可選的使用者。");
    return null;
  }
  const answer = await ask({
    title,
    note,
    submit,
    fields: users
      .filter((user) => !many || user.userId !== state.userId)
      .map((user, index) => ({
        name: "users",
        type: many ? "checkbox" : "radio",
        many,
        value: user.userId,
        label: user.displayName,
        checked: !many && index === 0,
      })),
  });
  if (!answer?.users) return null;
  return Array.isArray(answer.users) ? answer.users : [answer.users];
}

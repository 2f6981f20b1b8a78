// Stand-in for LINE's LIFF SDK v2 inside the simulator: the same global, names, promises and errors
// (https://developers.line.biz/en/reference/liff/). In the chat page's sheet it asks the page that
// frames it; in a tab of its own it is an "external browser" whose user comes from `?liff.user=`,
// from this tab's session, or from liff.login().
(() => {
  "use strict";

  const script = document.currentScript;
  const base = new URL(".", script ? script.src : location.href).href;
  const home = new URL(base).origin;
  const SDK_VERSION = "2.29.2";
  const LINE_VERSION = "15.19.0";
  const HELLO_TIMEOUT = 2000; // ms; a frame around us that is not the chat page never answers
  const MESSAGES_LIMIT = 5;
  const BEFORE_INIT = "liff.init() has not been called or has not finished. Call it first.";
  const LOGIN_FIRST = "Need access_token for api call, Please login first";
  const APIS = ["shareTargetPicker", "multipleLiffTransition", "subwindowOpen", "scanCodeV2", "scanCode"];

  class LiffError extends Error {
    constructor(code, message) {
      super(message);
      this.name = "LiffError";
      this.code = code;
    }
  }

  const me = {
    isReady: false,
    liffId: null,
    isInClient: false,
    endpoint: null,
    scope: [],
    user: null,
    tokens: null,
  };

  // --- the chat page around us ----------------------------------------------------------------

  const waiting = new Map();
  let calls = 0;

  window.addEventListener("message", (event) => {
    if (event.source !== window.parent || event.origin !== home) return;
    const { liff: kind, id, value, error } = event.data || {};
    if (kind !== "answer" || !waiting.has(id)) return;
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error) reject(new LiffError(error.code, error.message));
    else resolve(value);
  });

  function ask(name, args, timeout) {
    return new Promise((resolve, reject) => {
      const id = `${name}-${(calls += 1)}`;
      waiting.set(id, { resolve, reject });
      window.parent.postMessage({ liff: "call", id, name, args: args || {} }, home);
      if (timeout) setTimeout(() => waiting.delete(id) && resolve(null), timeout);
    });
  }

  async function control(path, body) {
    const init = body && {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json" },
    };
    const answer = await fetch(`${base}control/${path}`, init || {});
    if (!answer.ok) throw new LiffError("UNAUTHORIZED", `simulator answered ${answer.status}`);
    return answer.json();
  }

  // --- initialisation ---------------------------------------------------------------------------

  const sessionKey = () => `liff-simulator:${me.liffId}`;

  function remembered() {
    const url = new URL(location.href);
    const given = url.searchParams.get("liff.user");
    try {
      if (given) {
        sessionStorage.setItem(sessionKey(), given);
        url.searchParams.delete("liff.user");
        history.replaceState(history.state, "", url.href);
      }
      return given || sessionStorage.getItem(sessionKey());
    } catch {
      return given; // storage is closed to sandboxed frames
    }
  }

  function redirectToState() {
    const url = new URL(location.href);
    const state = url.searchParams.get("liff.state");
    if (!state) return false;
    const root = url.pathname.replace(/\/$/, "");
    const target = new URL(state.startsWith("/") ? root + state : url.pathname + state, url.origin);
    if (target.origin !== url.origin) return false;
    location.replace(target.href);
    return true;
  }

  async function init(config, onSuccess, onError) {
    try {
      await start(config);
      if (onSuccess) onSuccess();
    } catch (error) {
      const shown = error instanceof LiffError ? error : new LiffError("INIT_FAILED", error.message);
      if (onError) onError(shown);
      throw shown;
    }
  }

  async function start(config) {
    if (!config || typeof config.liffId !== "string" || !config.liffId) {
      throw new LiffError("INVALID_CONFIG", "liffId is necessary for liff.init()");
    }
    me.liffId = config.liffId;
    if (redirectToState()) await new Promise(() => {}); // the page is being left
    const hello = window.parent === window ? null : await ask("hello", {}, HELLO_TIMEOUT);
    if (hello && hello.isLiff) await startInClient(hello);
    else await startOutside(hello, config.withLoginOnExternalBrowser === true);
    me.isReady = true;
    api.id = me.liffId;
    isReadyNow();
  }

  async function startInClient(hello) {
    if (hello.liffId && hello.liffId !== me.liffId) {
      throw new LiffError("INVALID_ARGUMENT", `liffId ${me.liffId} is not the one that was opened`);
    }
    me.isInClient = true;
    me.endpoint = hello.endpoint;
    me.scope = hello.scope;
    me.user = hello.user;
    me.tokens = await ask("token", {});
  }

  async function startOutside(hello, mustLogin) {
    const userId = remembered();
    if (userId) {
      me.scope = ["openid", "profile"];
      me.user = await control(`users/${encodeURIComponent(userId)}`);
      me.tokens = await control("liff/token", { userId, scope: me.scope.join(" ") });
    } else if (mustLogin) {
      login();
      await new Promise(() => {});
    }
    me.endpoint = (hello && hello.endpoint) || null;
  }

  let isReadyNow;
  const ready = new Promise((resolve) => {
    isReadyNow = resolve;
  });

  function needReady() {
    if (!me.isReady) throw new LiffError("INIT_FAILED", BEFORE_INIT);
  }

  function needLogin() {
    needReady();
    if (!me.tokens) throw new LiffError("UNAUTHORIZED", LOGIN_FIRST);
  }

  function needClient(what) {
    if (!me.isInClient) throw new LiffError("FORBIDDEN", `${what} is available only in the LIFF browser`);
  }

  function needScope(name) {
    if (!me.scope.includes(name)) {
      throw new LiffError("FORBIDDEN", `${name} is not granted: user has not agreed to this scope`);
    }
  }

  // --- login, tokens, people --------------------------------------------------------------------

  function login(config) {
    if (me.isInClient) return;
    const target = (config && config.redirectUri) || location.href;
    location.assign(`${base}?login=${encodeURIComponent(target)}`);
  }

  function logout() {
    needReady();
    me.tokens = null;
    me.user = null;
    try {
      sessionStorage.removeItem(sessionKey());
    } catch {
      // nothing was kept
    }
  }

  function decoded(token) {
    if (!token) return null;
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  }

  async function getProfile() {
    needLogin();
    needScope("profile");
    const { userId } = me.user;
    me.user = me.isInClient ? await ask("profile") : await control(`users/${encodeURIComponent(userId)}`);
    const profile = { userId, displayName: me.user.displayName };
    if (me.user.pictureUrl) profile.pictureUrl = me.user.pictureUrl;
    if (me.user.statusMessage) profile.statusMessage = me.user.statusMessage;
    return profile;
  }

  async function getFriendship() {
    await getProfile();
    return { friendFlag: Boolean(me.user.following && !me.user.blocked) };
  }

  async function requestFriendship() {
    needLogin();
    if (me.isInClient) await ask("follow");
    else await control(`users/${encodeURIComponent(me.user.userId)}/follow`, {});
  }

  // --- windows and messages -----------------------------------------------------------------------

  function closeWindow() {
    if (me.isInClient) ask("close");
    else window.close();
  }

  function openWindow(params) {
    needReady();
    if (!params || typeof params.url !== "string" || !params.url) {
      throw new LiffError("INVALID_ARGUMENT", "params.url must be a non-empty string");
    }
    const url = new URL(params.url, location.href).href;
    if (me.isInClient) ask("openWindow", { url, external: params.external === true });
    else window.open(url, "_blank", "noopener");
  }

  function checked(messages) {
    if (!Array.isArray(messages) || messages.length < 1 || messages.length > MESSAGES_LIMIT) {
      throw new LiffError("INVALID_ARGUMENT", `messages must be an array of 1 to ${MESSAGES_LIMIT}`);
    }
    return messages;
  }

  async function sendMessages(messages) {
    needLogin();
    needClient("liff.sendMessages()");
    needScope("chat_message.write");
    await ask("sendMessages", { messages: checked(messages) });
  }

  async function shareTargetPicker(messages, options) {
    needLogin();
    checked(messages);
    if (!me.isInClient) throw new LiffError("FORBIDDEN", "shareTargetPicker needs the chat page here");
    const isMultiple = !options || options.isMultiple !== false;
    const result = await ask("share", { messages, isMultiple });
    return result || undefined;
  }

  async function scanCodeV2() {
    needReady();
    if (me.isInClient) return ask("scan");
    const value = window.prompt("掃描條碼：請貼上條碼內容");
    if (value === null) throw new LiffError("USER_CANCELLED", "The user cancelled scanning");
    return { value };
  }

  function isApiAvailable(name) {
    if (typeof name !== "string" || !name) {
      throw new LiffError("INVALID_ARGUMENT", "apiName must be a non-empty string");
    }
    needReady();
    if (name === "scanCodeV2") return true;
    return APIS.includes(name) && me.isInClient && Boolean(me.tokens);
  }

  function permanentUrl(address) {
    needReady();
    const url = new URL(address, location.href);
    const root = new URL(me.endpoint || location.origin, location.href);
    const path = root.pathname.replace(/\/$/, "");
    if (url.origin !== root.origin || !url.pathname.startsWith(path)) {
      throw new LiffError("INVALID_ARGUMENT", "url must start with the endpoint URL of the LIFF app");
    }
    for (const name of [...url.searchParams.keys()]) {
      if (name.startsWith("liff.")) url.searchParams.delete(name);
    }
    return `https://liff.line.me/${me.liffId}${url.pathname.slice(path.length)}${url.search}${url.hash}`;
  }

  function getContext() {
    needReady();
    if (!me.tokens) return null;
    const context = { type: me.isInClient ? "utou" : "external", liffId: me.liffId };
    if (me.user) context.userId = me.user.userId;
    return {
      ...context,
      viewType: "full",
      endpointUrl: me.endpoint || location.origin + location.pathname,
      scope: me.scope,
      permanentLinkPattern: "concat",
      availability: { scanCodeV2: { permission: true, minVer: "11.7.0" }, shareTargetPicker: { permission: true, minVer: "10.3.0" } },
    };
  }

  const language = () => (me.user && me.user.language) || navigator.language || "zh-TW";

  const api = {
    id: null,
    ready,
    init,
    use: () => api,
    getOS: () => (me.isInClient ? "android" : "web"),
    getLanguage: () => language(),
    getAppLanguage: () => language(),
    getVersion: () => SDK_VERSION,
    getLineVersion: () => (me.isInClient ? LINE_VERSION : null),
    isInClient: () => me.isInClient,
    isSubWindow: () => false,
    isLoggedIn() {
      needReady();
      return Boolean(me.tokens);
    },
    isApiAvailable,
    login,
    logout,
    getIDToken() {
      needReady();
      return me.tokens ? me.tokens.id_token : null;
    },
    getDecodedIDToken() {
      needReady();
      return me.tokens ? decoded(me.tokens.id_token) : null;
    },
    getAccessToken() {
      needReady();
      return me.tokens ? me.tokens.access_token : null;
    },
    getContext,
    getProfile,
    getFriendship,
    requestFriendship,
    closeWindow,
    openWindow,
    sendMessages,
    shareTargetPicker,
    scanCodeV2,
    permission: {
      async getGrantedAll() {
        needReady();
        return [...me.scope];
      },
      async query(name) {
        needReady();
        return { state: me.scope.includes(name) ? "granted" : "unavailable" };
      },
      async requestAll() {
        needReady();
      },
    },
    permanentLink: {
      createUrlBy: async (address) => permanentUrl(address),
      createUrl: () => permanentUrl(location.href),
    },
    i18n: { setLang: async () => {} },
    LiffError,
  };

  window.liff = api;
})();

// Lets the till open without network: keeps one page that holds nothing of anybody, and what it
// loads. Every other page comes from the network or not at all.
const CACHE = `clerk-${VERSION}`;
const PAGE = KEPT[0];
const DOWN = new Set([502, 503, 504]); // a proxy whose server is away is no network, too

addEventListener("install", (event) => {
  event.waitUntil(keep().then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers().then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== location.origin) return;
  if (request.mode === "navigate" && isTill(url.pathname)) event.respondWith(opened(request, url));
  else if (request.method === "GET" && KEPT.includes(url.pathname) && url.pathname !== PAGE) {
    event.respondWith(asset(request));
  }
});

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(KEPT.map((path) => new Request(path, { cache: "reload" })));
}

async function forgetOthers() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith("clerk-") && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

function isTill(path) {
  return path === "/clerk" || path.startsWith("/clerk/");
}

async function opened(request, url) {
  const sent = request.method === "POST" && url.pathname === "/clerk/find" ? request.clone() : null;
  try {
    const response = await fetch(request);
    if (!DOWN.has(response.status)) return response;
  } catch {
    // no network: below
  }
  if (url.pathname === PAGE) return kept();
  if (mayBeDone(request, url.pathname)) return Response.redirect(`${PAGE}?unsure`, 303);
  const typed = sent ? (await sent.formData()).get("code") : "";
  return Response.redirect(typed ? `${PAGE}#${encodeURIComponent(typed)}` : PAGE, 303);
}

// Sent, and nobody heard the answer; or answered, and the receipt did not come.
function mayBeDone(request, path) {
  const isServing = path.startsWith("/clerk/serve/") || path.startsWith("/clerk/today/");
  return isServing && (request.method === "POST" || path.endsWith("/done"));
}

async function kept() {
  return (await (await caches.open(CACHE)).match(PAGE)) ?? Response.error();
}

async function asset(request) {
  const found = await (await caches.open(CACHE)).match(request);
  return found ?? fetch(request);
}

// Keeps the part of a page in [data-poll] up to date: every 3 s while the page is visible and something goes on in it
// (data-poll-active), else every 30 s. The server answers 304 while nothing has changed.
//
// [data-poll-bar] has [data-poll-text] ("Updated 2 s ago"), [data-poll-fault], [data-poll-dot] and the switch
// [data-poll-pause]. It has the sentences too, in the reader's language: data-poll-updated and data-poll-paused (with
// {age}), data-poll-lost and data-poll-signed-out. When nothing goes on any more, [data-poll-reload] is taken from the
// page once again. A [data-poll-item] with an id that was not there before gets data-poll-fresh. What the reader has
// scrolled to stays where it is when others come above it.
(function () {
  const QUICK = 3000, SLOW = 30000, PATIENCE = 10000;
  const region = document.querySelector("[data-poll]");
  const bar = document.querySelector("[data-poll-bar]");
  if (!region || !bar) return;
  const text = bar.querySelector("[data-poll-text]");
  const fault = bar.querySelector("[data-poll-fault]");
  const button = bar.querySelector("[data-poll-pause]");
  let etag = region.dataset.pollEtag;
  let updatedAt = Date.now();
  let timer = 0, isPaused = false, isAsking = false;

  function address() {
    const url = new URL(location.href);
    url.searchParams.set("part", "live");
    url.hash = "";
    return url;
  }

  function isActive() { return region.dataset.pollActive === "true"; }

  function plan() {
    clearTimeout(timer);
    if (!isPaused) timer = setTimeout(ask, isActive() && !document.hidden ? QUICK : SLOW);
  }

  async function ask() {
    if (isAsking) return;
    isAsking = true;
    clearTimeout(timer);
    const ending = new AbortController();
    const patience = setTimeout(function () { ending.abort(); }, PATIENCE);
    try {
      const answer = await fetch(address(), {
        headers: { "If-None-Match": etag }, credentials: "same-origin", redirect: "manual", signal: ending.signal,
      });
      if (answer.status === 200) await show(answer);
      else if (answer.status !== 304 && answer.type !== "opaqueredirect") throw new Error(String(answer.status));
      const isSignedOut = answer.type === "opaqueredirect";
      if (!isSignedOut) updatedAt = Date.now();
      fault.textContent = isSignedOut ? bar.dataset.pollSignedOut : "";
    } catch {
      fault.textContent = bar.dataset.pollLost;
    } finally {
      clearTimeout(patience);
      isAsking = false;
      tell();
      plan();
    }
  }

  async function show(answer) {
    const html = await answer.text();
    // Whoever is marking text to copy it keeps it; the next answer is shown then.
    if (isMarked()) return;
    const wasActive = isActive();
    const focused = region.contains(document.activeElement) ? document.activeElement.id : "";
    const opened = Array.from(region.querySelectorAll("details[open][id]"), function (part) { return part.id; });
    const places = Array.from(region.querySelectorAll("[role=region]"), function (part) {
      return [part.getAttribute("aria-label"), part.scrollLeft, part.scrollTop];
    });
    const known = new Set(Array.from(items(), function (item) { return item.id; }));
    const held = heldItem();
    region.innerHTML = html;
    etag = answer.headers.get("ETag") || "";
    region.dataset.pollActive = answer.headers.get("X-Active") || "false";
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    for (const part of region.querySelectorAll("[role=region]")) {
      const place = places.find(function (known) { return known[0] === part.getAttribute("aria-label"); });
      if (place) part.scrollTo(place[1], place[2]);
    }
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    for (const item of items()) if (!known.has(item.id)) item.dataset.pollFresh = "";
    if (held) scrollBy(0, (document.getElementById(held.id)?.getBoundingClientRect().top ?? held.top) - held.top);
    if (wasActive && !isActive()) await reload();
  }

  function items() { return region.querySelectorAll("[data-poll-item]"); }

  // The first item that the reader sees, and where, once the region's beginning is scrolled away.
  function heldItem() {
    if (region.getBoundingClientRect().top >= 0) return null;
    for (const item of items()) {
      const place = item.getBoundingClientRect();
      if (place.bottom > 0) return { id: item.id, top: place.top };
    }
    return null;
  }

  function isMarked() {
    const marked = getSelection();
    return Boolean(marked && !marked.isCollapsed && region.contains(marked.anchorNode));
  }

  async function reload() {
    const place = document.querySelector("[data-poll-reload]");
    if (!place) return;
    const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-poll-reload]");
    if (fresh) place.innerHTML = fresh.innerHTML;
  }

  function tell() {
    const seconds = Math.max(0, Math.round((Date.now() - updatedAt) / 1000));
    const age = seconds < 60 ? seconds + " s" : Math.floor(seconds / 60) + " min";
    text.textContent = (isPaused ? bar.dataset.pollPaused : bar.dataset.pollUpdated).replace("{age}", age);
    bar.dataset.pollState = isPaused ? "paused" : fault.textContent ? "lost" : isActive() ? "quick" : "slow";
  }

  button.addEventListener("click", function () {
    isPaused = !isPaused;
    button.setAttribute("aria-pressed", String(isPaused));
    clearTimeout(timer);
    if (isPaused) tell(); else ask();
  });
  document.addEventListener("visibilitychange", function () {
    if (!document.hidden && !isPaused) ask();
  });
  setInterval(tell, 1000);
  bar.hidden = false;
  tell();
  plan();
})();

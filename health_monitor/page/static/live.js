// Keeps an open page up to date: fetches it again and again, changes in place what differs, and says so when the page
// shows an old snapshot. Without this script the page has the same content and does not change.
"use strict";
(() => {
  const main = document.querySelector("main");
  const stale = document.getElementById("stale");
  const pulse = document.getElementById("pulse");
  const LONGEST_PAUSE = 60; // seconds between two requests while the server does not answer
  const GRACE = 2; // seconds for the first answer after the page has become visible again
  const OLD_AFTER = 4; // refresh intervals
  const monotonicSeconds = () => performance.now() / 1000;

  // All times are the server's. The page has the server's time of the last answer, and the monotonic clock, which nobody
  // can set, measures from there.
  let answeredAt, serverOffset, takenAt;
  let refreshSeconds, failures = 0, timer = 0, visibleSince = monotonicSeconds() - GRACE, title = document.title;

  function readTimes() {
    answeredAt = monotonicSeconds();
    serverOffset = Date.parse(main.dataset.now) / 1000 - answeredAt;
    takenAt = Date.parse(main.dataset.taken) / 1000;
    refreshSeconds = Number(main.dataset.refresh);
  }
  const serverNow = () => monotonicSeconds() + serverOffset;

  // Texts of times

  function durationText(seconds) {
    const rounded = Math.max(0, Math.round(seconds));
    for (const [size, least, unit] of [[86400, 172800, "d"], [3600, 7200, "h"], [60, 120, "min"]])
      if (rounded >= least) return `${Math.round(rounded / size)} ${unit}`;
    return `${rounded} s`;
  }
  const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const dayFormat = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
  const exactFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

  function timeText(time) {
    const at = Date.parse(time.dateTime) / 1000, how = time.dataset.how;
    if (how === "clock") return clockText(at);
    return how === "both" ? `${clockText(at)}, ${relativeText(at, how)}` : relativeText(at, how);
  }
  function clockText(at) {
    const isToday = new Date(at * 1000).toDateString() === new Date(serverNow() * 1000).toDateString();
    return (isToday ? "" : dayFormat.format(at * 1000) + ", ") + clockFormat.format(at * 1000);
  }
  function relativeText(at, how) {
    const seconds = at - serverNow();
    if (seconds > 0.5) return `in ${durationText(seconds)}`;
    return how === "in" ? "due" : seconds > -1 ? "just now" : `${durationText(-seconds)} ago`;
  }

  function writeTimes() {
    for (const time of main.querySelectorAll("time")) {
      const text = timeText(time);
      if (time.textContent !== text) time.textContent = text;
      if (!time.title) time.title = `${exactFormat.format(Date.parse(time.dateTime))} (${time.dateTime.replace(/\.\d+/, "")})`;
    }
  }

  // Updating the page in place: a node that does not change is never replaced

  const isElement = (node) => node.nodeType === Node.ELEMENT_NODE;
  const keyOf = (node) => isElement(node) ? node.id || node.dataset.key || "" : "";
  const isSame = (node, fresh) =>
    node.nodeType === fresh.nodeType && node.nodeName === fresh.nodeName && keyOf(node) === keyOf(fresh);

  function update(node, fresh) {
    if (!isElement(node)) {
      if (node.data !== fresh.data) node.data = fresh.data;
      return;
    }
    if (node.nodeName === "SELECT" && isBeingChosen(node)) return;
    // This script writes the text of a <time> itself.
    if (node.isEqualNode(fresh) || (node.nodeName === "TIME" && node.dateTime === fresh.dateTime)) return;
    for (const { name, value } of fresh.attributes)
      if (name !== "open" && node.getAttribute(name) !== value) node.setAttribute(name, value);
    for (const { name } of [...node.attributes])
      if (name !== "open" && !fresh.hasAttribute(name)) node.removeAttribute(name);
    updateChildren(node, fresh);
  }

  // An open list closes, and what is chosen and not asked for yet is lost, when its options change.
  function isBeingChosen(select) {
    return select === document.activeElement || [...select.options].some((option) => option.selected !== option.defaultSelected && (option.value || !option.selected));
  }

  // A child with a key is found by its key, wherever it stands. A child without a key is the next one of its kind.
  // Children whose key is gone are removed first. Otherwise a banner that disappears would hide the table below it from
  // this search, and a table that is rebuilt loses the focus, the text typed into it, and what is unfolded.
  function updateChildren(node, fresh) {
    const keyed = keepKeyed(node, new Set([...fresh.children].map(keyOf)));
    let next = node.firstChild;
    for (const child of [...fresh.childNodes]) {
      if (isElement(child)) next = removeWhile(next, (found) => !isElement(found)); // so that no element moves past text
      const known = keyed.get(keyOf(child)) ?? (isElement(child) ? nextSame(next, child) : next);
      keyed.delete(keyOf(child));
      if (known && isSame(known, child)) {
        if (known === next) next = next.nextSibling;
        else move(node, known, next);
        update(known, child);
      } else node.insertBefore(document.importNode(child, true), next);
    }
    removeWhile(next, () => true);
  }

  // Removes the children whose key is not among `keys`, and returns by key the first of those that stay.
  function keepKeyed(node, keys) {
    const keyed = new Map();
    for (const child of [...node.children].filter(keyOf)) {
      const key = keyOf(child);
      if (!keys.has(key)) child.remove();
      else if (!keyed.has(key)) keyed.set(key, child);
    }
    return keyed;
  }

  function nextSame(node, fresh) {
    while (node && !isSame(node, fresh)) node = node.nextSibling;
    return node;
  }

  function removeWhile(node, isUnwanted) {
    while (node && isUnwanted(node)) {
      const after = node.nextSibling;
      node.remove();
      node = after;
    }
    return node;
  }

  function move(parent, node, before) {
    // Only moveBefore, which newer browsers have, keeps the focus and the selection.
    if (parent.moveBefore) parent.moveBefore(node, before);
    else parent.insertBefore(node, before);
  }

  function keepFocus(focused) {
    const isLost = document.activeElement === document.body || document.activeElement === null;
    if (isLost && focused.isConnected) focused.focus({ preventScroll: true });
  }

  function show(page) {
    const focused = document.activeElement;
    update(main, page.querySelector("main"));
    keepFocus(focused);
    title = page.title;
    const icon = document.querySelector("link[rel=icon]");
    const href = page.querySelector("link[rel=icon]").getAttribute("href");
    if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
  }

  // The filter: what is typed or chosen is asked for at once. Without this script a button asks for it.

  const PAUSE_AFTER_TYPING = 300; // milliseconds
  let typing = 0;

  function follow(form) {
    clearTimeout(typing);
    typing = setTimeout(() => {
      const given = [...new FormData(form)].filter(([, value]) => value.trim());
      const query = new URLSearchParams(given).toString();
      const asked = form.action + (query ? `?${query}` : "");
      if (asked === location.href) return;
      history.replaceState(null, "", asked);
      refresh();
    }, PAUSE_AFTER_TYPING);
  }

  // Fetching

  async function refresh() {
    const asked = location.href;
    try {
      const response = await fetch(asked, { cache: "no-store", headers: { "X-Background": "renewal" }, signal: AbortSignal.timeout(10000) });
      if (response.status === 401) return location.reload(); // the session has ended, and only who is known may look
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (location.href !== asked) return; // somebody has asked for something else meanwhile, which is on its way
      if (response.status >= 500 || !page.querySelector("main[data-taken]")) throw new Error(`answered ${response.status}`);
      show(page);
      readTimes();
      failures = 0;
    } catch {
      failures += 1;
    }
    tick();
    scheduleRefresh();
  }

  function scheduleRefresh() {
    clearTimeout(timer);
    const seconds = Math.min(refreshSeconds * 2 ** failures, Math.max(refreshSeconds, LONGEST_PAUSE));
    if (!document.hidden) timer = setTimeout(refresh, 1000 * seconds);
  }

  // The age of what is shown

  function tick() {
    if (document.hidden) return;
    writeTimes();
    const oldAfter = OLD_AFTER * refreshSeconds, age = serverNow() - takenAt;
    const isOld = age > oldAfter && monotonicSeconds() - visibleSince > GRACE;
    const isUnanswered = failures > 0 || monotonicSeconds() - answeredAt > oldAfter;
    const why = isUnanswered ? "the monitor does not answer" : "the monitor has not looked at the group since";
    if (isOld) {
      const text = `What you see is ${durationText(age)} old: ${why}.`;
      if (stale.firstChild?.data !== text) stale.replaceChildren(text);
    }
    stale.hidden = !isOld;
    document.body.classList.toggle("is-old", isOld);
    document.title = isOld ? `OLD · ${title}` : title;
    pulse.hidden = false;
    pulse.classList.toggle("late", isOld || isUnanswered);
    pulse.textContent = isUnanswered ? "no answer, trying again" : isOld ? "not live" : `live, ${durationText(age)} ago`;
  }

  if (!main.dataset.taken) return;
  readTimes();
  tick();
  scheduleRefresh();
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", () => {
    visibleSince = monotonicSeconds();
    if (document.hidden) clearTimeout(timer);
    else refresh();
  });
  addEventListener("online", refresh);
  main.addEventListener("input", (event) => {
    if (event.target.form?.id === "filter") follow(event.target.form);
  });
})();

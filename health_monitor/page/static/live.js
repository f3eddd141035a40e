// Keeps an open page up to date: asks for it again, puts in what changed and nothing else, and says so when what is
// shown is old. Without it the page is the same, only still.
"use strict";
(() => {
  const main = document.querySelector("main");
  const stale = document.getElementById("stale");
  const pulse = document.getElementById("pulse");
  const SLOWEST = 60; // seconds between two attempts while nobody answers
  const GRACE = 2; // seconds for the first answer after the page has come into view again
  const OLD_AFTER = 4; // times the pace
  const seconds = () => performance.now() / 1000;

  // Time is the server's, as it was said with the page, and goes on by our own clock that nobody sets.
  let heard, lead, taken;
  let pace, failures = 0, timer = 0, shownSince = seconds() - GRACE, wanted = document.title;

  function hear() {
    heard = seconds();
    lead = Date.parse(main.dataset.now) / 1000 - heard;
    taken = Date.parse(main.dataset.taken) / 1000;
    pace = Number(main.dataset.refresh);
  }
  const now = () => seconds() + lead;

  // Words for times

  function spell(exactly) {
    const length = Math.max(0, Math.round(exactly));
    for (const [size, least, unit] of [[86400, 172800, "d"], [3600, 7200, "h"], [60, 120, "min"]])
      if (length >= least) return `${Math.round(length / size)} ${unit}`;
    return `${length} s`;
  }
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

  function words(time) {
    const at = Date.parse(time.dateTime) / 1000, how = time.dataset.how;
    if (how === "clock") return onClock(at);
    return how === "both" ? `${onClock(at)}, ${fromNow(at, how)}` : fromNow(at, how);
  }
  function onClock(at) {
    const isToday = new Date(at * 1000).toDateString() === new Date(now() * 1000).toDateString();
    return (isToday ? "" : day.format(at * 1000) + ", ") + clock.format(at * 1000);
  }
  function fromNow(at, how) {
    const left = at - now();
    if (left > 0.5) return `in ${spell(left)}`;
    return how === "in" ? "due" : left > -1 ? "just now" : `${spell(-left)} ago`;
  }

  function tellTimes() {
    for (const time of main.querySelectorAll("time")) {
      const said = words(time);
      if (time.textContent !== said) time.textContent = said;
      if (!time.title) time.title = `${exact.format(Date.parse(time.dateTime))} (${time.dateTime.replace(/\.\d+/, "")})`;
    }
  }

  // What changed, and nothing else

  const isElement = (node) => node.nodeType === Node.ELEMENT_NODE;
  const keyOf = (node) => isElement(node) ? node.id || node.dataset.key || "" : "";
  const isSame = (node, fresh) =>
    node.nodeType === fresh.nodeType && node.nodeName === fresh.nodeName && keyOf(node) === keyOf(fresh);

  function update(node, fresh) {
    if (!isElement(node)) {
      if (node.data !== fresh.data) node.data = fresh.data;
      return;
    }
    // The words of a time are ours.
    if (node.isEqualNode(fresh) || (node.nodeName === "TIME" && node.dateTime === fresh.dateTime)) return;
    for (const { name, value } of fresh.attributes)
      if (name !== "open" && node.getAttribute(name) !== value) node.setAttribute(name, value);
    for (const { name } of [...node.attributes])
      if (name !== "open" && !fresh.hasAttribute(name)) node.removeAttribute(name);
    updateChildren(node, fresh);
  }

  // A child with a key is found by its key, wherever it stands. A child without a key is the next one of its kind.
  // Children whose key is gone are removed first: a banner that goes must not keep the table below it from being found,
  // because a table that is built anew loses the focus, what is typed and what is unfolded.
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
    // The newer way keeps focus and selection.
    if (parent.moveBefore) parent.moveBefore(node, before);
    else parent.insertBefore(node, before);
  }

  function keepFocus(focused) {
    const isLost = document.activeElement === document.body || document.activeElement === null;
    if (isLost && focused.isConnected) focused.focus({ preventScroll: true });
  }

  function show(page) {
    const fresh = page.querySelector("main");
    const focused = document.activeElement;
    update(main, fresh);
    keepFocus(focused);
    wanted = page.title;
    const icon = document.querySelector("link[rel=icon]");
    const href = page.querySelector("link[rel=icon]").getAttribute("href");
    if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
  }

  // Asking

  async function ask() {
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.status >= 500 || !page.querySelector("main[data-taken]")) throw new Error(`answered ${answer.status}`);
      show(page);
      hear();
      failures = 0;
    } catch {
      failures += 1;
    }
    tick();
    plan();
  }

  function plan() {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(ask, 1000 * Math.min(pace * 2 ** failures, Math.max(pace, SLOWEST)));
  }

  // What is old

  function tick() {
    if (document.hidden) return;
    tellTimes();
    const age = now() - taken;
    const isOld = age > OLD_AFTER * pace && seconds() - shownSince > GRACE;
    const isUnheard = failures > 0 || seconds() - heard > OLD_AFTER * pace;
    const why = isUnheard ? "the monitor does not answer" : "the monitor has not looked at the group since";
    if (isOld) {
      const said = `What you see is ${spell(age)} old: ${why}.`;
      if (stale.firstChild?.data !== said) stale.replaceChildren(said);
    }
    stale.hidden = !isOld;
    document.body.classList.toggle("is-old", isOld);
    document.title = isOld ? `OLD · ${wanted}` : wanted;
    pulse.hidden = false;
    pulse.classList.toggle("late", isOld || isUnheard);
    pulse.textContent = isUnheard ? "no answer, trying again" : isOld ? "not live" : `live, ${spell(age)} ago`;
  }

  if (!main.dataset.taken) return;
  hear();
  tick();
  plan();
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", () => {
    shownSince = seconds();
    if (document.hidden) clearTimeout(timer);
    else ask();
  });
  addEventListener("online", ask);
})();

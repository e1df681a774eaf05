// What was asked in this browser: kept in it, bounded, and gone at the press of a button.

import { element } from "./showing.js";

const PLACE = "trellis-history";
const MOST = 30;
const LONGEST = 120;

const section = document.getElementById("history");
const list = document.getElementById("history-list");

if (section) {
  document.getElementById("history-clear").addEventListener("click", clear);
  // Another tab of the same browser may add to it.
  addEventListener("storage", (event) => {
    if (event.key === PLACE || event.key === null) show();
  });
  show();
}

// entry: { model, what, answer, thumb }; texts are cut, the oldest go first.
export function remember(entry) {
  const entries = [{ ...entry, what: entry.what.slice(0, LONGEST), time: Date.now() }, ...read()];
  write(entries.slice(0, MOST));
  show();
}

function read() {
  try {
    const entries = JSON.parse(localStorage.getItem(PLACE) ?? "[]");
    return Array.isArray(entries) ? entries.filter((entry) => typeof entry?.what === "string") : [];
  } catch {
    return [];
  }
}

function write(entries) {
  // Where storage is switched off or full there is no history, and nothing else is missing.
  for (let kept = entries; ; kept = kept.slice(0, Math.floor(kept.length / 2))) {
    try {
      localStorage.setItem(PLACE, JSON.stringify(kept));
      return;
    } catch {
      if (!kept.length) return;
    }
  }
}

function clear() {
  try {
    localStorage.removeItem(PLACE);
  } catch {
    // As above.
  }
  show();
  document.getElementById("main").focus();
  document.getElementById("announce").textContent = "The history is empty.";
}

function show() {
  const entries = read();
  section.hidden = !entries.length;
  list.replaceChildren(...entries.map(line));
}

function line(entry) {
  const time = new Date(entry.time);
  const words = element(
    "span",
    { className: "history-words" },
    element("strong", { textContent: entry.answer }),
    element("span", { className: "history-what", textContent: entry.what }),
    element("span", { className: "help", textContent: `${entry.model}, ` }, element("time", {
      dateTime: time.toISOString(),
      textContent: time.toLocaleString([], { dateStyle: "medium", timeStyle: "short" }),
    })),
  );
  const picture = /^data:image\/jpeg;/.test(entry.thumb)
    ? [element("img", { src: entry.thumb, alt: "", width: 44, height: 44 })]
    : [];
  return element("li", {}, ...picture, words);
}

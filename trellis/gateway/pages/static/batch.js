// Many pictures at once: each becomes a job, and a row that says how it stands.

import { pause, Refused, send, sentence, Stopped } from "./asking.js";
import { remember } from "./history.js";
import { element, inShort, megabytes, thumbnail } from "./showing.js";

// Browsers hold six connections to a host; some must stay free for the rest of the page.
const SENDERS = 3;
const WATCHERS = 2;
const WAIT_SECONDS = 5;
const MOST_ROWS = 200;
const TRIES = 8;

const section = document.getElementById("batch");
const table = document.getElementById("batch-rows");
const summary = document.getElementById("batch-summary");
const rows = [];
const toSend = [];
const toWatch = [];
const busy = { senders: 0, watchers: 0 };
let show = () => {};

if (section) {
  document.getElementById("batch-cancel").addEventListener("click", () => {
    for (const row of rows) if (!row.over) cancel(row);
  });
  document.getElementById("batch-clear").addEventListener("click", () => {
    for (const row of rows.filter((each) => each.over)) drop(row);
    tell();
    document.getElementById("main").focus();
  });
}

// showAnswer(file, answer) puts one answer where a single picture's is.
export function take(form, files, showAnswer) {
  show = showAnswer;
  section.hidden = false;
  const room = MOST_ROWS - rows.length;
  for (const file of files.slice(0, room)) add(form, file);
  const left = files.length - room;
  document.getElementById("batch-left").textContent =
    left > 0 ? `${left} more were left out: ${MOST_ROWS} rows are the most. Clear those that are done.` : "";
  tell();
  section.scrollIntoView({ block: "nearest" });
}

function add(form, file) {
  const name = element("span", { textContent: file.name });
  const picture = element("img", { alt: "", width: 36, height: 36, hidden: true });
  const row = {
    file,
    url: form.action,
    model: form.dataset.model,
    limit: Number(form.dataset.jobLimit),
    // The roles stay when a phone shows the table as blocks.
    state: element("td", { role: "cell" }),
    answer: element("td", { role: "cell", className: "batch-answer" }),
    actions: element("td", { role: "cell", className: "batch-actions" }),
    over: false,
    stop: null,
    location: null,
    token: token(),
    thumb: "",
  };
  const head = element("th", { scope: "row", role: "rowheader" }, picture, name);
  row.line = element("tr", { role: "row" }, head, row.state, row.answer, row.actions);
  rows.push(row);
  table.append(row.line);
  thumbnail(file).then((url) => {
    row.thumb = url;
    picture.src = url;
    picture.hidden = !url;
  });
  queue(row);
}

function queue(row) {
  Object.assign(row, { over: false, stop: new AbortController(), tries: 0 });
  row.answer.textContent = "";
  set(row, "Waiting to be sent", [["Cancel", cancel]]);
  if (row.file.size > row.limit) {
    fail(row, `It has ${megabytes(row.file.size)} MB; the limit is ${megabytes(row.limit)} MB.`, false);
    return;
  }
  toSend.push(row);
  work("senders", SENDERS, toSend, submit);
}

// Keeps up to `most` rows of a line under way.
async function work(kind, most, line, step) {
  if (busy[kind] >= most) return;
  busy[kind] += 1;
  try {
    while (line.length) {
      const row = line.shift();
      if (!row.over) await guarded(row, step);
    }
  } finally {
    busy[kind] -= 1;
  }
}

async function guarded(row, step) {
  try {
    await step(row);
  } catch (error) {
    if (error instanceof Stopped) return;
    if (!(error instanceof Refused)) throw error;
    row.tries += 1;
    if (!error.passing || row.tries >= TRIES) {
      fail(row, error.message, true);
      return;
    }
    again(row, error);
  }
}

// Whatever was sent before is known by its token, so nothing is computed twice.
async function again(row, error) {
  const seconds = error.retryAfter ?? Math.min(2 ** row.tries, 30);
  set(row, `${error.message} Again in ${seconds} s`, [["Cancel", cancel]]);
  try {
    await pause(seconds, row.stop.signal);
  } catch {
    return;
  }
  if (row.location) watch(row);
  else {
    toSend.push(row);
    work("senders", SENDERS, toSend, submit);
  }
}

async function submit(row) {
  set(row, "Sending", [["Cancel", cancel]]);
  const headers = { prefer: "respond-async", "idempotency-key": row.token };
  let body = row.file;
  // As it is: a form has another boundary at each try, and its key would come with another body.
  if (row.file.type) headers["content-type"] = row.file.type;
  else {
    body = new FormData();
    body.append("file", row.file, row.file.name);
  }
  const { document: job } = await send("POST", row.url, {
    body,
    headers,
    signal: row.stop.signal,
    onProgress: (share) => {
      row.state.textContent = `Sending, ${Math.round(100 * share)} %`;
    },
  });
  row.location = job.location;
  set(row, "Queued", [["Cancel", cancel]]);
  watch(row);
}

function watch(row) {
  toWatch.push(row);
  work("watchers", WATCHERS, toWatch, look);
}

async function look(row) {
  const headers = { prefer: `wait=${WAIT_SECONDS}` };
  const { document: job } = await send("GET", row.location, { headers, signal: row.stop.signal });
  row.tries = 0;
  if (job.state === "succeeded") finish(row, job.result);
  else if (job.state === "cancelled") end(row, "Cancelled", [["Ask again", retry]]);
  else if (job.state === "failed" || job.state === "dead") fail(row, job.result?.error ?? job.error ?? "It failed.", true);
  else {
    set(row, job.state === "running" ? "Being answered" : "Queued", [["Cancel", cancel]]);
    toWatch.push(row);
  }
}

function finish(row, answer) {
  row.answer.textContent = inShort(answer);
  end(row, "Done", [["Show", () => show(row.file, answer)]]);
  remember({ model: row.model, what: row.file.name, answer: inShort(answer), thumb: row.thumb });
}

function fail(row, words, mayRetry) {
  row.answer.textContent = sentence(words);
  row.line.classList.add("bad");
  end(row, "Failed", mayRetry ? [["Try again", retry]] : []);
}

async function cancel(row) {
  row.stop.abort();
  for (const waiting of [toSend, toWatch]) {
    const place = waiting.indexOf(row);
    if (place >= 0) waiting.splice(place, 1);
  }
  end(row, "Cancelled", [["Ask again", retry]]);
  if (row.location) {
    try {
      await send("DELETE", row.location);
    } catch {
      // It is over for this page either way; the answer, if one comes, ends with its time.
    }
  }
}

function retry(row) {
  row.line.classList.remove("bad");
  row.location = null;
  row.token = token();
  queue(row);
  tell();
}

function end(row, words, actions) {
  row.over = true;
  set(row, words, actions);
  tell();
}

function set(row, words, actions) {
  row.state.textContent = words;
  const shown = [...row.actions.children].map((button) => button.firstChild.textContent).join();
  if (shown === actions.map(([label]) => label).join()) return;
  const focused = row.actions.contains(document.activeElement);
  row.actions.replaceChildren(...actions.map(([label, act]) => {
    const button = element("button", { type: "button", className: "button small" }, label,
      element("span", { className: "unseen", textContent: ` ${row.file.name}` }));
    button.addEventListener("click", () => act(row));
    return button;
  }));
  if (focused) (row.actions.firstElementChild ?? document.getElementById("main")).focus();
}

function drop(row) {
  rows.splice(rows.indexOf(row), 1);
  row.line.remove();
  section.hidden = !rows.length;
}

// One sentence for all, read out as it changes; the rows themselves are not.
function tell() {
  const over = rows.filter((row) => row.over).length;
  const failed = rows.filter((row) => row.line.classList.contains("bad")).length;
  summary.textContent = `${over} of ${rows.length} done${failed ? `, ${failed} failed` : ""}.`;
  document.getElementById("batch-cancel").disabled = over === rows.length;
  document.getElementById("batch-clear").disabled = over === 0;
}

function token() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The upload page: takes a picture, a sentence or numbers, asks /predict, shows the answer.

import { key, pause, Refused, send, setKey, Stopped } from "./asking.js";
import { take } from "./batch.js";
import { remember } from "./history.js";
import { element, inShort, megabytes, percent, readable, thumbnail } from "./showing.js";

const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
// A field's name hides a property of its form (`action`), and a model may call its input anything. Names
// are for a form that is sent without this script.
for (const field of document.querySelectorAll("#ask [name]")) field.removeAttribute("name");
const form = document.getElementById("ask");
if (form) start(form);

function start(form) {
  const kind = form.dataset.kind;
  form.noValidate = true;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    readers[kind](form);
  });
  for (const button of document.querySelectorAll(".examples button")) {
    button.addEventListener("click", () => tryExample(form, kind, button));
  }
  document.getElementById("stop").addEventListener("click", () => underway?.abort());
  document.getElementById("again").addEventListener("click", () => readers[kind](form));
  listenForKey(form);
  if (kind === "image") listenForPictures(form);
  if (kind === "text") {
    document.getElementById("text").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
  }
}

const readers = {
  image(form) {
    const file = lastPicture ?? document.getElementById("file").files[0];
    if (file) askPicture(form, file);
    else showError("Choose a picture first.");
  },
  text(form) {
    const field = document.getElementById("text");
    if (field.value.trim()) askFields(form, field.value, [field]);
    else invalid(field, "Write a sentence first.");
  },
  features(form) {
    const fields = [...form.querySelectorAll("[data-feature]")];
    const numbers = fields.map((field) => toNumber(field.value));
    const wrong = numbers.findIndex((number) => !Number.isFinite(number));
    if (wrong < 0) askFields(form, numbers, fields);
    else invalid(fields[wrong], `“${fields[wrong].dataset.feature}” needs a number.`);
  },
  numbers(form) {
    const field = document.getElementById("numbers");
    const words = field.value.split(/[\s,;]+/).filter(Boolean);
    const wrong = words.find((word) => !Number.isFinite(toNumber(word)));
    if (!words.length) invalid(field, "Write a number first.");
    else if (wrong !== undefined) invalid(field, `“${wrong}” is no number.`);
    else askFields(form, words.map(toNumber), [field]);
  },
};

function toNumber(text) {
  return text.trim() === "" ? NaN : Number(text.trim().replace(",", "."));
}

function listenForPictures(form) {
  const drop = document.getElementById("drop");
  const input = document.getElementById("file");
  input.addEventListener("change", () => {
    const chosen = [...input.files];
    // So that the same picture can be chosen again.
    input.value = "";
    takePictures(form, chosen);
  });
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    drop.addEventListener(name, () => drop.classList.remove("over"));
  }
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    takePictures(form, [...event.dataTransfer.files]);
  });
  document.addEventListener("paste", (event) => takePictures(form, [...event.clipboardData.files]));
}

// One is answered at once, many become jobs where the gateway keeps jobs.
function takePictures(form, files) {
  if (files.length === 1) askPicture(form, files[0]);
  else if (files.length && form.dataset.jobLimit) take(form, files, showOneOfMany);
  else if (files.length) showError("One picture at a time: this gateway keeps no jobs.");
}

function showOneOfMany(file, answer) {
  press(null);
  showError("");
  showPicture(file);
  showAnswer(answer);
}

function listenForKey(form) {
  const asked = document.getElementById("key-form");
  if (!asked) return;
  const field = document.getElementById("key");
  field.value = key();
  asked.addEventListener("submit", (event) => {
    event.preventDefault();
    setKey(field.value);
    document.getElementById("announce").textContent = "The key is used from now on.";
  });
  addEventListener("key-needed", () => {
    document.getElementById("key-box").open = true;
    field.focus();
  });
}

async function tryExample(form, kind, button) {
  press(button);
  if (kind === "image") {
    try {
      const blob = await (await fetch(button.dataset.picture)).blob();
      askPicture(form, new File([blob], button.textContent.trim(), { type: blob.type }), button);
    } catch {
      showError("The example could not be fetched. Is the gateway still running?");
    }
    return;
  }
  const value = JSON.parse(button.dataset.value);
  if (kind === "text") document.getElementById("text").value = value;
  if (kind === "numbers") document.getElementById("numbers").value = value.join(", ");
  if (kind === "features") {
    form.querySelectorAll("[data-feature]").forEach((field, place) => {
      field.value = value[place];
    });
  }
  readers[kind](form);
  press(button);
}

function press(chosen) {
  for (const button of document.querySelectorAll(".examples button")) {
    button.setAttribute("aria-pressed", String(button === chosen));
  }
}

let lastPicture = null;

function askPicture(form, file, button = null) {
  const limit = Number(form.dataset.limit);
  press(button);
  lastPicture = file;
  if (file.size > limit) {
    showError(`“${file.name}” has ${megabytes(file.size)} MB; the limit is ${megabytes(limit)} MB.`);
    return;
  }
  showPicture(file);
  const body = new FormData();
  body.append("file", file, file.name);
  ask(form, body, {}, async () => ({ what: file.name, thumb: await thumbnail(file) }));
}

function showPicture(file) {
  const preview = document.getElementById("preview");
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(file);
  preview.alt = `Your picture, ${file.name}`;
  preview.hidden = false;
  preview.onerror = () => {
    preview.hidden = true;
    document.getElementById("invite").hidden = false;
  };
  document.getElementById("invite").hidden = true;
  document.getElementById("drop").classList.add("filled");
  document.getElementById("file-name").textContent = file.name;
}

function askFields(form, value, fields) {
  press(null);
  for (const field of fields) field.removeAttribute("aria-invalid");
  const body = JSON.stringify({ [form.dataset.input]: value });
  const what = Array.isArray(value) ? value.join(", ") : value.trim();
  ask(form, body, { "content-type": "application/json" }, async () => ({ what, thumb: "" }));
}

let underway = null;

// `described` tells the history what was asked, once there is an answer.
async function ask(form, body, headers, described) {
  underway?.abort();
  const mine = (underway = new AbortController());
  const answer = document.getElementById("answer");
  showError("");
  showProgress(0);
  answer.setAttribute("aria-busy", "true");
  try {
    const { document: found } = await send("POST", form.action, {
      body,
      headers,
      signal: mine.signal,
      onProgress: (share) => {
        if (underway === mine) showProgress(share);
      },
    });
    showAnswer(found);
    remember({ model: form.dataset.model, answer: inShort(found), ...(await described()) });
  } catch (error) {
    if (underway === mine && !(error instanceof Stopped)) {
      clearAnswer();
      if (!(error instanceof Refused)) throw error;
      showRefusal(error);
    }
  } finally {
    if (underway === mine) {
      underway = null;
      showProgress(null);
      answer.setAttribute("aria-busy", "false");
    }
  }
}

// share: 0 to 1 of what is sent; null where nothing is under way.
function showProgress(share) {
  const bar = document.getElementById("sent");
  const words = document.getElementById("underway-words");
  document.getElementById("underway").hidden = share === null;
  const phase = share === null ? "" : share < 1 ? "Sending" : "Waiting for the answer";
  if (words.textContent !== phase) words.textContent = phase;
  if (share !== null && share < 1) bar.value = share;
  else bar.removeAttribute("value");
}

function invalid(field, message) {
  field.setAttribute("aria-invalid", "true");
  field.focus();
  showError(message);
}

let counting = null;

function showError(message, mayRetry = false) {
  counting?.abort();
  counting = null;
  const place = document.getElementById("error");
  document.getElementById("error-words").textContent = message;
  place.hidden = !message;
  const again = document.getElementById("again");
  again.hidden = !mayRetry;
  again.disabled = false;
  again.textContent = "Try again";
}

// Where the gateway says when to come again, the button counts down to it.
async function showRefusal(error) {
  const seconds = error.retryAfter ?? 0;
  const when = seconds > 1 ? ` It may be asked again in ${seconds} seconds.` : "";
  showError(error.message + when, error.passing);
  if (!error.passing || seconds < 1) return;
  const mine = (counting = new AbortController());
  const again = document.getElementById("again");
  again.disabled = true;
  try {
    for (let left = seconds; left > 0; left -= 1) {
      again.textContent = `Try again in ${left} s`;
      await pause(1, mine.signal);
    }
  } catch {
    return;
  }
  again.textContent = "Try again";
  again.disabled = false;
}

function clearAnswer() {
  document.getElementById("result").hidden = true;
  document.getElementById("empty").hidden = false;
}

function showAnswer(answer) {
  document.getElementById("empty").hidden = true;
  document.getElementById("result").hidden = false;
  document.getElementById("trace").textContent =
    `${answer.latency_ms.toFixed(1)} ms · request ${answer.request_id}`;
  if (answer.outputs) showOutputs(answer.outputs);
  else showChances(answer);
  // On a phone the answer stands below the form.
  document.querySelector(".answer").scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
}

function showChances(answer) {
  document.getElementById("label").textContent = readable(answer.label);
  document.getElementById("confidence").textContent = `${percent(answer.confidence)} confident`;
  const table = document.getElementById("chances");
  table.classList.remove("outputs");
  table.caption.textContent = "Probability of each class";
  const sorted = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]);
  const rows = sorted.map(([label, chance]) => row(readable(label), percent(chance)));
  table.tBodies[0].replaceChildren(...rows);
  // The bars grow from nothing in the next frame; the text beside them says the same at once.
  const fills = rows.map(bar);
  requestAnimationFrame(() => {
    fills.forEach((fill, place) => {
      fill.style.transform = `scaleX(${sorted[place][1]})`;
    });
  });
}

function showOutputs(outputs) {
  document.getElementById("label").textContent = "";
  document.getElementById("confidence").textContent = "";
  const table = document.getElementById("chances");
  table.classList.add("outputs");
  table.caption.textContent = "Outputs";
  const rows = Object.entries(outputs).map(([name, data]) => row(readable(name), data.join(", ")));
  table.tBodies[0].replaceChildren(...rows);
}

function row(name, value) {
  return element("tr", {}, element("th", { scope: "row", textContent: name }), element("td", { textContent: value }));
}

function bar(line) {
  const track = document.createElement("span");
  track.className = "track";
  track.setAttribute("aria-hidden", "true");
  const fill = document.createElement("span");
  fill.className = "fill";
  fill.style.transform = "scaleX(0)";
  track.append(fill);
  line.firstChild.append(track);
  return fill;
}

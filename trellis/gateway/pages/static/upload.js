// The upload page: takes a picture, a sentence or numbers, asks /predict, shows the answer.

const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
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
  if (kind === "image") listenForPictures(form);
  if (kind === "text") {
    document.getElementById("text").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
  }
}

const readers = {
  image(form) {
    const [file] = document.getElementById("file").files;
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
    if (input.files.length) askPicture(form, input.files[0]);
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
    takePicture(form, event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => takePicture(form, event.clipboardData.files));
}

function takePicture(form, files) {
  if (files.length) askPicture(form, files[0]);
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

function askPicture(form, file, button = null) {
  const limit = Number(form.dataset.limit);
  press(button);
  if (file.size > limit) {
    showError(`“${file.name}” has ${megabytes(file.size)} MB; the limit is ${megabytes(limit)} MB.`);
    return;
  }
  showPicture(file);
  const body = new FormData();
  body.append("file", file, file.name);
  ask(form, { method: "POST", body });
}

function megabytes(bytes) {
  return (bytes / 1048576).toFixed(1);
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
  ask(form, { method: "POST", body, headers: { "content-type": "application/json" } });
}

let underway = null;

async function ask(form, options) {
  underway?.abort();
  const mine = (underway = new AbortController());
  const answer = document.getElementById("answer");
  showError("");
  answer.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(form.action, { ...options, signal: mine.signal });
    const text = await response.text();
    const document_ = parsed(text);
    if (!response.ok) throw new Refused(document_?.error ?? `The gateway answered ${response.status}.`);
    if (document_ === null) throw new Refused("The gateway's answer could not be read.");
    showAnswer(document_);
  } catch (error) {
    if (error.name === "AbortError") return;
    clearAnswer();
    showError(error instanceof Refused ? sentence(error.message) : "The gateway cannot be reached. Try again in a moment.");
  } finally {
    if (underway === mine) answer.setAttribute("aria-busy", "false");
  }
}

class Refused extends Error {}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

function invalid(field, message) {
  field.setAttribute("aria-invalid", "true");
  field.focus();
  showError(message);
}

function showError(message) {
  const place = document.getElementById("error");
  place.textContent = message;
  place.hidden = !message;
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
  const line = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  const cell = document.createElement("td");
  cell.textContent = value;
  line.append(head, cell);
  return line;
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

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function readable(name) {
  return name.replace(/_+/g, " ").trim();
}

// The dashboard, kept fresh: takes the panels that changed from the server's events.

const live = document.querySelector(".live");
const status_ = document.getElementById("live");
const pause = document.getElementById("pause");
let events = null;

pause.hidden = false;
pause.addEventListener("click", () => {
  const paused = pause.getAttribute("aria-pressed") !== "true";
  pause.setAttribute("aria-pressed", String(paused));
  if (paused) stop("Paused");
  else follow();
});
// A page in the background is looked at by nobody: it neither asks nor keeps others' place.
document.addEventListener("visibilitychange", () => {
  if (pause.getAttribute("aria-pressed") === "true") return;
  if (document.hidden) stop("Paused");
  else follow();
});
addEventListener("pagehide", () => stop("Paused"));
if (!document.hidden) follow();

function follow() {
  stop("Connecting");
  events = new EventSource(document.body.dataset.events);
  events.addEventListener("panels", (event) => {
    const { time, panels } = JSON.parse(event.data);
    say(`Live, ${new Date(time * 1000).toLocaleTimeString()}`, "on");
    for (const [name, html] of Object.entries(panels)) refresh(name, html);
  });
  events.addEventListener("signed-out", () => location.reload());
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) say("Not live; reload to look again", "lost");
    else say("Connection lost, trying again", "lost");
  });
}

function stop(words) {
  events?.close();
  events = null;
  say(words, "");
}

// Only a change of state is announced; the ticking time is not read out every few seconds.
function say(words, state) {
  if (live.dataset.state !== state) {
    live.dataset.state = state;
    live.classList.toggle("on", state === "on");
    live.classList.toggle("lost", state === "lost");
    status_.setAttribute("aria-live", "polite");
  } else {
    status_.setAttribute("aria-live", "off");
  }
  status_.textContent = words;
}

const shown = new Map();

async function refresh(name, html) {
  const panel = document.querySelector(`[data-panel="${name}"]`);
  shown.set(name, html);
  const parsed = new DOMParser().parseFromString(html, "text/html").body;
  const fresh = document.createDocumentFragment();
  fresh.append(...[...parsed.childNodes].map((node) => document.importNode(node, true)));
  // A chart takes its predecessor's place only once it is there to be seen.
  await Promise.allSettled([...fresh.querySelectorAll("img")].map((image) => image.decode()));
  if (shown.get(name) !== html || inUse(panel)) return;
  const open = [...panel.querySelectorAll("details.table")].map((details) => details.open);
  const scrolled = [...panel.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
  panel.replaceChildren(fresh);
  panel.querySelectorAll("details.table").forEach((details, place) => {
    details.open = open[place] ?? false;
  });
  panel.querySelectorAll(".scroll").forEach((box, place) => {
    box.scrollLeft = scrolled[place] ?? 0;
  });
}

// What somebody is about to confirm or stands on by keyboard must not move away under them.
function inUse(panel) {
  return panel.contains(document.activeElement) || panel.querySelector(".confirm[open]") !== null;
}

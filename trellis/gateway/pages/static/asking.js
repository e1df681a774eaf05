// Asks the gateway: one function for everything that is sent, with the key that was typed in.

const KEY = "trellis-key";
let typed = "";

// Refused by the gateway in words, or unreachable (status 0); retryAfter in seconds, if it said.
export class Refused extends Error {
  constructor(message, status, retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  // Whether the same request may be answered another time.
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export class Stopped extends Error {}

// Resolves to { status, location, document }; onProgress is told the share of the body sent.
export function send(method, url, { body = null, headers = {}, signal = null, onProgress = null } = {}) {
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    const fail = (error) => {
      signal?.removeEventListener("abort", stop);
      reject(error);
    };
    const stop = () => {
      request.abort();
      fail(new Stopped());
    };
    if (signal?.aborted) {
      reject(new Stopped());
      return;
    }
    signal?.addEventListener("abort", stop);
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    if (key()) request.setRequestHeader("x-api-key", key());
    if (onProgress) {
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) onProgress(event.loaded / event.total);
      });
    }
    request.addEventListener("error", () => {
      fail(new Refused("The gateway cannot be reached.", 0, null));
    });
    request.addEventListener("load", () => {
      signal?.removeEventListener("abort", stop);
      const document_ = parsed(request.responseText);
      if (request.status >= 400) reject(refusal(request, document_));
      else if (document_ === null) reject(new Refused("The gateway's answer could not be read.", 502, null));
      else resolve({ status: request.status, location: request.getResponseHeader("location"), document: document_ });
    });
    request.send(body);
  });
}

function refusal(request, document_) {
  const needsKey = request.status === 401 && !key();
  const words = needsKey
    ? "This gateway answers whoever has a key. Type yours below and ask again."
    : sentence(document_?.error ?? `The gateway answered ${request.status}`);
  const seconds = Number.parseInt(request.getResponseHeader("retry-after") ?? "", 10);
  if (request.status === 401) dispatchEvent(new Event("key-needed"));
  return new Refused(words, request.status, Number.isFinite(seconds) ? seconds : null);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new Stopped());
    });
  });
}

// The key lives as long as the tab does.
export function key() {
  try {
    return sessionStorage.getItem(KEY) ?? typed;
  } catch {
    return typed;
  }
}

export function setKey(text) {
  typed = text.trim();
  try {
    sessionStorage.setItem(KEY, typed);
  } catch {
    // Storage may be switched off: then the key lives as long as the page.
  }
}

// Requests to the server. What it refuses becomes a Problem whose message is a sentence.

import { sentence } from "./formats.js";

const SILENT = "The server does not answer. Is it still running?";
const BROKEN = "The upload broke off. Is the server still running, and are the files still where they were?";
const LONGEST = 300; // letters of what the server says that are shown

/** A request that failed: its sentence, the HTTP status (0: no answer), the word for programs. */
export class Problem extends Error {
  constructor(message, status = 0, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Ask for JSON; `body` is a FormData, or an object that is sent as JSON. */
export async function ask(method, path, body) {
  const plain = body === undefined || body instanceof FormData;
  const headers = plain ? {} : { "Content-Type": "application/json" };
  let response;
  try {
    response = await fetch(path, { method, headers, body: plain ? body : JSON.stringify(body) });
  } catch {
    throw new Problem(SILENT);
  }
  return understood(response.status, await response.text());
}

/** Send a form with files: `onprogress(share)` with 0..1; `signal` stops it (AbortError). */
export function send(path, form, { onprogress, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.upload.onprogress = (event) => event.lengthComputable && onprogress?.(event.loaded / event.total);
    request.onload = () => {
      try {
        resolve(understood(request.status, request.responseText));
      } catch (error) {
        reject(error);
      }
    };
    request.onerror = () => reject(new Problem(BROKEN));
    request.onabort = () => reject(new DOMException("The upload was stopped.", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** A form of these fields; an array becomes several fields of the same name, null is left out. */
export function form(fields) {
  const filled = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const each of [value].flat()) if (each !== null && each !== undefined) filled.append(name, each);
  }
  return filled;
}

function understood(status, text) {
  const good = status >= 200 && status < 300;
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    if (good) throw new Problem("The answer of the server cannot be understood. Reload the page.", status);
  }
  if (good) return answer;
  if (status === 401) window.dispatchEvent(new Event("signed-out"));
  const said = typeof answer?.error === "string" ? answer.error : `The server answered ${status}`;
  throw new Problem(sentence(said.length > LONGEST ? `${said.slice(0, LONGEST)}…` : said), status, answer?.code ?? "");
}

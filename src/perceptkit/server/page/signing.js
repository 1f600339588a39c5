// Signing in and out.

import { ask } from "./api.js";
import { button, make } from "./elements.js";

/** {signed_in, signs_in}: whether this browser is, and whether this server wants it. */
export async function whoever() {
  try {
    return await ask("GET", "/page/who.json");
  } catch (error) {
    if (error.status === 401) return { signed_in: false, signs_in: true }; // the session has ended
    throw error;
  }
}

export async function signOut() {
  await ask("DELETE", "/auth/session");
}

/** The form for the token, or a name and a password; `onsigned` is called when it was accepted. */
export function signIn(onsigned, message = "") {
  const form = make("form", { onsubmit: submit });
  const failure = make("p", { class: "notice wrong", role: "alert", hidden: true });
  let byName = false;

  function fill() {
    const fields = byName
      ? [
          field("username", "User name", "text", "username"),
          field("password", "Password", "password", "current-password"),
        ]
      : [field("token", "Token", "password", "off", "The server prints it when it starts.")];
    const other = byName ? "Use the token instead" : "Use a name and a password instead";
    form.replaceChildren(
      ...fields,
      make("button", { class: "first" }, "Sign in"),
      button(other, swap, { look: "plain" }),
    );
    form.querySelector("input").focus();
  }

  function swap() {
    byName = !byName;
    failure.hidden = true;
    fill();
  }

  async function submit(event) {
    event.preventDefault();
    failure.hidden = true;
    try {
      onsigned(await ask("POST", "/auth/session", Object.fromEntries(new FormData(form))));
    } catch (error) {
      failure.textContent = error.status === 401 ? refusal() : error.message;
      failure.hidden = false;
      form.querySelector("input").select();
    }
  }

  function refusal() {
    return byName ? "This name and password do not belong together." : "This is not the token of this server.";
  }

  queueMicrotask(fill); // once it is in the page, so that its first field can be focused
  return make(
    "section",
    { class: "card sign-in" },
    make("h1", {}, "Sign in"),
    make("p", { class: "lead" }, "Your files stay on this server."),
    message ? make("p", { class: "notice" }, message) : null,
    failure,
    form,
  );
}

function field(name, text, type, autocomplete, hint = "") {
  return make(
    "label",
    {},
    text,
    hint ? make("span", { class: "hint" }, ` · ${hint}`) : null,
    make("input", { name, type, autocomplete, required: true, spellcheck: "false", autocapitalize: "off" }),
  );
}

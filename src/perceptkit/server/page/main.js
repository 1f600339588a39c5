// What is shown: the sign-in form, or the place that the address names.

import { announce, make, wrong } from "./elements.js";
import { home } from "./home.js";
import { bringIcons } from "./icons.js";
import { recorder } from "./recorder.js";
import { result } from "./result.js";
import { silence } from "./silence.js";
import { signIn, signOut, whoever } from "./signing.js";

// Where the server, or this page, sends somebody who has to sign in again.
const NOTES = {
  "#link-used": "This link was used before, or is too old. Sign in with the token instead.",
  "#signed-out": "You were signed out. Sign in to go on.",
};

const main = document.getElementById("main");
const places = document.getElementById("places");
const leaving = document.getElementById("sign-out");
let leave = () => {}; // what the shown place does when it is left
let signedIn = false;

function place() {
  const path = location.hash.replace(/^#\/?/, "");
  if (path.startsWith("jobs/")) return result(decodeURIComponent(path.slice(5)));
  return path === "recorder" ? recorder() : home();
}

/** Show the place of the address. A place is {element, title, leave}. */
function show({ focus = false } = {}) {
  if (!signedIn) return;
  leave();
  const shown = place();
  leave = shown.leave ?? (() => {});
  main.replaceChildren(shown.element);
  document.title = `${shown.title} · perceptkit`;
  for (const link of places.children) {
    const here = location.hash === "#/recorder" ? "#/recorder" : "#/";
    if (link.hash === here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (focus) {
    main.focus({ preventScroll: true });
    window.scrollTo(0, 0);
    announce(shown.title);
  }
}

function enter(who) {
  signedIn = true;
  places.hidden = false;
  leaving.hidden = !who.signs_in;
  show();
}

function askWho(message) {
  document.title = "Sign in · perceptkit";
  main.replaceChildren(signIn(begin, message));
}

/** Begin anew: nothing that was on the page is left for whoever signs in next. */
function startOver(note) {
  history.replaceState(null, "", `/${note}`);
  location.reload();
}

async function begin() {
  const message = NOTES[location.hash];
  if (message) history.replaceState(null, "", "/");
  try {
    const who = await whoever();
    if (who.signed_in) enter(who);
    else askWho(message);
  } catch (error) {
    const again = make("button", { type: "button", class: "first", onclick: begin }, "Try again");
    main.replaceChildren(wrong(error), make("div", { class: "actions" }, again));
  }
}

window.addEventListener("hashchange", () => show({ focus: true }));
window.addEventListener("signed-out", () => signedIn && startOver("#signed-out"));
// A file that misses the place for it would otherwise replace the page.
for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
leaving.addEventListener("click", async () => {
  try {
    await signOut();
    startOver("");
  } catch (error) {
    main.prepend(wrong(error));
  }
});
document.body.append(silence());
bringIcons();
begin();

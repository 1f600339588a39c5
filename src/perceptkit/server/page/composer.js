// New work: what to do, with which files, how.

import { featureChoice } from "./choosing.js";
import { chosenFiles } from "./chosen.js";
import { dropAnywhere } from "./dropping.js";
import { announce, button, icon, make, wrong } from "./elements.js";
import { FEATURES, NOTHING_KNOWN, choices } from "./features.js";
import { count, sentence, size } from "./formats.js";
import { optionFields } from "./options.js";
import { sendingBar } from "./sending.js";
import { askBeforeLeaving } from "./staying.js";
import * as store from "./store.js";

const FIRST = "faces";
let kept = null; // with its files, and the upload under way, when another place is shown

/** The form; `enter` and `leave` say whether it is shown. */
export const composer = () => (kept ??= newComposer());

function newComposer() {
  const input = make("input", { type: "file", multiple: true, hidden: true, onchange: () => add(input.files) });
  const chosen = chosenFiles(showSum);
  const options = make("fieldset", { class: "options" });
  const said = make("div", {});
  const start = make("button", { class: "first" }, "Start");
  const sum = make("span", { class: "faded small" });
  const clear = button("Leave out all", leaveOutAll, { look: "plain", hidden: true });
  const sending = sendingBar();
  const takesNow = make("span", { class: "faded small" });
  let feature = FIRST;
  let stop = null; // stops the upload under way
  let read = () => ({}); // the values of the options
  let leave = () => {};

  const element = make(
    "form",
    { class: "card composer", onsubmit: submit, "aria-label": "New work" },
    make("h2", {}, "New"),
    featureChoice(FIRST, choose),
    make(
      "div",
      { class: "drop" },
      icon("upload"),
      make("strong", {}, "Drop files here"),
      takesNow,
      button("Choose files", () => input.click(), { id: "choose" }),
      input,
    ),
    chosen.element,
    options,
    said,
    sending.element,
    make("div", { class: "composer-end" }, start, sum, clear),
  );

  function choose(name) {
    feature = name;
    input.accept = FEATURES[name].accept.map((prefix) => `${prefix}*`).join(",");
    takesNow.textContent = `${sentence(FEATURES[name].takes)} They stay on this server.`;
    said.replaceChildren();
    chosen.show(name);
    showOptions();
  }

  async function showOptions() {
    const name = feature;
    read = optionFields(options, FEATURES[name].options(NOTHING_KNOWN));
    try {
      const known = await choices();
      if (name === feature && FEATURES[name].asks) read = optionFields(options, FEATURES[name].options(known));
    } catch (error) {
      options.replaceChildren(wrong(error));
    }
  }

  function add(files) {
    said.replaceChildren();
    chosen.add(files);
    input.value = ""; // so that the same file can be chosen again
  }

  function showSum() {
    const files = chosen.usable();
    const bytes = files.reduce((total, file) => total + file.size, 0);
    sum.textContent = files.length ? `${count(files.length, "file")}, ${size(bytes)}` : "Choose files first.";
    clear.hidden = stop !== null || chosen.all().length < 2;
    start.disabled = stop !== null || !files.length;
  }

  function leaveOutAll() {
    said.replaceChildren();
    chosen.clear();
    document.getElementById("choose").focus();
  }

  async function submit(event) {
    event.preventDefault();
    const files = chosen.usable();
    if (!files.length || stop) return;
    stop = new AbortController();
    const mayLeave = askBeforeLeaving();
    const onprogress = sending.show(files.length, () => stop?.abort());
    said.replaceChildren();
    showSum();
    try {
      const how = { signal: stop.signal, onprogress, onstarted: chosen.remove };
      const ids = await FEATURES[feature].start(files, read(), how);
      files.forEach(chosen.remove);
      announce("Started.");
      await store.refresh();
      if (ids.length === 1 && element.isConnected) location.hash = `#/jobs/${ids[0]}`;
    } catch (error) {
      if (error.name !== "AbortError") showRefusal(error);
      else announce("Stopped.");
      store.refresh().catch(() => {}); // those that were sent before
    } finally {
      stop = null;
      mayLeave();
      sending.element.hidden = true;
      showSum();
      if (document.activeElement === document.body) start.focus(); // the button that stops it had the focus
    }
  }

  function showRefusal(error) {
    said.replaceChildren(wrong(error));
    if (!error.file) return;
    chosen.refuse(error.file);
    if (chosen.usable().length) said.firstChild.append(" It is left out now; Start sends the others.");
  }

  choose(FIRST);
  return { element, enter: () => (leave = dropAnywhere(add)), leave: () => leave() };
}

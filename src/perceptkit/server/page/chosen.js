// The files that were chosen, as a list from which each can be left out.

import { announce, icon, iconButton, make } from "./elements.js";
import { FEATURES, takes } from "./features.js";
import { count, size } from "./formats.js";

/** The list; `onchange` is called when it has changed. */
export function chosenFiles(onchange) {
  const element = make("ul", { class: "chosen", "aria-label": "Chosen files" });
  let files = [];
  let feature = "";
  const refused = new WeakSet(); // what the server did not take

  const usable = () => files.filter((file) => takes(feature, file) && !refused.has(file));

  function add(more) {
    const known = new Set(files.map(sameness));
    files.push(...[...more].filter((file) => !known.has(sameness(file))));
    if (more.length) announce(`${count(files.length, "file")} chosen.`);
    show(feature);
  }

  /** Take a file from the list: it was sent, or is not wanted. */
  function remove(file) {
    files = files.filter((each) => each !== file);
    show(feature);
  }

  /** Keep a file that the server does not take from being sent again. */
  function refuse(file) {
    refused.add(file);
    show(feature);
    element.children[files.indexOf(file)].scrollIntoView({ block: "nearest" });
  }

  function clear() {
    files = [];
    show(feature);
  }

  /** Show which of the files a feature can use. */
  function show(name) {
    feature = name;
    element.hidden = !files.length;
    element.replaceChildren(...files.map(row));
    onchange();
  }

  function row(file) {
    const only = FEATURES[feature].takes.replaceAll(/s\b/g, "").replace(" and ", " or ");
    const about = takes(feature, file) ? size(file.size) : `not a ${only}`;
    const shown = refused.has(file) ? "cannot be used" : about;
    return make(
      "li",
      {},
      icon("file"),
      make("span", { class: "name", title: file.name }, file.name),
      make("span", { class: `${refused.has(file) ? "refused" : "faded"} small numbers` }, shown),
      iconButton(`Leave out ${file.name}`, "close", () => leaveOut(file)),
    );
  }

  function leaveOut(file) {
    remove(file);
    (element.querySelector("button") ?? document.getElementById("choose")).focus();
  }

  return { element, add, remove, refuse, clear, show, usable, all: () => files };
}

const sameness = (file) => `${file.name} ${file.size} ${file.lastModified}`;

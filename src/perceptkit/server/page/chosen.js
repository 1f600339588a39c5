// The files that were chosen, as a list from which each can be left out.

import { announce, icon, iconButton, make } from "./elements.js";
import { FEATURES, takes } from "./features.js";
import { count, size } from "./formats.js";

/** The list; `onchange` is called when it has changed. */
export function chosenFiles(onchange) {
  const element = make("ul", { class: "chosen", "aria-label": "Chosen files" });
  let files = [];
  let feature = "";

  const usable = () => files.filter((file) => takes(feature, file));

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

  /** Show which of the files a feature can use. */
  function show(name) {
    feature = name;
    element.hidden = !files.length;
    element.replaceChildren(...files.map(row));
    onchange();
  }

  function row(file) {
    const only = FEATURES[feature].takes.replace(/s$/, "");
    const about = takes(feature, file) ? size(file.size) : `not a ${only}`;
    return make(
      "li",
      {},
      icon("file"),
      make("span", { class: "name", title: file.name }, file.name),
      make("span", { class: "faded small numbers" }, about),
      iconButton(`Leave out ${file.name}`, "close", () => leaveOut(file)),
    );
  }

  function leaveOut(file) {
    remove(file);
    (element.querySelector("button") ?? document.getElementById("choose")).focus();
  }

  return { element, add, remove, show, usable };
}

const sameness = (file) => `${file.name} ${file.size} ${file.lastModified}`;

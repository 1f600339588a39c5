// The first place: new work beside the list of the old.

import { composer } from "./composer.js";
import { make } from "./elements.js";
import { jobList } from "./jobs.js";

export function home() {
  const list = jobList();
  const work = composer();
  work.enter();
  const element = make(
    "div",
    {},
    make("h1", { class: "unseen" }, "Files"),
    make("div", { class: "home" }, work.element, list.element),
  );
  return {
    element,
    title: "Files",
    leave() {
      work.leave();
      list.leave();
    },
  };
}

// The lanes of a timeline: what is on each, in the order of time.

import { make } from "./elements.js";
import { clock } from "./formats.js";

/** A lane: its track, and its items; `share(time)` is where a time lies, `jump(item)` goes to one. */
export function laneRow(lane, share, jump) {
  const spans = lane.spans.map((span) => ({
    ...span,
    time: span.start,
    look: /camera/.test(span.label) ? "span strong" : "span",
  }));
  const marks = lane.marks.map((mark) => ({ ...mark, look: mark.label === "toe off" ? "mark off" : "mark" }));
  const items = [...spans, ...marks].sort((one, other) => one.time - other.time);
  for (const item of items) {
    const until = item.end === undefined ? "" : ` to ${clock(item.end, 1)}`;
    item.words = `${lane.name}: ${item.label}, ${clock(item.time, item.end === undefined ? 2 : 1)}${until}`;
    item.element = make("button", {
      type: "button",
      class: item.look,
      tabindex: -1,
      "aria-label": item.words,
      title: item.words,
      onclick: (event) => goesToItem(event) && jump(item),
    });
    item.element.style.left = share(item.time);
    if (item.end !== undefined) item.element.style.width = `calc(${share(item.end)} - ${share(item.start)})`;
  }
  return {
    items,
    track: make(
      "div",
      { class: "track", role: "group", "aria-label": lane.name },
      items.map((item) => item.element),
    ),
  };
}

/** Whether a click means what lies there: one of the keyboard (detail 0) or on a mark. Else the place is meant. */
export const goesToItem = (event) => event.detail === 0 || event.target.closest(".mark") !== null;

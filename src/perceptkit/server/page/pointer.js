// The time under the pointer, on a line across a timeline.

import { make } from "./elements.js";
import { clock } from "./formats.js";

/** The line, shown while a mouse or a pen is over `field`; `timeAt(x)` is the time at a place on the screen. */
export function pointerLine(field, timeAt) {
  const text = make("span", { class: "numbers" });
  const line = make("div", { class: "pointer", "aria-hidden": "true", hidden: true }, text);

  function show(event) {
    const box = field.getBoundingClientRect();
    line.hidden = event.pointerType === "touch";
    line.style.left = `${event.clientX - box.left}px`;
    text.textContent = clock(timeAt(event.clientX), 2);
  }

  field.addEventListener("pointermove", show);
  field.addEventListener("pointerleave", () => (line.hidden = true));
  return line;
}

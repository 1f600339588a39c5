// How far an upload is, and the button that stops it.

import { announce, button, make } from "./elements.js";
import { count } from "./formats.js";

/** The element, hidden until `show(files, stop)` gives what is told of the progress (0..1). */
export function sendingBar() {
  const element = make("div", { class: "sending", hidden: true });

  function show(files, stop) {
    const progress = make("progress", { max: "1", value: "0", "aria-label": "Upload" });
    const text = make("span", { class: "numbers" }, "0 %");
    const head = make("div", { class: "sending-head small" }, `Sending ${count(files, "file")}`, text);
    const end = make("div", {}, button("Stop sending", stop, { look: "plain", symbol: "close" }));
    element.replaceChildren(head, progress, end);
    element.hidden = false;
    announce("Sending.");
    return (share) => {
      progress.value = share;
      text.textContent = share < 1 ? `${Math.floor(share * 100)} %` : "Being checked";
    };
  }

  return { element, show };
}

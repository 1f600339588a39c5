// The place where sound is recorded with its direction.

import { dial } from "./dial.js";
import { button, icon, make, wrong } from "./elements.js";
import { clock, size } from "./formats.js";
import { openLink } from "./link.js";
import { openMicrophone } from "./microphone.js";
import { orientation } from "./orientation.js";
import { recordingList } from "./recordings.js";
import { askBeforeLeaving } from "./staying.js";

export function recorder() {
  const compass = dial();
  const recordings = recordingList();
  const level = make("meter", { class: "level", min: "0", max: "1", value: "0", "aria-label": "Level" });
  const time = make("p", { class: "record-time numbers", role: "timer", "aria-label": "Recorded" }, "0:00.0");
  const bytes = make("span", { class: "numbers" }, size(0));
  const state = make("span", { class: "state", role: "status" }, "Not recording");
  const said = make("div", {});
  const toggle = make("button", { type: "button", class: "first record", onclick: () => (running ? stop() : start()) });
  const turning = orientation(compass.set, (error) => said.replaceChildren(wrong(error)));
  let running = null; // {microphone, link, seconds, mayLeave}
  let left = false; // whether another place is shown

  function showToggle(busy = false) {
    toggle.replaceChildren(icon(running ? "stop" : "microphone"), running ? "Stop" : "Record");
    toggle.classList.toggle("on", running !== null);
    toggle.disabled = busy;
  }

  function showState(word, text) {
    state.className = `state ${word}`;
    if (state.textContent !== text) state.textContent = text;
    if (word === "lost" && running) stop();
  }

  async function start() {
    said.replaceChildren();
    showToggle(true);
    let microphone = null;
    try {
      microphone = await openMicrophone(heard, () => running && stop());
      showState("", "Connecting");
      const link = await openLink(microphone.rate, showState);
      running = { microphone, link, seconds: 0, mayLeave: askBeforeLeaving() };
      microphone.start();
    } catch (error) {
      await microphone?.stop();
      showState("", "Not recording");
      said.replaceChildren(wrong(error));
    }
    showToggle();
    if (left && running) stop(); // the browser asked for the microphone meanwhile
  }

  function heard(samples, peak) {
    if (!running) return;
    running.link.send(samples, compass.angle());
    running.seconds += samples.length / running.microphone.rate;
    level.value = Math.max(0, 1 + Math.log10(Math.max(peak, 1e-4)) / 3); // -60 dB to full scale
    time.textContent = clock(running.seconds, 1);
    bytes.textContent = size(running.link.sent);
  }

  async function stop() {
    const { microphone, link, mayLeave } = running;
    if (toggle.disabled) return;
    toggle.disabled = true;
    await microphone.stop();
    const lost = link.closed; // then the state says why
    const whole = lost ? null : await link.stop();
    running = null;
    mayLeave();
    level.value = 0;
    if (whole) showState("", "Saved");
    else if (!lost) showState("waiting", "The server did not confirm the end. What had arrived is kept.");
    showToggle();
    recordings.refresh();
  }

  function leave() {
    left = true;
    if (running) stop();
  }

  showToggle();
  const desk = make(
    "div",
    { class: "home" },
    make(
      "section",
      { class: "card", "aria-label": "Recorder" },
      make("h2", {}, "Record with direction"),
      make(
        "div",
        { class: "record-desk" },
        compass.element,
        make(
          "div",
          { class: "record-side" },
          time,
          level,
          make("p", { class: "record-facts small faded" }, state, bytes),
          make(
            "div",
            { class: "actions" },
            toggle,
            button("Back to 0°", () => compass.set(0)),
            turning,
          ),
          said,
        ),
      ),
    ),
    recordings.element,
  );
  const element = make("div", {}, make("h1", { class: "unseen" }, "Recorder"), desk);
  return { element, title: "Recorder", leave };
}

// The place where sound is recorded with its direction.

import { dial } from "./dial.js";
import { announce, button, icon, make, wrong } from "./elements.js";
import { clock, size } from "./formats.js";
import { openLink } from "./link.js";
import { openMicrophone } from "./microphone.js";
import { orientation } from "./orientation.js";
import { recordingList } from "./recordings.js";

const stay = (event) => event.preventDefault(); // browsers ask before they leave the page

export function recorder() {
  const compass = dial();
  const recordings = recordingList();
  const level = make("meter", { class: "level", min: "0", max: "1", value: "0", "aria-label": "Level" });
  const time = make("p", { class: "record-time numbers", role: "timer", "aria-label": "Recorded" }, "0:00.0");
  const bytes = make("span", { class: "numbers" }, size(0));
  const state = make("span", { class: "state" }, "Not recording");
  const said = make("div", {});
  const toggle = make("button", { type: "button", class: "first record", onclick: () => (running ? stop() : start()) });
  const turning = orientation(compass.set, (error) => said.replaceChildren(wrong(error)));
  let running = null; // {microphone, link, seconds}

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
      running = { microphone, link: await openLink(microphone.rate, showState), seconds: 0 };
      microphone.start();
      window.addEventListener("beforeunload", stay);
      announce("Recording.");
    } catch (error) {
      await microphone?.stop();
      showState("", "Not recording");
      said.replaceChildren(wrong(error));
    }
    showToggle();
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
    const { microphone, link } = running;
    if (toggle.disabled) return;
    toggle.disabled = true;
    await microphone.stop();
    const whole = link.closed ? null : await link.stop();
    running = null;
    window.removeEventListener("beforeunload", stay);
    level.value = 0;
    if (whole) showState("", "Saved");
    announce("The recording has ended.");
    showToggle();
    recordings.refresh();
  }

  showToggle();
  const element = make(
    "div",
    { class: "home recorder" },
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
            button("Front", () => compass.set(0)),
            turning,
          ),
          said,
        ),
      ),
    ),
    recordings.element,
  );
  return { element, title: "Recorder", leave: () => running && stop() };
}

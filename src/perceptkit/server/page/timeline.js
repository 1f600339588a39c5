// Lanes of spans and marks over the time of a video. One stop for Tab; the arrow keys go through what is on it.

import { arrows } from "./arrows.js";
import { announce, iconButton, make } from "./elements.js";
import { clock, count } from "./formats.js";

const ZOOMS = [1, 2, 4, 8, 16, 32];
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const NARROWEST = 84; // pixels between two labels of the axis

/** The element; `found` is {start, end, lanes}, `legend` pairs of a look and a word. */
export function timeline(found, video, legend) {
  const length = Math.max(found.end - found.start, 0.001);
  const share = (time) => `${((time - found.start) / length) * 100}%`;
  const lanes = found.lanes.map((lane) => laneRow(lane, share, jump));
  const axis = make("div", { class: "axis", "aria-hidden": "true" });
  const head = make("div", { class: "playhead" });
  const field = make(
    "div",
    { class: "field" },
    axis,
    lanes.map((lane) => lane.track),
    head,
  );
  const scroll = make("div", { class: "scroll" }, field);
  const names = make(
    "div",
    { class: "lane-names" },
    found.lanes.map((lane) => make("div", { class: "lane-name", title: lane.name }, lane.name)),
  );
  const shown = make("span", { class: "numbers now" }, clock(found.start, 1));
  const grid = make("div", { class: "timeline", role: "group", "aria-label": describe(found) }, names, scroll);
  let zoom = 0;

  function jump(item) {
    video.currentTime = Math.max(0, item.time);
    announce(item.words);
    showHead();
  }

  function showHead() {
    head.style.left = share(Math.min(Math.max(video.currentTime, found.start), found.end));
    shown.textContent = clock(video.currentTime, 1);
    if (!video.paused) keepInSight();
  }

  function keepInSight() {
    const at = head.offsetLeft;
    if (at < scroll.scrollLeft || at > scroll.scrollLeft + scroll.clientWidth - 24)
      scroll.scrollLeft = at - scroll.clientWidth * 0.2;
  }

  function tick() {
    showHead();
    if (!video.paused && field.isConnected) requestAnimationFrame(tick);
  }

  function setZoom(step) {
    zoom = Math.min(Math.max(zoom + step, 0), ZOOMS.length - 1);
    field.style.width = `${ZOOMS[zoom] * 100}%`;
    nearer.disabled = zoom === ZOOMS.length - 1;
    farther.disabled = zoom === 0;
    showAxis();
    scroll.scrollLeft = head.offsetLeft - scroll.clientWidth / 2;
  }

  function showAxis() {
    const step = STEPS.find((each) => (field.clientWidth * each) / length >= NARROWEST) ?? STEPS.at(-1);
    const first = Math.ceil(found.start / step - 1e-9);
    const labels = [];
    for (let at = first; at * step <= found.end + 1e-9; at += 1) {
      const label = make("span", {}, clock(at * step, step < 1 ? 1 : 0));
      label.style.left = share(at * step);
      labels.push(label);
    }
    axis.replaceChildren(...labels);
  }

  field.addEventListener("click", (event) => {
    if (event.target.closest("button")) return;
    const box = field.getBoundingClientRect();
    video.currentTime = found.start + ((event.clientX - box.left) / box.width) * length;
    showHead();
  });
  arrows(field, lanes, jump);
  video.addEventListener("play", tick);
  for (const name of ["seeked", "timeupdate", "pause"]) video.addEventListener(name, showHead);
  const farther = iconButton("Farther", "minus", () => setZoom(-1));
  const nearer = iconButton("Nearer", "plus", () => setZoom(1));
  new ResizeObserver(showAxis).observe(field);
  setZoom(0);
  return make(
    "div",
    {},
    make(
      "div",
      { class: "timeline-head" },
      make("h2", {}, "Timeline"),
      shown,
      make(
        "ul",
        { class: "legend small faded" },
        legend.map(([look, word]) => make("li", {}, make("span", { class: `sample ${look}` }), word)),
      ),
      make("span", { class: "zooms" }, farther, nearer),
    ),
    found.lanes.length ? grid : make("p", { class: "empty" }, "Nothing was found in this video."),
    found.lanes.length
      ? make(
          "p",
          { class: "hint keys" },
          "Click to jump there. With the keyboard: Tab to the timeline, then the arrow keys.",
        )
      : null,
  );
}

function describe(found) {
  const number = found.lanes.reduce((sum, lane) => sum + lane.spans.length + lane.marks.length, 0);
  return `Timeline: ${count(found.lanes.length, "lane")}, ${count(number, "entry", "entries")}`;
}

/** A lane: its track, and what is on it in the order of time. */
function laneRow(lane, share, jump) {
  const spans = lane.spans.map((span) => ({
    ...span,
    time: span.start,
    look: /camera/.test(span.label) ? "span strong" : "span",
  }));
  const marks = lane.marks.map((mark) => ({ ...mark, look: "mark" }));
  const items = [...spans, ...marks].sort((one, other) => one.time - other.time);
  for (const item of items) {
    const until = item.end === undefined ? "" : ` to ${clock(item.end, 1)}`;
    item.words = `${lane.name}: ${item.label}, ${clock(item.time, item.end === undefined ? 2 : 1)}${until}`;
    const attributes = {
      type: "button",
      class: item.look,
      tabindex: -1,
      "aria-label": item.words,
      title: item.words,
      onclick: () => jump(item),
    };
    item.element = make("button", attributes);
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

// Lanes of spans and marks over the time of a video. One stop for Tab; the arrow keys go through what is on it.

import { arrows } from "./arrows.js";
import { iconButton, make } from "./elements.js";
import { clock, count } from "./formats.js";
import { goesToItem, laneRow } from "./lanes.js";
import { pointerLine } from "./pointer.js";

const MOST = 64; // times nearer
const CLOSEST = 4; // seconds that are shown at least
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const NARROWEST = 64; // pixels between two labels of the axis

/** The element; `found` is {start, end, lanes}, `legend` pairs of a look and a word. */
export function timeline(found, video, legend) {
  const length = Math.max(found.end - found.start, 0.001);
  const share = (time) => `${((time - found.start) / length) * 100}%`;
  const lanes = found.lanes.map((lane) => laneRow(lane, share, (item) => goTo(item.time)));
  const axis = make("div", { class: "axis", "aria-hidden": "true" });
  const head = make("div", { class: "playhead" });
  const field = make("div", { class: "field" });
  field.append(axis, ...lanes.map((lane) => lane.track), head, pointerLine(field, timeAt));
  const names = make(
    "div",
    { class: "lane-names" },
    make("div", { class: "corner" }),
    found.lanes.map((lane) => make("div", { class: "lane-name", title: lane.name }, lane.name)),
  );
  const shown = make("span", { class: "numbers now" });
  const grid = make("div", { class: "timeline", role: "group", "aria-label": describe(found) }, names, field);
  const longest = Math.max(4, ...found.lanes.map((lane) => lane.name.length)); // letters
  let zoom = 1;

  function timeAt(x) {
    const box = field.getBoundingClientRect();
    return found.start + Math.min(Math.max((x - box.left) / box.width, 0), 1) * length;
  }

  function goTo(time) {
    video.currentTime = Math.max(0, time);
    showHead();
  }

  function showHead() {
    head.style.left = share(Math.min(Math.max(video.currentTime, found.start), found.end));
    shown.textContent = clock(video.currentTime, 1);
    if (!video.paused) keepInSight();
  }

  const room = () => grid.clientWidth - names.offsetWidth; // for the field

  function keepInSight() {
    const at = head.offsetLeft;
    if (at < grid.scrollLeft || at > grid.scrollLeft + room() - 24) grid.scrollLeft = at - room() * 0.2;
  }

  function tick() {
    showHead();
    if (!video.paused && field.isConnected) requestAnimationFrame(tick);
  }

  function setZoom(wanted) {
    zoom = wanted;
    grid.style.setProperty("--zoom", zoom);
    nearer.disabled = zoom >= MOST || length / zoom <= CLOSEST;
    farther.disabled = zoom === 1;
    showAxis();
    grid.scrollLeft = head.offsetLeft - room() / 2;
  }

  function showAxis() {
    const step = STEPS.find((each) => (field.clientWidth * each) / length >= NARROWEST) ?? STEPS.at(-1);
    const first = Math.ceil(found.start / step - 1e-9);
    const last = found.end - (length * 40) / Math.max(field.clientWidth, 1); // so that the last label has room
    const labels = [];
    for (let at = first; at * step <= last; at += 1) {
      const label = make("span", {}, clock(at * step, step < 1 ? 1 : 0));
      label.style.left = share(at * step);
      labels.push(label);
    }
    axis.replaceChildren(...labels);
  }

  field.addEventListener("click", (event) => goesToItem(event) || goTo(timeAt(event.clientX)));
  arrows(field, lanes, (item) => goTo(item.time));
  video.addEventListener("play", tick);
  for (const name of ["seeked", "timeupdate", "pause"]) video.addEventListener(name, showHead);
  const farther = iconButton("Zoom out", "minus", () => setZoom(zoom / 2));
  const nearer = iconButton("Zoom in", "plus", () => setZoom(zoom * 2));
  new ResizeObserver(showAxis).observe(field);
  grid.style.setProperty("--names", `min(${longest}ch + 0.8rem, 40%)`);
  setZoom(1);
  showHead();
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
          "Click to jump there. With the keyboard: Tab to a bar or mark, then the arrow keys.",
        )
      : null,
  );
}

function describe(found) {
  const number = found.lanes.reduce((sum, lane) => sum + lane.spans.length + lane.marks.length, 0);
  return `Timeline: ${count(found.lanes.length, "lane")}, ${count(number, "entry", "entries")}`;
}

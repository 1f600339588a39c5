// The dial that sets the direction. Degrees, 0 in front, counter-clockwise positive: 90 is to the left.

import { draw, make } from "./elements.js";

const [X, Y] = [144, 122];
const RING = 88;
const KEYS = { ArrowLeft: 5, ArrowUp: 5, ArrowRight: -5, ArrowDown: -5, PageUp: 45, PageDown: -45 };

/** The element, and `angle()`; it is turned by dragging, by the wheel, by the arrow keys, by `set`. */
export function dial() {
  let angle = 0;
  const hand = draw(
    "g",
    { class: "dial-hand" },
    draw("line", { x1: X, y1: Y - RING + 38, x2: X, y2: Y - RING }),
    draw("circle", { cx: X, cy: Y - RING, r: 12 }),
  );
  const shown = draw("text", { class: "dial-angle", x: X, y: Y + 9 });
  const face = draw(
    "svg",
    {
      class: "dial",
      viewBox: "0 0 288 244",
      tabindex: "0",
      role: "slider",
      "aria-label": "Direction of the sound",
      "aria-valuemin": -180,
      "aria-valuemax": 180,
    },
    draw("circle", { class: "dial-ring", cx: X, cy: Y, r: RING }),
    ticks(),
    words(),
    hand,
    shown,
  );

  function set(degrees) {
    angle = wrapped(Math.round(degrees * 10) / 10);
    hand.setAttribute("transform", `rotate(${-angle} ${X} ${Y})`);
    shown.textContent = `${angle}°`;
    face.setAttribute("aria-valuenow", angle);
    face.setAttribute("aria-valuetext", `${angle} degrees, ${side(angle)}`);
  }

  function point(event) {
    const box = face.getBoundingClientRect();
    const [right, up] = [event.clientX - box.left - box.width / 2, box.top + box.height / 2 - event.clientY];
    if (Math.hypot(right, up) > 6) set(Math.round((Math.atan2(-right, up) * 180) / Math.PI));
  }

  face.addEventListener("pointerdown", (event) => {
    face.setPointerCapture(event.pointerId);
    point(event);
  });
  face.addEventListener("pointermove", (event) => face.hasPointerCapture(event.pointerId) && point(event));
  face.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      set(angle - Math.sign(event.deltaY) * (event.shiftKey ? 1 : 5));
    },
    { passive: false },
  );
  face.addEventListener("keydown", (event) => {
    const step = KEYS[event.key];
    if (step === undefined && event.key !== "Home") return;
    event.preventDefault();
    set(step === undefined ? 0 : angle + (event.shiftKey ? Math.sign(step) : step));
  });
  set(0);
  const element = make(
    "div",
    { class: "dial-box" },
    face,
    make(
      "p",
      { class: "hint" },
      "0° is in front, positive is counter-clockwise: 90° is to the left. ",
      "Drag, turn the wheel, or use the arrow keys; with Shift in steps of 1°.",
    ),
  );
  return { element, set, angle: () => angle };
}

/** The same direction within -180 (not reached) to 180. */
function wrapped(degrees) {
  const turned = ((((degrees + 180) % 360) + 360) % 360) - 180;
  return turned === -180 ? 180 : turned + 0;
}

function side(angle) {
  const size = Math.abs(angle);
  if (size <= 10) return "in front";
  if (size >= 170) return "behind";
  const half = angle > 0 ? "left" : "right";
  if (size > 80 && size < 100) return half;
  return `${size < 90 ? "in front" : "behind"}, to the ${half}`;
}

function ticks() {
  return Array.from({ length: 24 }, (_, i) =>
    draw("line", {
      class: i % 6 ? "dial-tick" : "dial-tick main",
      x1: X,
      x2: X,
      y1: Y - RING + 5,
      y2: Y - RING + (i % 6 ? 10 : 14),
      transform: `rotate(${i * 15} ${X} ${Y})`,
    }),
  );
}

function words() {
  const places = [
    ["front", 0, -RING - 20, "middle"],
    ["left", -RING - 19, 5, "end"],
    ["right", RING + 19, 5, "start"],
    ["behind", 0, RING + 30, "middle"],
  ];
  return places.map(([word, x, y, anchor]) =>
    draw("text", { class: "dial-word", x: X + x, y: Y + y, "text-anchor": anchor }, word),
  );
}

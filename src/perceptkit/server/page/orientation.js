// The dial follows the device that is turned, where it can tell how it lies.

import { button } from "./elements.js";

/** A button that switches it on and off; null where there is no such device. */
export function orientation(set, failed) {
  if (!("DeviceOrientationEvent" in window) || !matchMedia("(pointer: coarse)").matches) return null;
  let first = null; // where the device pointed when it was switched on: that is the front
  let on = false;

  const turned = ({ alpha }) => {
    if (alpha === null) return;
    first ??= alpha;
    set(alpha - first);
  };

  async function swap() {
    if (on) window.removeEventListener("deviceorientation", turned);
    else if (await allowed()) window.addEventListener("deviceorientation", turned);
    else return failed(new Error("The browser was not allowed to tell how the device is turned."));
    on = !on;
    first = null;
    element.setAttribute("aria-pressed", String(on));
  }

  const element = button("Follow this device", swap, { "aria-pressed": "false" });
  return element;
}

async function allowed() {
  const ask = window.DeviceOrientationEvent.requestPermission; // Safari asks, others do not
  return !ask || (await ask.call(window.DeviceOrientationEvent).catch(() => "denied")) === "granted";
}

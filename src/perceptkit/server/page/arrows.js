// Going through what is on a timeline with the keyboard.

/** The arrow keys: left and right within a lane, up and down to what is nearest in time in the next one. */
export function arrows(field, lanes, jump) {
  const full = lanes.filter((lane) => lane.items.length);
  if (full.length) full[0].items[0].element.tabIndex = 0;

  function go(item) {
    for (const element of field.querySelectorAll("button[tabindex='0']")) element.tabIndex = -1;
    item.element.tabIndex = 0;
    item.element.focus();
    jump(item);
  }

  field.addEventListener("keydown", (event) => {
    const at = full.findIndex((lane) => lane.items.some((item) => item.element === event.target));
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const { items } = full[at];
    const here = items.findIndex((item) => item.element === event.target);
    const beside = { ArrowUp: full[at - 1], ArrowDown: full[at + 1] }[event.key];
    const wanted =
      { ArrowLeft: items[here - 1], ArrowRight: items[here + 1], Home: items[0], End: items.at(-1) }[event.key] ??
      (beside && nearest(beside.items, items[here].time));
    if (!wanted) return;
    event.preventDefault();
    go(wanted);
  });
}

function nearest(items, time) {
  return items.reduce((best, item) => (Math.abs(item.time - time) < Math.abs(best.time - time) ? item : best));
}

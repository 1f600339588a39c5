// Rows that stay the same elements while what they show changes: buttons keep the focus, sounds go on.

/** What shows things in `list`; `newRow(thing)` gives a row {element, show(thing)}, `identify` tells things apart. */
export function keptRows(list, identify, newRow) {
  const shown = new Map();

  return (things) => {
    const there = new Set(things.map(identify));
    for (const [id, row] of shown) {
      if (there.has(id)) continue;
      const lost = row.element.contains(document.activeElement);
      const next = row.element.nextSibling;
      row.element.remove();
      shown.delete(id);
      if (lost) (next ?? list.lastElementChild ?? list.parentElement).querySelector("a, button, h2").focus();
    }
    things.forEach((thing, at) => {
      const id = identify(thing);
      if (!shown.has(id)) shown.set(id, newRow(thing));
      const row = shown.get(id);
      row.show(thing);
      if (list.children[at] !== row.element) list.insertBefore(row.element, list.children[at] ?? null);
    });
  };
}

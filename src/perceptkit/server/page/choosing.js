// The choice of what to do.

import { icon, make } from "./elements.js";
import { FEATURES } from "./features.js";

/** A card for each feature, `first` chosen; `onchange(name)` is called for another. */
export function featureChoice(first, onchange) {
  return make(
    "fieldset",
    {},
    make("legend", { class: "unseen" }, "What to do"),
    make(
      "div",
      { class: "features" },
      Object.entries(FEATURES).map(([name, row]) =>
        make(
          "label",
          { class: "feature" },
          make("input", {
            type: "radio",
            name: "feature",
            value: name,
            checked: name === first,
            onchange: () => onchange(name),
          }),
          make(
            "span",
            { class: "feature-face" },
            icon(name),
            make("span", {}, row.title),
            make("span", { class: "hint" }, row.about),
          ),
        ),
      ),
    ),
  );
}

// The fields of a feature's options.

import { make } from "./elements.js";

/** Fill a fieldset with fields; gives what reads their values as the form fields of a request. */
export function optionFields(fieldset, fields) {
  const readers = fields.map((field) => {
    const { element, value } = KINDS[field.kind](field);
    return { element, read: () => [field.name, value()] };
  });
  fieldset.replaceChildren(make("legend", { class: "unseen" }, "Options"), ...readers.map((each) => each.element));
  return () => Object.fromEntries(readers.map((each) => each.read()).filter(([, value]) => value !== ""));
}

const KINDS = { select, check, range };

const UNKNOWN = [{ value: "", text: "Default" }]; // until the server has said what there is

function select({ text, values, value }) {
  const input = make(
    "select",
    {},
    (values.length ? values : UNKNOWN).map((each) =>
      make("option", { value: each.value, selected: each.value === value }, each.text),
    ),
  );
  return { element: make("label", {}, text, input), value: () => input.value };
}

function check({ text }) {
  const input = make("input", { type: "checkbox" });
  return { element: make("label", { class: "check" }, input, text), value: () => String(input.checked) };
}

/** A slider that may be left alone: then the server decides. */
function range({ text, from, to, step, hint, optional }) {
  const middle = (from + to) / 2;
  const own = make("input", { type: "checkbox", checked: true, onchange: show });
  const input = make("input", {
    type: "range",
    min: from,
    max: to,
    step,
    value: middle,
    "aria-label": text,
    oninput: show,
  });
  const shown = make("output", { class: "numbers" });
  const slider = make(
    "div",
    {},
    make("div", { class: "range-head small" }, make("span", { class: "hint" }, hint), shown),
    input,
  );

  function show() {
    slider.hidden = own.checked;
    shown.textContent = Number(input.value).toFixed(2);
  }

  show();
  const element = make(
    "div",
    {},
    make("strong", { class: "small" }, text),
    make("label", { class: "check" }, own, optional),
    slider,
  );
  return { element, value: () => (own.checked ? "" : input.value) };
}

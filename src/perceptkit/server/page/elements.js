// Elements, made in one call each.

const SVG = "http://www.w3.org/2000/svg";

/** An element with its attributes, what listens to it (`onclick`), and its children; null children are left out. */
export function make(tag, attributes = {}, ...children) {
  return dressed(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function draw(tag, attributes = {}, ...children) {
  return dressed(document.createElementNS(SVG, tag), attributes, children);
}

/** A picture of icons.svg. */
export function icon(name) {
  return draw("svg", { class: "icon", "aria-hidden": "true" }, draw("use", { href: `#icon-${name}` }));
}

/** A button; with `symbol` it shows the icon before its text. */
export function button(text, onclick, { symbol, look = "", ...rest } = {}) {
  return make("button", { type: "button", class: look, onclick, ...rest }, symbol ? icon(symbol) : null, text);
}

/** A button that is only an icon; its text is its name. */
export function iconButton(text, symbol, onclick, rest = {}) {
  const attributes = { type: "button", class: "plain only-icon", "aria-label": text, title: text, onclick, ...rest };
  return make("button", attributes, icon(symbol));
}

/** Say a sentence to those who hear the page. */
export function announce(sentence) {
  document.getElementById("live").textContent = sentence;
}

/** Ask before something that cannot be undone: whether it is wanted. */
export function confirmed(question, explanation, action) {
  return new Promise((resolve) => {
    const answer = (value) => () => dialog.close(value);
    const dialog = make(
      "dialog",
      { "aria-labelledby": "asked", "aria-describedby": "asked-about" },
      make("h2", { id: "asked" }, question),
      make("p", { id: "asked-about" }, explanation),
      make(
        "div",
        { class: "actions" },
        button("Keep", answer(""), { autofocus: true }),
        button(action, answer("yes"), { look: "danger" }),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** What went wrong, as a box that is read out. */
export function wrong(error) {
  return make("p", { class: "notice wrong", role: "alert" }, error.message);
}

function dressed(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

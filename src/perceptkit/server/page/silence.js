// The word that the server does not answer, while it does not.

import { make } from "./elements.js";
import * as store from "./store.js";

/** The element, hidden while the server answers. */
export function silence() {
  const text = make("p", { class: "silence", role: "status" });
  store.listen(() => {
    const said = store.isSilent() ? "The server does not answer. Trying again." : "";
    if (text.textContent !== said) text.textContent = said;
  });
  return text;
}

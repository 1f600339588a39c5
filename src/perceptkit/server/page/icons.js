// The pictures of buttons: fetched once, so that they are there when the server is not.

import { draw } from "./elements.js";

/** Bring icons.svg into the page. */
export async function bringIcons() {
  const answer = await fetch("/page/icons.svg");
  const pictures = new DOMParser().parseFromString(await answer.text(), "image/svg+xml").documentElement;
  for (const picture of pictures.children) picture.id = `icon-${picture.id}`; // no other element is called so
  document.body.append(draw("svg", { hidden: true }, [...pictures.children]));
}

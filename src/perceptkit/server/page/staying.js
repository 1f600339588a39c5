// Asking before the page is left while something would be lost.

/** From now on the browser asks; gives what ends that. */
export function askBeforeLeaving() {
  const ask = (event) => event.preventDefault();
  window.addEventListener("beforeunload", ask);
  return () => window.removeEventListener("beforeunload", ask);
}

// Files that are dropped.

/** Take files that are dropped anywhere on the page; gives what ends that. */
export function dropAnywhere(add) {
  const mark = (event) =>
    document.body.classList.toggle("dropping", event.dataTransfer?.types.includes("Files") ?? false);
  const unmark = (event) => event.relatedTarget === null && document.body.classList.remove("dropping");
  const take = (event) => {
    document.body.classList.remove("dropping");
    if (event.dataTransfer?.files.length) add(event.dataTransfer.files);
  };
  const ends = [
    ["dragover", mark],
    ["dragleave", unmark],
    ["drop", take],
  ];
  for (const [name, listener] of ends) window.addEventListener(name, listener);
  return () => ends.forEach(([name, listener]) => window.removeEventListener(name, listener));
}

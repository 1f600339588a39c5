// The people of photos and videos: a row each, the best face large, click another to see it.

import { ask } from "./api.js";
import { make } from "./elements.js";
import { clock, count, sentence } from "./formats.js";

const FIRST = 24; // faces of a person that are shown before somebody asks for all

export async function people(job) {
  const found = await ask("GET", `/api/faces/${encodeURIComponent(job.job_id)}/people`);
  const seen = [count(found.photos, "photo"), found.videos ? count(found.videos, "video") : ""]
    .filter(Boolean)
    .join(" and ");
  const faces = found.people.reduce((sum, person) => sum + person.faces.length, 0);
  const summary = found.people.length
    ? `${count(found.people.length, "person", "people")}, ${count(faces, "face")} in ${seen}`
    : `No face was found in ${seen}.`;
  return make(
    "div",
    { class: "gallery" },
    make("p", { class: "summary" }, summary),
    found.errors.length ? unused(found.errors) : null,
    found.people.length
      ? make(
          "ul",
          { class: "people" },
          mostSeen(found.people).map((person, at) => personRow(person, `Person ${at + 1}`)),
        )
      : null,
    found.notes.map((note) => make("p", { class: "notice" }, sentence(note))),
  );
}

/** Those with the most faces first: in photos of a crowd the others are passers-by. */
function mostSeen(people) {
  const quality = (person) => Math.max(...person.faces.map((face) => face.quality));
  return [...people].sort((one, other) => other.faces.length - one.faces.length || quality(other) - quality(one));
}

function personRow(person, name) {
  const large = make("img", { class: "large", width: 160, height: 160, alt: "" });
  const caption = make("dl", { class: "face-facts" });
  const strip = make("div", {
    class: "strip",
    role: "group",
    "aria-label": `Faces of ${name}`,
    hidden: person.faces.length < 2,
  });
  const best = person.faces.find((face) => face.best) ?? person.faces[0];
  const buttons = new Map();

  function choose(face) {
    large.src = face.headshot;
    large.alt = `${name}, from ${face.source}`;
    caption.replaceChildren(
      ...facts(face).flatMap(([term, value]) => [
        make("dt", {}, term),
        make("dd", { class: "numbers", title: value }, value),
      ]),
    );
    for (const [each, element] of buttons) element.setAttribute("aria-pressed", String(each === face));
  }

  function fill(faces) {
    for (const face of faces) {
      const element = make(
        "button",
        { type: "button", class: "face", "aria-pressed": "false", onclick: () => choose(face) },
        make("img", { src: face.headshot, alt: `${face.source}${at(face)}`, width: 56, height: 56, loading: "lazy" }),
      );
      buttons.set(face, element);
      strip.append(element);
    }
  }

  fill(person.faces.slice(0, FIRST));
  const rest = person.faces.slice(FIRST);
  if (rest.length) {
    const more = make("button", { type: "button", class: "more" }, `+${rest.length}`);
    more.addEventListener("click", () => {
      more.remove();
      fill(rest);
      buttons.get(rest[0]).focus();
    });
    more.setAttribute("aria-label", `Show ${rest.length} more`);
    strip.append(more);
  }
  choose(best);
  const sources = new Set(person.faces.map((face) => face.source)).size;
  const where = `${count(person.faces.length, "face")} in ${count(sources, "file")}`;
  const about = `${where} · number ${person.person} in the downloads`;
  return make(
    "li",
    { class: "card person" },
    large,
    make(
      "div",
      { class: "person-about" },
      make("h2", {}, name),
      make("p", { class: "faded small" }, about),
      caption,
      strip,
    ),
  );
}

function facts(face) {
  const rows = [["File", face.source]];
  if (face.time !== null) rows.push(["Time", clock(face.time, 2)]);
  rows.push(["Quality", percent(face.quality)], ["Certainty", percent(face.score)]);
  return rows;
}

const percent = (share) => `${Math.round(share * 100)} %`;
const at = (face) => (face.time === null ? "" : ` at ${clock(face.time)}`);

function unused(errors) {
  return make(
    "div",
    { class: "notice" },
    make("strong", {}, `${count(errors.length, "file")} could not be used`),
    make(
      "ul",
      {},
      errors.map((each) => make("li", { class: "small" }, `${each.source}: ${sentence(each.error)}`)),
    ),
  );
}

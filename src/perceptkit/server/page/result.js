// One job: how far it is, then what came of it.

import { ask } from "./api.js";
import { downloads } from "./downloads.js";
import { announce, button, icon, make, wrong } from "./elements.js";
import { FEATURES, featureOf } from "./features.js";
import { moment, sentence } from "./formats.js";
import { cancelJob, deleteJob, fillProgress } from "./jobs.js";
import { people } from "./people.js";
import { player } from "./player.js";
import * as store from "./store.js";

const SHOWS = { faces: people, gaze: player, footsteps: player };
const WAITS = { pending: "Waits for its turn", processing: "Begins" };
const STAGES = {
  models: "Loading the models",
  photos: "Looking at the photos",
  pictures: "Looking at the pictures",
  results: "Writing the results",
  frames: "Looking at the frames",
  "frames drawn": "Drawing what was found",
  footsteps: "Making the sound",
};

export function result(id) {
  const head = make("div", { class: "result-head" });
  const said = make("div", { class: "result-said" });
  const body = make("div", { class: "result-body" });
  const element = make(
    "article",
    { class: "result" },
    make("a", { class: "back", href: "#/" }, icon("back"), "All work"),
    head,
    said,
    body,
  );
  let last = null; // the status that is shown
  let step = ""; // how far it was when that was said last

  function show() {
    const job = store.find(id);
    if (!job) return last !== null && showGone();
    if (job.status !== last) {
      last = job.status;
      showHead(job);
      showBody(job);
    }
    showProgress(job);
  }

  function showGone() {
    head.querySelector("button").disabled = true;
    body.replaceChildren(make("p", { class: "notice", role: "status" }, "It was deleted."));
  }

  function showHead(job) {
    document.title = `${job.filename} · perceptkit`;
    const feature = FEATURES[featureOf(job)];
    const action = store.ended(job)
      ? button(
          "Delete",
          () =>
            deleteJob(job)
              .then((gone) => gone && (location.hash = "#/"))
              .catch(failed),
          { symbol: "delete" },
        )
      : button("Cancel", () => cancelJob(job).catch(failed), { symbol: "close" });
    const facts = [feature.title, job.model, moment(job.created_at)].filter(Boolean).join(" · ");
    head.replaceChildren(make("div", {}, make("h1", {}, job.filename), make("p", { class: "faded" }, facts)), action);
  }

  function showBody(job) {
    if (!store.ended(job)) {
      body.replaceChildren(
        make(
          "div",
          { class: "card waiting" },
          make(
            "div",
            { class: "progress-head" },
            make("strong", { class: "stage" }),
            make("span", { class: "how-far numbers faded" }),
          ),
          make("progress", { max: "100", "aria-label": "Progress" }),
        ),
      );
    } else if (job.status === "completed") {
      announce("Done.");
      showResult(job);
    } else {
      announce(`The work was ${job.status}.`);
      body.replaceChildren(make("p", { class: `notice ${job.status === "cancelled" ? "" : "wrong"}` }, ending(job)));
    }
  }

  function showProgress(job) {
    const progress = body.querySelector(".waiting progress");
    if (!progress) return;
    fillProgress(job, progress, body.querySelector(".how-far"));
    const stage = (job.status === "processing" && (STAGES[job.stage] ?? job.stage)) || WAITS[job.status];
    body.querySelector(".stage").textContent = stage;
    const now = `${stage}, ${Math.floor(job.progress_percentage / 25) * 25} %`;
    if (now !== step) announce(now); // a few times, not at every frame
    step = now;
  }

  async function showResult(job) {
    body.replaceChildren(make("p", { class: "faded" }, "Loading."));
    try {
      const [shown, files] = await Promise.all([
        SHOWS[featureOf(job)](job),
        ask("GET", `/api/jobs/${encodeURIComponent(id)}/files`),
      ]);
      body.replaceChildren(...warnings(job), shown, downloads(files.files));
    } catch (error) {
      body.replaceChildren();
      failed(error);
    }
  }

  const failed = (error) => said.replaceChildren(wrong(error));
  const leave = store.listen(show);
  show();
  store.fetchJob(id).catch(failed);
  return { element, title: store.find(id)?.filename ?? "Result", leave };
}

function ending(job) {
  if (job.error) return sentence(job.error);
  return job.status === "cancelled"
    ? "It was cancelled."
    : `The work ${job.status === "failed" ? "failed" : "was interrupted"}.`;
}

function warnings(job) {
  if (featureOf(job) === "faces") return []; // they are said beside the people, with the reasons
  return job.warnings.map((text) => make("p", { class: "notice" }, sentence(text)));
}

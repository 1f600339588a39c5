// The own jobs, kept as they are on the server: followed by server-sent events, or asked for again.

import { ask } from "./api.js";

const ENDED = ["completed", "failed", "cancelled", "interrupted"];
const STREAMS = 2; // of the six connections that browsers keep to a server
const AGAIN = 3000; // ms until jobs that are not followed are asked for

const jobs = new Map();
const listeners = new Set();
const streams = new Map();
const pace = new Map(); // job id -> what its stage had done when it was first seen
let timer = null;

export const ended = (job) => ENDED.includes(job.status);
export const all = () => [...jobs.values()].sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
export const find = (id) => jobs.get(id);

/** Call `listener` after every change; gives what ends that. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Ask for all jobs. */
export async function refresh() {
  const listed = await ask("GET", "/api/jobs/all");
  const there = new Set(listed.map((job) => job.job_id));
  for (const id of jobs.keys()) if (!there.has(id)) forget(id);
  for (const job of listed) jobs.set(job.job_id, job);
  changed();
}

/** Ask for one job; throws the Problem when there is none. */
export async function fetchJob(id) {
  take(await ask("GET", `/api/jobs/${encodeURIComponent(id)}`));
  return jobs.get(id);
}

export async function cancel(id) {
  await ask("POST", `/api/jobs/${encodeURIComponent(id)}/cancel`);
  await fetchJob(id);
}

export async function remove(id) {
  await ask("DELETE", `/api/jobs/${encodeURIComponent(id)}`);
  forget(id);
  changed();
}

/** Seconds that the stage of a job still takes, judged by its pace since it was first seen; null: not known yet. */
export function timeLeft(job) {
  const first = pace.get(job.job_id);
  if (job.status !== "processing" || !first || first.stage !== job.stage) return null;
  const passed = (performance.now() - first.at) / 1000;
  const done = job.progress_percentage - first.done;
  return passed < 2 || done <= 0 ? null : (passed / done) * (100 - job.progress_percentage);
}

function take(job) {
  jobs.set(job.job_id, job);
  const first = pace.get(job.job_id);
  if (job.status === "processing" && first?.stage !== job.stage) {
    pace.set(job.job_id, { stage: job.stage, at: performance.now(), done: job.progress_percentage });
  }
  changed();
}

function changed() {
  const active = all().filter((job) => !ended(job));
  for (const id of streams.keys()) if (!active.some((job) => job.job_id === id)) close(id);
  // Those that run, and of those that wait the one that waits longest: it is next.
  const next = active
    .reverse()
    .sort((one, other) => (one.status === "processing" ? 0 : 1) - (other.status === "processing" ? 0 : 1));
  for (const job of next) if (streams.size < STREAMS && !streams.has(job.job_id)) follow(job.job_id);
  clearTimeout(timer);
  if (active.length > streams.size) timer = setTimeout(() => refresh().catch(() => changed()), AGAIN);
  for (const listener of listeners) listener();
}

function follow(id) {
  const stream = new EventSource(`/api/jobs/${encodeURIComponent(id)}/events`);
  streams.set(id, stream);
  for (const name of ["progress", ...ENDED]) {
    stream.addEventListener(name, (event) => jobs.has(id) && take(JSON.parse(event.data)));
  }
  stream.onerror = () => {
    if (stream.readyState !== EventSource.CLOSED) return; // the browser connects again
    close(id);
    setTimeout(() => fetchJob(id).catch(() => {}), AGAIN);
  };
}

function close(id) {
  streams.get(id)?.close();
  streams.delete(id);
}

function forget(id) {
  close(id);
  jobs.delete(id);
  pace.delete(id);
}

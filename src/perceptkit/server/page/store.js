// The own jobs, kept as they are on the server: followed by server-sent events, or asked for again.

import { ask } from "./api.js";

const ENDED = ["completed", "failed", "cancelled", "interrupted"];
const STREAMS = 2; // of the six connections that browsers keep to a server
const AGAIN = 3000; // ms until jobs that are not followed are asked for

const jobs = new Map();
const listeners = new Set();
const streams = new Map();
const pace = new Map(); // job id -> what its stage had done when it was first seen
const unwanted = new Set(); // ids of jobs that are being cancelled
let timer = null; // until jobs that are not followed are asked for
let retry = null; // until what is followed is asked for after trouble
let silent = false; // whether the server did not answer last

export const ended = (job) => ENDED.includes(job.status);
export const all = () => [...jobs.values()].sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
export const find = (id) => jobs.get(id);
export const beingCancelled = (job) => unwanted.has(job.job_id) && !ended(job);
export const isSilent = () => silent;

/** Call `listener` after every change; gives what ends that. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Ask for all jobs. */
export async function refresh() {
  const listed = await ask("GET", "/api/jobs/all").catch((error) => {
    hear(error.status !== 0);
    throw error;
  });
  const there = new Set(listed.map((job) => job.job_id));
  for (const id of jobs.keys()) if (!there.has(id)) forget(id);
  for (const job of listed) keep(job);
  hear(true);
  changed();
}

/** Ask for one job; throws the Problem when there is none. */
export async function fetchJob(id) {
  take(await ask("GET", `/api/jobs/${encodeURIComponent(id)}`));
  return jobs.get(id);
}

export async function cancel(id) {
  unwanted.add(id);
  changed();
  try {
    await ask("POST", `/api/jobs/${encodeURIComponent(id)}/cancel`);
    await fetchJob(id);
  } catch (error) {
    unwanted.delete(id);
    changed();
    throw error;
  }
}

export async function remove(id) {
  await ask("DELETE", `/api/jobs/${encodeURIComponent(id)}`);
  forget(id);
  changed();
}

/** Seconds that the stage of a job still takes, judged by its pace since it was first seen; null: not known yet. */
export function timeLeft(job) {
  const first = pace.get(job.job_id);
  if (silent || job.status !== "processing" || !first || first.stage !== job.stage) return null;
  const passed = (performance.now() - first.at) / 1000;
  const done = job.progress_percentage - first.done;
  return passed < 2 || done <= 0 ? null : (passed / done) * (100 - job.progress_percentage);
}

function take(job) {
  keep(job);
  hear(true);
  changed();
}

function keep(job) {
  jobs.set(job.job_id, job);
  const first = pace.get(job.job_id);
  const anew = first?.stage !== job.stage || job.progress_percentage < first.done;
  if (job.status === "processing" && anew) {
    pace.set(job.job_id, { stage: job.stage, at: performance.now(), done: job.progress_percentage });
  }
}

function hear(answered) {
  if (!answered) retry ??= setTimeout(askAgain, AGAIN);
  if (silent === !answered) return;
  silent = !answered;
  for (const listener of listeners) listener();
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
  if (active.length > streams.size) timer = setTimeout(() => refresh().catch(changed), AGAIN);
  for (const listener of listeners) listener();
}

function follow(id) {
  const stream = new EventSource(`/api/jobs/${encodeURIComponent(id)}/events`);
  streams.set(id, stream);
  for (const name of ["progress", ...ENDED]) {
    stream.addEventListener(name, (event) => jobs.has(id) && take(JSON.parse(event.data)));
  }
  stream.onopen = () => hear(true);
  stream.onerror = () => (retry ??= setTimeout(askAgain, AGAIN));
}

/** After trouble: those that are closed are opened again; to the others the browser connects again. */
function askAgain() {
  retry = null;
  for (const [id, stream] of streams) if (stream.readyState === EventSource.CLOSED) close(id);
  refresh().catch(changed);
}

function close(id) {
  streams.get(id)?.close();
  streams.delete(id);
}

function forget(id) {
  close(id);
  jobs.delete(id);
  pace.delete(id);
  unwanted.delete(id);
}

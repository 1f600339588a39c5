// The connection of a recording. It comes back when it breaks, and sends again what was not confirmed.

import { ask, form } from "./api.js";

const ATTEMPTS = 40;
const LONGEST = 4000; // ms between two attempts
const HELD = 6000; // chunks, ten minutes, that wait for a connection; then the oldest are given up
const FINAL = [1000, 4401, 4403, 4404]; // codes after which there is nothing to come back to
const ENDING = 15000; // ms for the server to say that it has stopped

/** Begin a session and connect to it. `onstate(word, sentence)`: connected | waiting | lost. */
export async function openLink(rate, onstate) {
  const begun = await ask("POST", "/api/audio/start-stream", form({ sample_rate: rate, channels: 1 }));
  const address = new URL(`/ws/audio/${encodeURIComponent(begun.session_id)}`, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const waiting = new Map(); // seq -> message that is not confirmed
  const link = { sent: 0, closed: false, send, stop }; // sent: bytes of sound
  let socket = null;
  let seq = 0;
  let failures = 0;
  let trouble = ""; // what the server said last of something that it could not do
  let ending = null; // what is called when the server has stopped

  function connect() {
    socket = new WebSocket(address);
    socket.onopen = () => {
      onstate("connected", "Connected");
      for (const message of waiting.values()) socket.send(message);
      if (ending) tryStop();
    };
    socket.onmessage = ({ data }) => heard(JSON.parse(data));
    socket.onclose = ({ code, reason }) => broken(code, reason);
  }

  function heard(answer) {
    failures = 0;
    if (answer.status === "error") trouble = answer.error;
    if (answer.seq !== undefined) confirm(answer.seq);
    if (answer.status !== "stopped") return ending && tryStop();
    if (!ending) return giveUp(trouble);
    link.closed = true;
    ending(answer);
  }

  function confirm(upTo) {
    for (const number of waiting.keys()) {
      if (number > upTo) break;
      waiting.delete(number);
    }
  }

  function broken(code, reason) {
    if (link.closed) return;
    if (FINAL.includes(code)) return giveUp(reason);
    failures += 1;
    if (failures > ATTEMPTS) return giveUp("the server does not come back");
    onstate("waiting", `Connection lost, trying again. ${(waiting.size / 10).toFixed(0)} s wait to be sent.`);
    setTimeout(() => link.closed || connect(), Math.min(250 * 1.6 ** (failures - 1), LONGEST));
  }

  function giveUp(reason) {
    link.closed = true;
    onstate("lost", `The recording was ended: ${reason || "the server closed it"}. What had arrived is kept.`);
    ending?.(null);
  }

  /** All must have arrived before the word to stop is said. */
  function tryStop() {
    if (!waiting.size && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ command: "stop" }));
  }

  /** Send samples (Int16Array, little-endian as all browsers are) with their angle. */
  function send(samples, angle) {
    seq += 1;
    const message = JSON.stringify({ audio_data: base64(samples), angle, seq });
    waiting.set(seq, message);
    if (waiting.size > HELD) waiting.delete(waiting.keys().next().value);
    link.sent += samples.byteLength;
    if (socket.readyState === WebSocket.OPEN) socket.send(message);
  }

  /** End the recording: what the server says of it; null when it could not be told. */
  async function stop() {
    if (link.closed) return null;
    const answer = await new Promise((resolve) => {
      ending = resolve;
      tryStop();
      setTimeout(() => resolve(null), ENDING);
    });
    link.closed = true;
    socket.close();
    if (!answer) await ask("POST", `/api/audio/stop-stream/${encodeURIComponent(begun.session_id)}`).catch(() => {});
    return answer;
  }

  connect();
  return link;
}

function base64(samples) {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return btoa(text);
}

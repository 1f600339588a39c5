// The microphone: samples as 16-bit integers, at the rate that the browser really gives.

/** Open it. `onchunk(samples: Int16Array, peak: 0..1)` is called ten times a second, `onlost` when it is unplugged. */
export async function openMicrophone(onchunk, onlost) {
  if (!navigator.mediaDevices)
    throw new Error("Browsers give the microphone only to https:// pages and to this machine itself.");
  const plain = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: plain }).catch((error) => {
    throw new Error(REFUSALS[error.name] ?? `The microphone cannot be used: ${error.message}.`);
  });
  const context = new AudioContext();
  await context.audioWorklet.addModule("/page/capture.js");
  await context.resume();
  const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
  const source = context.createMediaStreamSource(stream);
  stream.getAudioTracks()[0].addEventListener("ended", onlost);
  let ending = null;
  node.port.onmessage = ({ data }) => (data === null ? ending?.() : onchunk(...integers(data)));

  return {
    rate: context.sampleRate,
    /** Begin to hand sound on. */
    start: () => source.connect(node),
    /** End; what was heard until now has been handed on when this is done. */
    async stop() {
      source.disconnect();
      await new Promise((resolve) => {
        ending = resolve;
        node.port.postMessage("end");
        setTimeout(resolve, 500); // a context that the browser has put to sleep does not answer
      });
      for (const track of stream.getTracks()) track.stop();
      await context.close();
    },
  };
}

const REFUSALS = {
  NotAllowedError:
    "The browser was not allowed to use the microphone. Allow it beside the address of this page, then try again.",
  NotFoundError: "There is no microphone.",
  NotReadableError: "Another program holds the microphone.",
};

function integers(samples) {
  const whole = new Int16Array(samples.length);
  let peak = 0;
  for (let i = 0; i < samples.length; i += 1) {
    const value = Math.max(-1, Math.min(1, samples[i]));
    peak = Math.max(peak, Math.abs(value));
    whole[i] = Math.round(value * 32767);
  }
  return [whole, peak];
}

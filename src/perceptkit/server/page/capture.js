// Runs beside the page, where the sound is: hands the samples of the microphone on, about ten times a second.

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(Math.round(sampleRate / 10));
    this.filled = 0;
    this.port.onmessage = () => {
      // the end: what is left, then the word that it was all
      this.hand();
      this.port.postMessage(null);
    };
  }

  process([input]) {
    if (!input.length) return true;
    for (let i = 0; i < input[0].length; i += 1) {
      let sum = 0;
      for (const channel of input) sum += channel[i];
      this.block[this.filled] = sum / input.length;
      this.filled += 1;
      if (this.filled === this.block.length) this.hand();
    }
    return true;
  }

  hand() {
    if (!this.filled) return;
    this.port.postMessage(this.block.slice(0, this.filled));
    this.filled = 0;
  }
}

registerProcessor("capture", Capture);

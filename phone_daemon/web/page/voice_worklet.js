// Both directions of a call's sound, on the browser's audio thread: the microphone in 20 ms pieces of 16-bit PCM, and
// the agent's replies. An interruption drops the part of a reply that has not been played.

const { AudioWorkletProcessor, registerProcessor, sampleRate } = /** @type {any} */ (globalThis);

const FRAME = Math.round(sampleRate / 50);
/** A reply begins once this much of it, or all of it, is there, because frames are sometimes late. */
const AHEAD = 3 * FRAME;

class Voice extends AudioWorkletProcessor {
  #said = new Int16Array(FRAME);
  #filled = 0;
  /** The audio still to be played. @type {{ reply: number, pcm: Int16Array }[]} */ #waiting = [];
  /** How many samples of the first one have been played. */
  #played = 0;
  #gathering = true;

  constructor() {
    super();
    this.port.onmessage = (/** @type {MessageEvent} */ { data }) => this.#take(data);
  }

  /** @param {{ reply?: number, pcm?: Int16Array, drop?: number, ended?: boolean }} message */
  #take({ reply = 0, pcm, drop, ended }) {
    if (pcm) this.#waiting.push({ reply, pcm });
    if (ended) this.#gathering = false;
    if (drop === undefined) return;
    if (this.#waiting.length && this.#waiting[0].reply <= drop) this.#played = 0;
    this.#waiting = this.#waiting.filter((piece) => piece.reply > drop);
  }

  /** @param {Float32Array[][]} inputs @param {Float32Array[][]} outputs */
  process([[microphone]], [[sound]]) {
    if (microphone) this.#hear(microphone);
    this.#play(sound);
    return true;
  }

  /** @param {Float32Array} samples */
  #hear(samples) {
    for (const sample of samples) {
      this.#said[this.#filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
      if (this.#filled < FRAME) continue;
      this.port.postMessage(this.#said.buffer, [this.#said.buffer]);
      this.#said = new Int16Array(FRAME);
      this.#filled = 0;
    }
  }

  /** @param {Float32Array} sound Filled with zeros. */
  #play(sound) {
    const there = this.#waiting.reduce((sum, { pcm }) => sum + pcm.length, -this.#played);
    if (there >= AHEAD) this.#gathering = false;
    if (this.#gathering) return;
    for (let at = 0; at < sound.length; at++) {
      while (this.#waiting.length && this.#played >= this.#waiting[0].pcm.length) {
        this.#waiting.shift();
        this.#played = 0;
      }
      if (!this.#waiting.length) {
        this.#gathering = true;
        return;
      }
      sound[at] = this.#waiting[0].pcm[this.#played++] / 32768;
    }
  }
}

registerProcessor("voice", Voice);

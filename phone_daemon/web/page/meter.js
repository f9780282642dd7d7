// A bar that shows how loud a stream is, 20 times a second. It is only visual: the captions tell who speaks.

import { el } from "./dom.js";

const FLOOR_DB = -60;
export const AUDIBLE_DB = -45;

export class Meter {
  #bar = el("i");
  /** @type {AnalyserNode | null} */ #analyser = null;
  /** @type {Float32Array<ArrayBuffer>} */ #samples = new Float32Array(1024);

  /** @param {string} name @param {string} kind */
  constructor(name, kind) {
    this.element = el("div", { class: `meter ${kind}`, "aria-hidden": "true" }, el("span", {}, name), el("div", {}, this.#bar));
  }

  /** Starts listening to `stream`. @param {AudioContext} context @param {MediaStream} stream */
  attach(context, stream) {
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = this.#samples.length;
    context.createMediaStreamSource(stream).connect(this.#analyser);
  }

  detach() {
    this.#analyser = null;
    this.#bar.style.width = "0";
  }

  /** Measures and draws the level, and returns it in dBFS. */
  read() {
    if (!this.#analyser) return FLOOR_DB;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let power = 0;
    for (const sample of this.#samples) power += sample * sample;
    const level = Math.max(FLOOR_DB, 10 * Math.log10(power / this.#samples.length + 1e-12));
    this.#bar.style.width = `${(100 * (level - FLOOR_DB)) / -FLOOR_DB}%`;
    return level;
  }
}

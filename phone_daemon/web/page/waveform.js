// Both channels of a call on a canvas, the caller's on top, with turns, interruptions, faults, tools, and seconds.

import { clock, el } from "./dom.js";

/** @typedef {import("./api.js").Turn} Turn */

const LANE = 62;
const MARKS = 16;
const BOTTOM = MARKS + 2 * LANE + 8;
const HEIGHT = BOTTOM + 18;
/** The possible numbers of seconds between marks on the axis. */
const STEPS = [1, 2, 5, 10, 30, 60, 300, 600, 3600];
const APART_PX = 56;

export class Waveform {
  #canvas = el("canvas", { class: "waveform", height: HEIGHT, "aria-hidden": "true" });
  element = el("div", { class: "waveform-box" }, this.#canvas);
  #turns;
  /** @type {AudioBuffer | null} */ #audio = null;
  #seconds = 1;
  #now = 0;
  #leaving = new AbortController();
  /** Where the last number ended, so that numbers do not overlap. */
  #numbered = 0;

  /** @param {Turn[]} turns @param {(at: number) => void} hear */
  constructor(turns, hear) {
    this.#turns = turns;
    this.#canvas.addEventListener("click", (event) => hear((event.offsetX / this.#canvas.clientWidth) * this.#seconds));
    new ResizeObserver(() => this.#draw()).observe(this.element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw(), { signal: this.#leaving.signal });
  }

  /** Lets go of the audio: the listener for the color scheme would keep all that was ever shown. */
  leave() {
    this.#leaving.abort();
  }

  /** @param {AudioBuffer} audio */
  show(audio) {
    this.#audio = audio;
    this.#seconds = Math.max(this.#seconds, audio.duration);
    this.#draw();
  }

  /** Draws `seconds` across the whole width, so that two calls share one scale. @param {number} seconds */
  span(seconds) {
    this.#seconds = Math.max(this.#seconds, seconds);
    this.#draw();
  }

  /** Marks the playback position. @param {number} seconds */
  at(seconds) {
    this.#now = seconds;
    this.#draw();
  }

  #draw() {
    const width = Math.round(this.element.clientWidth);
    const pen = this.#canvas.getContext("2d");
    if (!this.#audio || !pen || !width) return;
    const scale = devicePixelRatio || 1;
    if (this.#canvas.width !== width * scale) {
      this.#canvas.width = width * scale;
      this.#canvas.height = HEIGHT * scale;
    }
    const style = getComputedStyle(this.element);
    /** @param {string} name */
    const color = (name) => style.getPropertyValue(`--${name}`).trim();
    /** @param {number} seconds */
    const x = (seconds) => (seconds / this.#seconds) * width;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, HEIGHT);
    this.#axis(pen, width, color);
    for (const turn of this.#turns) this.#bands(pen, turn, x, color);
    this.#wave(pen, 0, MARKS + LANE / 2, width, color("blue"));
    this.#wave(pen, Math.min(1, this.#audio.numberOfChannels - 1), MARKS + LANE + 8 + LANE / 2, width, color("green"));
    this.#numbered = -Infinity;
    for (const turn of this.#turns) this.#marks(pen, turn, x, color);
    pen.fillStyle = color("ink");
    pen.fillRect((this.#now / this.#seconds) * width, MARKS, 1.5, BOTTOM - MARKS);
  }

  /** @param {CanvasRenderingContext2D} pen @param {number} width @param {(name: string) => string} color */
  #axis(pen, width, color) {
    const step = STEPS.find((each) => (each / this.#seconds) * width >= APART_PX) ?? STEPS[STEPS.length - 1];
    pen.font = "11px system-ui, sans-serif";
    for (let at = 0; at <= this.#seconds; at += step) {
      const x = (at / this.#seconds) * width;
      pen.fillStyle = color("line");
      pen.fillRect(x, MARKS, 1, BOTTOM - MARKS + 4);
      pen.fillStyle = color("faint");
      if (x < width - 28) pen.fillText(clock(at), x + 3, HEIGHT - 4);
    }
  }

  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {Turn} turn
   * @param {(seconds: number) => number} x
   * @param {(name: string) => string} color
   */
  #bands(pen, turn, x, color) {
    const { speech_onset: from, speech_end: to, rtp_first_audio: began, playout_end: ended } = turn.times ?? {};
    pen.globalAlpha = 0.13;
    pen.fillStyle = color("blue");
    if (from !== undefined && to !== undefined) pen.fillRect(x(from), MARKS, Math.max(1, x(to) - x(from)), LANE);
    pen.fillStyle = color("green");
    if (began !== undefined && ended !== undefined) pen.fillRect(x(began), MARKS + LANE + 8, Math.max(1, x(ended) - x(began)), LANE);
    pen.globalAlpha = 1;
  }

  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {Turn} turn
   * @param {(seconds: number) => number} x
   * @param {(name: string) => string} color
   */
  #marks(pen, turn, x, color) {
    const first = turn.times?.speech_onset ?? turn.times?.rtp_first_audio;
    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = color("faint");
    if (first !== undefined && x(first) > this.#numbered) {
      const number = String(turn.turn ?? "");
      pen.fillText(number, x(first), 11);
      this.#numbered = x(first) + pen.measureText(number).width + 3;
    }
    if (turn.barge_in) {
      // From the decision to the end of its last leg, but at least wide enough to be visible.
      const legs = /** @type {number[]} */ (Object.values(turn.barge_in.legs_ms ?? {}));
      const at = x(turn.barge_in.at);
      pen.fillStyle = color("red");
      pen.fillRect(at, MARKS - 3, 1.5, BOTTOM - MARKS + 3);
      pen.globalAlpha = 0.3;
      pen.fillRect(at, MARKS + LANE + 8, Math.max(3, x(turn.barge_in.at + Math.max(0, ...legs) / 1000) - at), LANE);
      pen.globalAlpha = 1;
    }
    pen.fillStyle = color("amber");
    const where = turn.times?.endpoint ?? turn.times?.rtp_first_audio;
    if (where !== undefined && (turn.faults?.length || turn.tools?.length)) {
      pen.beginPath();
      pen.arc(x(where), MARKS + LANE + 4, 4, 0, 7);
      pen.fill();
    }
  }

  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {number} channel
   * @param {number} middle
   * @param {number} width
   * @param {string} color
   */
  #wave(pen, channel, middle, width, color) {
    const samples = /** @type {AudioBuffer} */ (this.#audio).getChannelData(channel);
    const { duration } = /** @type {AudioBuffer} */ (this.#audio);
    const columns = Math.round((duration / this.#seconds) * width);
    const step = samples.length / columns;
    pen.fillStyle = color;
    for (let column = 0; column < columns; column++) {
      let peak = 0;
      for (let at = Math.floor(column * step); at < (column + 1) * step; at++) peak = Math.max(peak, Math.abs(samples[at] ?? 0));
      // The square root makes quiet speech visible.
      const height = Math.max(0.5, (Math.sqrt(peak) * LANE) / 2);
      pen.fillRect(column, middle - height, 1, 2 * height);
    }
  }
}

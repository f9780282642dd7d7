// A few numbers drawn as a line: how long each answer took.

import { milliseconds, svg } from "./dom.js";

const WIDTH = 220;
const HEIGHT = 44;
const SHOWN = 16;

export class Sparkline {
  /** @type {number[]} */ #values = [];
  element = svg("svg", { class: "sparkline", viewBox: `0 0 ${WIDTH + 70} ${HEIGHT}`, role: "img", "aria-label": "no answer yet" });

  /** @param {number} ms */
  add(ms) {
    this.#values.push(ms);
    const values = this.#values.slice(-SHOWN);
    const highest = Math.max(...values, 1);
    const step = WIDTH / Math.max(SHOWN - 1, 1);
    const points = values.map((value, at) => [4 + at * step, HEIGHT - 5 - (value / highest) * (HEIGHT - 12)]);
    const [x, y] = points[points.length - 1];
    this.element.replaceChildren(
      svg("polyline", { points: points.map((point) => point.map((each) => each.toFixed(1)).join(",")).join(" ") }),
      svg("circle", { cx: x, cy: y, r: 3 }),
      svg("text", { x: x + 8, y: Math.max(12, y + 4) }, milliseconds(ms)),
    );
    const sorted = values.toSorted((one, two) => one - two);
    this.element.setAttribute("aria-label", `answers: last ${milliseconds(ms)}, median ${milliseconds(sorted[sorted.length >> 1])}`);
  }
}

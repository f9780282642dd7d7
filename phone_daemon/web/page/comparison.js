// Two past calls on one time axis, with their figures side by side and what was said in each.

import { clock, el, milliseconds } from "./dom.js";
import { LEGS } from "./waterfall.js";

/** @typedef {import("./api.js").Call} Call */
/** @typedef {import("./api.js").Turn} Turn */
/** @typedef {import("./past_call.js").PastCall} PastCall */

export class Comparison {
  #calls;

  /** @param {{ call: Call, turns: Turn[] }[]} told Two. @param {PastCall[]} calls The same two. */
  constructor(told, calls) {
    this.#calls = calls;
    const [one, other] = calls;
    one.whenHeard = () => other.stop();
    other.whenHeard = () => one.stop();
    this.element = el(
      "div",
      { class: "comparison" },
      one.picture,
      other.picture,
      table(told),
      el("div", { class: "both" }, one.turns, other.turns),
      el("p", {}, el("a", { href: `#past/${encodeURIComponent(told[0].call.call)}` }, "Close the comparison")),
    );
  }

  /** Fetches both recordings and draws them on the scale of the longer one. */
  async load() {
    const seconds = Math.max(...(await Promise.all(this.#calls.map((call) => call.load()))));
    for (const call of this.#calls) call.span(seconds);
  }
}

/** @param {{ call: Call, turns: Turn[] }[]} told */
function table(told) {
  /** @type {[string, (each: { call: Call, turns: Turn[] }) => string][]} */
  const rows = [
    ["length", ({ call }) => clock(call.seconds ?? 0)],
    ["turns", ({ turns }) => String(turns.length)],
    ["interruptions", ({ turns }) => String(turns.filter((turn) => turn.barge_in).length)],
    ["answered after, median", ({ turns }) => middle(turns.map((turn) => turn.ttfa_ms))],
    ["answered after, slowest", ({ turns }) => slowest(turns.map((turn) => turn.ttfa_ms))],
    ...Object.entries(LEGS).map(
      ([leg, name]) => /** @type {[string, (each: { turns: Turn[] }) => string]} */ ([`${name}, slowest`, ({ turns }) => slowest(turns.map((turn) => turn.barge_in?.legs_ms?.[leg]))]),
    ),
    ["faults", ({ turns }) => String(turns.reduce((sum, turn) => sum + (turn.faults?.length ?? 0), 0))],
    ["ended", ({ call }) => String(call.reason || "—").replaceAll("_", " ")],
  ];
  return el(
    "table",
    { "aria-label": "The two calls compared" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, ""), ...["first", "second"].map((each) => el("th", { scope: "col" }, each)))),
    el("tbody", {}, ...rows.map(([name, of]) => el("tr", {}, el("th", { scope: "row" }, name), ...told.map((each) => el("td", {}, of(each)))))),
  );
}

/** @param {unknown[]} values */
function known(values) {
  return /** @type {number[]} */ (values.filter((value) => typeof value === "number")).sort((one, two) => one - two);
}

/** @param {unknown[]} values */
function slowest(values) {
  const sorted = known(values);
  return sorted.length ? milliseconds(sorted[sorted.length - 1]) : "—";
}

/** @param {unknown[]} values */
function middle(values) {
  const sorted = known(values);
  return sorted.length ? milliseconds(sorted[sorted.length >> 1]) : "—";
}

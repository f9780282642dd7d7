// The "Desk" view: the state of the machine, the speed of calls over time against the gate, and a burst to test it now.

import { ApiError, ask, follow, whoAmI } from "./api.js";
import { Burst } from "./burst.js";
import { el, milliseconds, svg } from "./dom.js";
import { Machines } from "./machines.js";
import { LEGS } from "./waterfall.js";

/** @typedef {import("./api.js").Turn} Turn */

const CALLS = 30;
const PARTS_MS = 5000;
const GATE_MS = 400;
/** The legs of one interruption. @typedef {Record<string, number>} Legs */

/** @returns {Promise<import("./main.js").View>} */
export async function deskView() {
  const who = await whoAmI().catch(() => ({ role: "watch" }));
  const view = new DeskView(who.role !== "watch");
  view.start();
  return { title: "Desk", element: view.element, leave: () => view.stop() };
}

class DeskView {
  /** @type {Legs[]} */ #interruptions = [];
  /** @type {number[]} */ #answers = [];
  #gate = el("p", { class: "verdict" });
  #table = el("tbody");
  #chain = el("div", { class: "points" });
  #times = el("div", { class: "points" });
  #parts = el("ul", { class: "parts" });
  #machines = new Machines();
  #state = el("p", { class: "hint", role: "status" });
  #burst;
  #stop = () => {};
  #timer = 0;

  /** @param {boolean} steers */
  constructor(steers) {
    this.#burst = steers ? new Burst() : null;
    this.element = el(
      "div",
      { class: "desk-view" },
      el("h1", {}, "Desk"),
      this.#state,
      el("section", { class: "card gate", "aria-label": "The gate" }, el("h2", {}, "The gate"), this.#gate, this.#legs(), this.#chain),
      el("section", { class: "card", "aria-label": "Answers" }, el("h2", {}, "Time to first audio"), el("p", { class: "hint" }, "From a caller’s last sound to the agent’s first, each turn of the last calls."), this.#times),
      el("section", { class: "card", "aria-label": "Health" }, el("h2", {}, "Health"), this.#parts),
      this.#burst?.element,
      this.#machines.element,
    );
  }

  start() {
    this.#load();
    this.#ask();
    this.#timer = setInterval(() => this.#ask(), PARTS_MS);
    this.#stop = follow((event) => event.kind === "barge_in" && this.#interrupted(event.data.legs_ms ?? {}), () => {});
  }

  stop() {
    clearInterval(this.#timer);
    this.#burst?.stop();
    this.#stop();
  }

  #legs() {
    const head = el("tr", {}, ...["leg", "p50", "p95", "p99", "max"].map((each) => el("th", { scope: "col" }, each)));
    return el("table", {}, el("thead", {}, head), this.#table);
  }

  async #load() {
    try {
      const { calls } = await ask(`calls?state=past&limit=${CALLS}`);
      const all = await Promise.all(calls.map((/** @type {any} */ call) => ask(`calls/${encodeURIComponent(call.call)}`).catch(() => ({ turns: [] }))));
      /** @type {Turn[]} */
      const turns = all.reverse().flatMap((each) => each.turns);
      this.#interruptions.unshift(...turns.filter((turn) => turn.barge_in).map((turn) => turn.barge_in.legs_ms));
      this.#answers = turns.map((turn) => turn.ttfa_ms).filter((ms) => typeof ms === "number");
    } catch (error) {
      this.#state.textContent = error instanceof ApiError ? error.message : String(error);
    }
    this.#show();
  }

  #ask() {
    this.#health();
    this.#machines.ask();
  }

  async #health() {
    try {
      const told = await (await fetch("/readyz", { cache: "no-store" })).json();
      const parts = Object.entries(/** @type {Record<string, any>} */ (told.parts ?? {}));
      this.#parts.replaceChildren(
        ...parts.map(([name, { status, detail }]) => part(name, String(status), String(detail ?? ""))),
        part("live calls", "ok", String(told.live_calls ?? 0)),
        ...(told.draining ? [part("draining", "degraded", "takes no more calls")] : []),
        ...(parts.length ? [] : [part("daemon", "unready", String(told.detail ?? "does not answer"))]),
      );
    } catch {
      this.#parts.replaceChildren(part("server", "unready", "does not answer"));
    }
  }

  /** @param {Legs} legs */
  #interrupted(legs) {
    this.#interruptions.push(legs);
    this.#show();
  }

  #show() {
    const total = this.#interruptions.map((legs) => legs.total).filter((ms) => typeof ms === "number");
    const p95 = percentile(total, 95);
    this.#gate.textContent = total.length
      ? `${total.length} interruption${total.length > 1 ? "s" : ""}: the whole cancel chain took ${milliseconds(p95)} at p95. The gate is the model’s own floor + ${GATE_MS} ms: ${p95 <= GATE_MS ? "held" : "missed, unless the floor is over " + milliseconds(p95 - GATE_MS)}.`
      : "No interruptions yet. Interrupt the agent in a call, or fire a burst.";
    this.#gate.dataset.held = String(!total.length || p95 <= GATE_MS);
    const rows = [...Object.keys(LEGS), "total"].map((leg) => {
      const values = this.#interruptions.map((legs) => legs[leg]).filter((ms) => typeof ms === "number");
      return { leg, values };
    });
    this.#table.replaceChildren(
      ...rows.filter(({ values }) => values.length).map(({ leg, values }) =>
        el("tr", {}, el("th", { scope: "row" }, LEGS[leg] ?? "whole chain"), ...[50, 95, 99, 100].map((share) => el("td", {}, milliseconds(percentile(values, share))))),
      ),
    );
    /** @type {HTMLElement} */ (this.#table.parentElement).hidden = !total.length;
    this.#chain.hidden = !total.length;
    this.#chain.replaceChildren(points(total, "the whole chain of each interruption, oldest first"));
    this.#times.replaceChildren(points(this.#answers, "time to first audio of each turn, oldest first"));
  }
}

/** @param {string} name @param {string} status @param {string} detail */
function part(name, status, detail) {
  return el("li", { "data-status": status }, el("b", {}, name.replaceAll("_", " ")), ` ${detail || status}`);
}

/** The nearest-rank percentile. @param {number[]} values @param {number} share */
export function percentile(values, share) {
  const sorted = values.toSorted((one, two) => one - two);
  return sorted[Math.max(0, Math.ceil((share / 100) * sorted.length) - 1)] ?? 0;
}

const WIDTH = 600;
const HEIGHT = 110;
const LEFT = 80;

/** Draws numbers as points over time, with their running p50 and p95 as lines. @param {number[]} values @param {string} name */
function points(values, name) {
  if (!values.length) return el("p", { class: "empty" }, "No turns yet.");
  const shown = values.slice(-200);
  const highest = Math.max(...shown, 1);
  /** @param {number} at */
  const x = (at) => LEFT + ((WIDTH - LEFT - 6) * (at + 0.5)) / shown.length;
  /** @param {number} ms */
  const y = (ms) => HEIGHT - 6 - ((HEIGHT - 20) * ms) / highest;
  /** @param {number} share */
  const line = (share) => shown.map((_, at) => `${x(at).toFixed(1)},${y(percentile(shown.slice(0, at + 1), share)).toFixed(1)}`).join(" ");
  const picture = svg(
    "svg",
    { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${name}: median ${milliseconds(percentile(shown, 50))}, p95 ${milliseconds(percentile(shown, 95))}` },
    svg("text", { x: LEFT - 6, y: y(highest) + 4, "text-anchor": "end" }, milliseconds(highest)),
    svg("text", { x: LEFT - 6, y: y(0), "text-anchor": "end" }, "0"),
    ...shown.map((ms, at) => svg("circle", { cx: x(at), cy: y(ms), r: 2.6 })),
    svg("polyline", { class: "p50", points: line(50) }),
    svg("polyline", { class: "p95", points: line(95) }),
  );
  const legend = el("p", { class: "legend", "aria-hidden": "true" }, el("span", { class: "p50" }, "median"), el("span", { class: "p95" }, "p95"), el("span", {}, "each one a dot"));
  return el("div", {}, picture, legend);
}

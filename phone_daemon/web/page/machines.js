// Every daemon's machine: CPU, memory, disk, trunks, and what each process uses, over the last half hour.

import { ApiError, ask } from "./api.js";
import { el, svg } from "./dom.js";

/** A machine as `/v1/machines` has it. @typedef {Record<string, any>} Machine */

const WIDTH = 120;
const HEIGHT = 22;
const GOOD = ["registered", "ready"];

export class Machines {
  #list = el("div", { class: "machine-list" });
  element = el("section", { class: "card machines", "aria-label": "Machines" }, el("h2", {}, "Machines"), this.#list);

  async ask() {
    try {
      const { machines } = await ask("machines");
      this.#list.replaceChildren(...machines.map(machine), ...(machines.length ? [] : [el("p", { class: "empty" }, "No daemon has said how it is yet.")]));
    } catch (error) {
      this.#list.replaceChildren(el("p", { class: "empty" }, error instanceof ApiError ? error.message : String(error)));
    }
  }
}

/** @param {Machine} machine */
function machine(machine) {
  /** @type {Record<string, any>[]} */
  const past = machine.past;
  const totals = [
    row("CPU", `${Math.round(machine.cpu_percent)} % of ${machine.cores} cores`, past.map((each) => each.cpu_percent), 100),
    row("load", `${machine.load.toFixed(1)}`, [], 0),
    row("memory", `${size(machine.memory_bytes)} of ${size(machine.memory_total_bytes)}`, past.map((each) => each.memory_bytes), machine.memory_total_bytes),
    row("disk", `${size(machine.disk_free_bytes)} free`, [], 0),
  ];
  const processes = machine.processes.map((/** @type {any} */ process) => {
    const before = past.map((each) => each.processes[process.name]?.cpu_percent ?? 0);
    const name = process.count > 1 ? `${process.count} × ${process.name}` : process.name;
    return el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, `${Math.round(process.cpu_percent)} %`), el("td", {}, size(process.rss_bytes)), el("td", {}, line(before, Math.max(100, ...before))));
  });
  const head = ["process", "CPU", "memory", "CPU lately"].map((each) => el("th", { scope: "col" }, each));
  return el(
    "article",
    { class: "machine" },
    el("h3", {}, machine.host || machine.daemon, " ", el("span", { class: "hint" }, `daemon ${machine.daemon} · ${machine.calls} live`)),
    el("table", {}, el("tbody", {}, ...totals)),
    el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...processes)),
    machine.trunks.length > 0 &&
      el("ul", { class: "parts" }, ...machine.trunks.map((/** @type {any} */ trunk) => el("li", { "data-status": GOOD.includes(trunk.state) ? "ok" : "degraded" }, el("b", {}, trunk.trunk), ` ${[trunk.state, `${trunk.calls} live`, trunk.detail].filter(Boolean).join(" · ")}`))),
  );
}

/** @param {string} name @param {string} now @param {number[]} past @param {number} most */
function row(name, now, past, most) {
  return el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, now), el("td", {}, past.length > 1 && line(past, most)));
}

/** Draws numbers over time. @param {number[]} values @param {number} most The number at the top. */
function line(values, most) {
  const points = values.map((value, at) => `${((WIDTH * at) / Math.max(values.length - 1, 1)).toFixed(1)},${(HEIGHT - 1 - ((HEIGHT - 2) * Math.min(value, most)) / most).toFixed(1)}`);
  return svg("svg", { class: "use", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, svg("polyline", { points: points.join(" ") }));
}

/** @param {number} bytes */
function size(bytes) {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

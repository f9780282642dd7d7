// The "Past" view: calls found by words, number, day, slowness, or failure, and one of them, or two side by side.

import { ApiError, ask } from "./api.js";
import { Comparison } from "./comparison.js";
import { clock, el, milliseconds } from "./dom.js";
import { PastCall, when } from "./past_call.js";

/** @typedef {import("./api.js").Call} Call */

const TYPED_MS = 250;

/** @returns {import("./main.js").View} */
export function pastView() {
  const view = new PastView();
  return { title: "Past", element: view.element, leave: () => view.leave() };
}

class PastView {
  #words = el("input", { id: "words", type: "search", placeholder: "words that were said" });
  #number = el("input", { id: "of", type: "search", inputmode: "tel", placeholder: "number" });
  #since = el("input", { id: "since", type: "date" });
  #until = el("input", { id: "until", type: "date" });
  #slow = el("input", { id: "slow", type: "number", min: 0, step: 100, placeholder: "ms" });
  #failed = el("input", { id: "failed", type: "checkbox" });
  #list = el("ul", { class: "found", "aria-label": "Calls found" });
  #state = el("p", { class: "hint", role: "status" });
  #more = el("button", { type: "button", hidden: true, click: () => this.#search(this.#last) }, "Older calls");
  #shown = el("section", { class: "card past-call", "aria-label": "The call" }, el("p", { class: "empty" }, el("b", {}, "Choose a call"), " to see and hear it. With one open, another can be compared with it."));
  #empty = el("p", { class: "card empty none-yet", hidden: true }, el("b", {}, "There are no past calls yet."), " ", el("a", { href: "#call" }, "Call it"), ", and find the call here afterward.");
  #last = "";
  #asked = 0;
  #timer = 0;
  #follow = () => this.#open();
  /** @type {PastCall[]} */ #calls = [];
  #opened = 0;

  constructor() {
    const form = el(
      "form",
      { class: "card search", role: "search", submit: (event) => this.#typed(event, 0), input: (event) => this.#typed(event, TYPED_MS) },
      field("Words", this.#words),
      field("Number", this.#number),
      field("From", this.#since),
      field("to", this.#until),
      field("Slower than", this.#slow),
      el("label", { for: "failed", class: "check" }, this.#failed, " failed"),
    );
    this.element = el(
      "div",
      { class: "past-view" },
      el("h1", {}, "Past calls"),
      form,
      this.#empty,
      el("div", { class: "found-box" }, this.#state, this.#list, this.#more),
      this.#shown,
    );
    addEventListener("hashchange", this.#follow);
    this.#search("");
    this.#open();
  }

  leave() {
    removeEventListener("hashchange", this.#follow);
    this.#close();
  }

  #close() {
    for (const call of this.#calls.splice(0)) call.leave();
  }

  /** @param {Event} event @param {number} wait */
  #typed(event, wait) {
    event.preventDefault();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#search(""), wait);
  }

  /** @param {string} before The last call of the previous page. */
  async #search(before) {
    const mine = ++this.#asked;
    const wanted = new URLSearchParams({ state: "past", limit: "50" });
    if (this.#words.value.trim()) wanted.set("q", this.#words.value.trim());
    if (this.#number.value.trim()) wanted.set("number", this.#number.value.trim());
    if (this.#since.value) wanted.set("since", new Date(`${this.#since.value}T00:00`).toISOString());
    if (this.#until.value) wanted.set("until", dayAfter(this.#until.value).toISOString());
    if (this.#slow.value) wanted.set("slower_than_ms", this.#slow.value);
    if (this.#failed.checked) wanted.set("failed", "true");
    if (before) wanted.set("before", before);
    try {
      /** @type {{ calls: Call[], more: boolean }} */
      const { calls, more } = await ask(`calls?${wanted}`);
      if (mine !== this.#asked) return;
      if (!before) this.#list.replaceChildren();
      this.#list.append(...calls.map(found));
      this.#more.hidden = !more;
      this.#last = calls.at(-1)?.call ?? "";
      const none = !this.#list.childElementCount && wanted.size <= 2;
      this.#shown.hidden = none && !this.#chosen().length;
      this.#empty.hidden = !this.#shown.hidden;
      this.#state.textContent = this.#list.childElementCount || none ? "" : "No calls match.";
      this.#mark();
    } catch (error) {
      this.#state.textContent = error instanceof ApiError ? error.message : String(error);
    }
  }

  /** Returns the one or two calls that the address names. */
  #chosen() {
    const [view, ...ids] = location.hash.slice(1).split("/").map(decodeURIComponent);
    return view === "past" ? ids.filter(Boolean).slice(0, 2) : [];
  }

  async #open() {
    const ids = this.#chosen();
    this.#mark();
    if (!ids.length) return;
    const mine = ++this.#opened;
    this.#close();
    try {
      const told = await Promise.all(ids.map((id) => ask(`calls/${encodeURIComponent(id)}`)));
      if (mine !== this.#opened) return;
      this.#calls = told.map(({ call, turns }) => new PastCall(call, turns));
      const [one, other] = this.#calls;
      if (!other) {
        this.#shown.replaceChildren(one.picture, one.turns);
        one.load();
      } else {
        const comparison = new Comparison(told, this.#calls);
        this.#shown.replaceChildren(comparison.element);
        comparison.load();
      }
    } catch (error) {
      this.#shown.replaceChildren(el("p", { class: "error", role: "alert" }, error instanceof ApiError ? error.message : String(error)));
    }
  }

  /** Marks the open calls, and offers the others for comparison with the first of them. */
  #mark() {
    const chosen = this.#chosen();
    for (const item of /** @type {NodeListOf<HTMLElement>} */ (this.#list.querySelectorAll("[data-call]"))) {
      const id = item.dataset.call ?? "";
      const [open, compare] = /** @type {NodeListOf<HTMLAnchorElement>} */ (item.querySelectorAll("a"));
      if (chosen.includes(id)) open.setAttribute("aria-current", "true");
      else open.removeAttribute("aria-current");
      compare.hidden = !chosen.length || chosen.includes(id);
      compare.href = `#past/${encodeURIComponent(chosen[0] ?? "")}/${encodeURIComponent(id)}`;
    }
  }
}

/** @param {Call} call */
function found(call) {
  const name = `${call.caller || "withheld"} → ${call.called || "?"}`;
  const facts = [
    clock(call.seconds ?? 0),
    `${call.turns} ${call.turns === 1 ? "turn" : "turns"}`,
    call.interruptions ? `${call.interruptions} interrupted` : "",
    typeof call.ttfa_ms === "number" ? `slowest ${milliseconds(call.ttfa_ms)}` : "",
  ];
  return el(
    "li",
    { "data-call": call.call },
    el(
      "a",
      { href: `#past/${encodeURIComponent(call.call)}` },
      el("b", {}, name),
      el("time", {}, when(call.started)),
      el("span", { class: "hint" }, facts.filter(Boolean).join(" · ")),
      call.failed && el("span", { class: "chip bad" }, "failed"),
      call.snippet && el("span", { class: "snippet" }, call.snippet),
    ),
    el("a", { class: "compare", hidden: true, "aria-label": `Compare with the open call: ${name}, ${when(call.started)}` }, "Compare"),
  );
}

/** The end of a day. @param {string} day As in a date input. */
function dayAfter(day) {
  const at = new Date(`${day}T00:00`);
  at.setDate(at.getDate() + 1);
  return at;
}

/** @param {string} name @param {HTMLInputElement} input */
function field(name, input) {
  return el("p", { class: "field" }, el("label", { for: input.id }, name), input);
}

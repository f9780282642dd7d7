// "Past": calls found by what was said, number, slowness or failure; and one of them, seen and heard.

import { ApiError, ask } from "./api.js";
import { clock, el, milliseconds } from "./dom.js";
import { PastCall } from "./past_call.js";

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
  #slow = el("input", { id: "slow", type: "number", min: 0, step: 100, placeholder: "ms" });
  #failed = el("input", { id: "failed", type: "checkbox" });
  #list = el("ul", { class: "found", "aria-label": "Calls found" });
  #state = el("p", { class: "hint", role: "status" });
  #more = el("button", { type: "button", hidden: true, click: () => this.#search(this.#last) }, "Older calls");
  #shown = el("section", { class: "card past-call", "aria-label": "The call" }, el("p", { class: "empty" }, "Choose a call."));
  #last = "";
  #asked = 0;
  #timer = 0;
  #follow = () => this.#open();
  /** @type {PastCall | null} */ #call = null;

  constructor() {
    const form = el(
      "form",
      { class: "card search", role: "search", submit: (event) => this.#typed(event, 0), input: (event) => this.#typed(event, TYPED_MS) },
      field("Words", this.#words),
      field("Number", this.#number),
      field("Slower than", this.#slow),
      el("label", { for: "failed", class: "check" }, this.#failed, " failed"),
    );
    this.element = el(
      "div",
      { class: "past-view" },
      el("h1", {}, "Past calls"),
      form,
      el("div", { class: "found-box" }, this.#state, this.#list, this.#more),
      this.#shown,
    );
    addEventListener("hashchange", this.#follow);
    this.#search("");
    this.#open();
  }

  leave() {
    removeEventListener("hashchange", this.#follow);
    this.#call?.stop();
  }

  /** @param {Event} event @param {number} wait */
  #typed(event, wait) {
    event.preventDefault();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#search(""), wait);
  }

  /** @param {string} before The call that the next page begins after. */
  async #search(before) {
    const mine = ++this.#asked;
    const wanted = new URLSearchParams({ state: "past", limit: "50" });
    if (this.#words.value.trim()) wanted.set("q", this.#words.value.trim());
    if (this.#number.value.trim()) wanted.set("number", this.#number.value.trim());
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
      this.#state.textContent = this.#list.childElementCount ? "" : "No call was found.";
      this.#mark();
    } catch (error) {
      this.#state.textContent = error instanceof ApiError ? error.message : String(error);
    }
  }

  async #open() {
    const id = decodeURIComponent(location.hash.split("/")[1] ?? "");
    this.#mark();
    if (!location.hash.startsWith("#past") || !id) return;
    this.#call?.stop();
    this.#call = null;
    try {
      const { call, turns } = await ask(`calls/${encodeURIComponent(id)}`);
      this.#call = new PastCall(call, turns);
      this.#shown.replaceChildren(this.#call.element);
      this.#call.load();
    } catch (error) {
      this.#shown.replaceChildren(el("p", { class: "error", role: "alert" }, error instanceof ApiError ? error.message : String(error)));
    }
  }

  #mark() {
    for (const link of this.#list.querySelectorAll("a")) {
      if (link.getAttribute("href") === location.hash) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
}

/** @param {Call} call */
function found(call) {
  const when = new Date(call.started);
  const facts = [
    clock(call.seconds ?? 0),
    `${call.turns} turns`,
    call.interruptions ? `${call.interruptions} interrupted` : "",
    typeof call.ttfa_ms === "number" ? `slowest ${milliseconds(call.ttfa_ms)}` : "",
  ];
  return el(
    "li",
    {},
    el(
      "a",
      { href: `#past/${encodeURIComponent(call.call)}` },
      el("b", {}, `${call.caller || "withheld"} → ${call.called || "?"}`),
      el("time", {}, Number.isNaN(when.getTime()) ? "" : when.toLocaleString()),
      el("span", { class: "hint" }, facts.filter(Boolean).join(" · ")),
      call.failed && el("span", { class: "chip bad" }, "failed"),
      call.snippet && el("span", { class: "snippet" }, call.snippet),
    ),
  );
}

/** @param {string} name @param {HTMLInputElement} input */
function field(name, input) {
  return el("p", { class: "field" }, el("label", { for: input.id }, name), input);
}

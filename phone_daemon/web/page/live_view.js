// The "Live" view: every call on every machine, with what was said last and an operator's commands.

import { ApiError, ask, follow, whoAmI } from "./api.js";
import { el } from "./dom.js";
import { LiveCall } from "./live_call.js";

/** @typedef {import("./api.js").Call} Call */
/** @typedef {import("./api.js").CallEvent} CallEvent */

const GONE_MS = 6000;
/** The server answers with a list of calls that is at most this old. */
const LIST_AGE_MS = 200;

/** @returns {Promise<import("./main.js").View>} */
export async function liveView() {
  const calls = ask("calls");
  calls.catch(() => {}); // The view reports the error once it is there.
  const who = await whoAmI().catch(() => ({ role: "watch" }));
  const view = new LiveView(who.role !== "watch");
  view.start(calls);
  return { title: "Live", element: view.element, leave: () => view.stop() };
}

class LiveView {
  /** @type {Map<string, LiveCall>} */ #calls = new Map();
  #list = el("ul", { class: "live-list" });
  #empty = el("p", { class: "card empty" }, el("b", {}, "No call is live."), " ", el("a", { href: "#call" }, "Call it"), " and watch it here in another tab.");
  #state = el("p", { class: "hint", role: "status" });
  element = el("div", {}, el("h1", {}, "Live calls"), this.#state, this.#empty, this.#list);
  #steers;
  /** Gives the calls in view, and one screen further, what operates them: 200 forms at once would take a second. */
  #near = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "100%" });
  #stop = () => {};
  #timer = 0;

  /** @param {boolean} steers Whether this token may say, transfer and hang up. */
  constructor(steers) {
    this.#steers = steers;
  }

  /** @param {Promise<{ calls: Call[] }>} calls The live calls, already requested. */
  start(calls) {
    this.#stop = follow((event) => this.#take(event), (connected) => this.#connected(connected));
    this.#timer = setInterval(() => this.#calls.forEach((call) => call.age()), 1000);
    this.#load(calls);
  }

  stop() {
    this.#stop();
    clearInterval(this.#timer);
    this.#near.disconnect();
    for (const call of this.#calls.values()) call.leave();
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      this.#near.unobserve(target);
      this.#calls.get(/** @type {HTMLElement} */ (target).dataset.call ?? "")?.equip();
    }
  }

  /** @param {Promise<{ calls: Call[] }>} asked */
  async #load(asked) {
    try {
      const { calls } = await asked;
      const there = new Set(calls.map((call) => call.call));
      for (const call of calls) this.#call(call.call).update(call);
      for (const [id, call] of this.#calls) if (!there.has(id)) this.#remove(id, call);
      this.#state.textContent = "";
    } catch (error) {
      this.#state.textContent = error instanceof ApiError ? error.message : String(error);
    }
    this.#show();
  }

  /** @param {boolean} connected */
  #connected(connected) {
    // A call that ended before the events began may still be in the first list.
    if (connected) setTimeout(() => this.#load(ask("calls")), LIST_AGE_MS);
    else this.#state.textContent = "The connection to the server is lost. Trying again …";
  }

  /** @param {CallEvent} event */
  #take(event) {
    if (event.kind === "ended") {
      const call = this.#calls.get(event.call);
      if (!call) return;
      call.ended(String(event.data.reason));
      setTimeout(() => this.#remove(event.call, call), GONE_MS);
      return;
    }
    this.#call(event.call).take(event);
    this.#show();
  }

  /** @param {string} id */
  #call(id) {
    let call = this.#calls.get(id);
    if (!call) {
      call = new LiveCall(id);
      this.#calls.set(id, call);
      this.#list.prepend(call.element);
      if (this.#steers) this.#near.observe(call.element);
    }
    return call;
  }

  /** @param {string} id @param {LiveCall} call */
  #remove(id, call) {
    call.element.remove();
    this.#calls.delete(id);
    this.#show();
  }

  #show() {
    this.#empty.hidden = this.#calls.size > 0;
  }
}

// Shows the view that the address names after its #, and whether the daemon is there.

import { ApiError, ask, whoAmI } from "./api.js";
import { el } from "./dom.js";
import { watchHealth } from "./health.js";
import { callView } from "./call_view.js";
import { signIn } from "./sign_in.js";

/** @typedef {{ title: string, element: HTMLElement, leave?: () => void }} View */

/** @type {Record<string, () => Promise<View> | View>} */
const VIEWS = {
  call: callView,
  live: async () => (await import("./live_view.js")).liveView(),
  past: async () => (await import("./past_view.js")).pastView(),
  desk: async () => (await import("./desk_view.js")).deskView(),
};

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
/** @type {View | null} */
let shown = null;
/** The call continues while another view is shown. @type {View | null} */
let call = null;
let turn = 0;
let current = "";
let signedOut = false;
const signOut = /** @type {HTMLElement} */ (document.getElementById("sign-out"));
signOut.addEventListener("click", async () => {
  await ask("signout", {}).catch(() => {});
  location.reload();
});

/** The rest of the fragment, after the view's name, is for the view to read. */
async function show() {
  const name = location.hash.slice(1).split("/")[0] || "call";
  if (signedOut || !(name in VIEWS) || name === current) return;
  current = name;
  const mine = ++turn;
  /** @type {View} */
  let next;
  try {
    next = name === "call" && call ? call : await VIEWS[name]();
  } catch (error) {
    if (mine === turn) current = "";
    next = { title: "Failed", element: el("p", { class: "error", role: "alert" }, `This view did not load; reload the page. (${error})`) };
  }
  if (mine !== turn || signedOut) return next.leave?.();
  if (name === "call") call = next;
  if (shown !== call) shown?.leave?.();
  const first = shown === null;
  shown = next;
  document.title = `${next.title} · phone-daemon`;
  main.replaceChildren(next.element);
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!first) main.focus({ preventScroll: true });
}

/** Asks who this is, as far as the server still knows it. Without a valid token, no view is of any use. */
async function check(again = false) {
  if (signedOut) return;
  try {
    await whoAmI(again);
    if (location.search) history.replaceState(null, "", `/${location.hash}`);
  } catch (error) {
    // Who is in a call still has to hang up.
    if (!(error instanceof ApiError) || error.status !== 401 || call?.element.dataset.state) return;
    signedOut = true;
    shown?.leave?.();
    document.title = "Sign in · phone-daemon";
    document.querySelector("nav")?.remove();
    signOut.remove();
    main.replaceChildren(signIn());
  }
}

let lost = false;
addEventListener("hashchange", show);
addEventListener("refused", () => check(true));
addEventListener("health", (event) => {
  const bad = /** @type {CustomEvent<string>} */ (event).detail === "bad";
  // A server that was started anew may no longer know this token.
  if (lost && !bad) check(true);
  lost = bad;
});
watchHealth(/** @type {HTMLElement} */ (document.getElementById("health")));
show();
check();

// What the page shows to a browser without a valid token: why, and a field for one.

import { el } from "./dom.js";

/** @returns {HTMLElement} */
export function signIn() {
  const why = el("p", { role: "alert" }, "Open the link that serve printed when it started, or enter a token.");
  const token = el("input", { id: "token", name: "token", type: "password", required: true, autocomplete: "current-password" });
  // In a body, not in an address, where proxies would write it into their logs.
  const enter = async (/** @type {string} */ entered) => {
    const refused = await refusal(entered);
    if (refused) why.textContent = refused;
    else location.assign("/");
  };
  // A link that was refused leaves the address bar once it is known why.
  const linked = new URLSearchParams(location.search).get("token");
  if (linked) {
    history.replaceState(null, "", `/${location.hash}`);
    enter(linked);
  }
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    enter(token.value);
  };
  return el(
    "section",
    { class: "card sign-in", "aria-labelledby": "sign-in" },
    el("h1", { id: "sign-in" }, "Sign in"),
    why,
    el("form", { submit }, el("label", { for: "token" }, "Token"), token, el("button", { class: "main" }, "Sign in")),
  );
}

/** Why a token is refused, in the server's words; empty if it is not. @param {string} token */
async function refusal(token) {
  try {
    const body = JSON.stringify({ token });
    const answer = await fetch("/v1/signin", { method: "POST", headers: { "content-type": "application/json" }, body });
    if (answer.ok) return "";
    const { detail } = await answer.json();
    return `${detail[0].toUpperCase()}${detail.slice(1)}.`;
  } catch {
    return "The server does not answer.";
  }
}

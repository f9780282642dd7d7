// What the page shows to a browser without a valid token: why, and a field for one.

import { el } from "./dom.js";

/** @returns {HTMLElement} */
export function signIn() {
  const why = el("p", { role: "alert" }, "Open the link that serve printed when it started, or enter a token.");
  if (new URLSearchParams(location.search).has("token")) refusal().then((line) => (why.textContent = line));
  const token = el("input", { id: "token", name: "token", type: "password", required: true, autocomplete: "current-password" });
  return el(
    "section",
    { class: "card sign-in", "aria-labelledby": "sign-in" },
    el("h1", { id: "sign-in" }, "Sign in"),
    why,
    el("form", { action: "/", method: "get" }, el("label", { for: "token" }, "Token"), token, el("button", { class: "main" }, "Sign in")),
  );
}

/** Why the token in the address is refused, as the server tells a program. */
async function refusal() {
  try {
    const answer = await fetch(location.href, { headers: { accept: "application/json" } });
    const { detail } = await answer.json();
    return `${detail[0].toUpperCase()}${detail.slice(1)}.`;
  } catch {
    return "The server does not answer.";
  }
}

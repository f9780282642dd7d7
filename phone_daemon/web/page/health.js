// Whether the daemon is there. The header says when it is not, and when it is back.

const EVERY_MS = 3000;

/** @param {HTMLElement} sign */
export function watchHealth(sign) {
  let was = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let next;
  const ask = async () => {
    clearTimeout(next);
    const now = await state();
    if (now.text !== was) {
      was = now.text;
      sign.className = `health ${now.level}`;
      sign.textContent = now.text;
      dispatchEvent(new CustomEvent("health", { detail: now.level }));
    }
    next = setTimeout(ask, document.hidden ? 4 * EVERY_MS : EVERY_MS);
  };
  document.addEventListener("visibilitychange", () => document.hidden || ask());
  ask();
}

/** Which parts are not as they should be; the desk says why. @param {{ status: string, parts?: Record<string, { status: string }> }} told */
function poorly({ status, parts }) {
  const names = Object.entries(parts ?? {}).filter(([, part]) => part.status !== "ok").map(([name]) => name.replaceAll("_", " "));
  return names.length ? `${status}: ${names.join(", ")}` : status;
}

/** @returns {Promise<{ level: "good" | "poor" | "bad", text: string }>} */
async function state() {
  try {
    const answer = await fetch("/readyz", { cache: "no-store" });
    const told = await answer.json();
    if (answer.ok) return told.status === "ok" ? { level: "good", text: "ready" } : { level: "poor", text: poorly(told) };
    if (told.web && !told.web.connected) return { level: "bad", text: "the daemon is gone; waiting for it" };
    return { level: "poor", text: told.draining ? "takes no more calls" : String(told.detail || told.status || "not ready") };
  } catch {
    return { level: "bad", text: "the server is gone; trying again" };
  }
}

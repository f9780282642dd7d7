// A client of the daemon's API (/v1, described in /openapi.json): requests, one-line errors, and the event stream.

/** A live or past call as `/v1/calls` has it. @typedef {Record<string, any> & { call: string }} Call */
/** A line of `turns.jsonl`. @typedef {Record<string, any>} Turn */
/** @typedef {{ call: string, kind: string, at_ns: number, daemon: string, data: Record<string, any> }} CallEvent */

/** An error whose message says in one line what went wrong. */
export class ApiError extends Error {
  /** @param {number} status @param {string} line */
  constructor(status, line) {
    super(line);
    this.status = status;
  }
}

/**
 * Sends a request and returns the JSON answer; throws `ApiError`.
 * @param {string} path
 * @param {unknown} [body] If given, the request is a POST.
 * @returns {Promise<any>}
 */
export async function ask(path, body) {
  /** @type {RequestInit} */
  const how = body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(`/v1/${path}`, how);
  } catch {
    throw new ApiError(0, "The server does not answer.");
  }
  const text = await answer.text();
  let told;
  try {
    told = text ? JSON.parse(text) : null;
  } catch {
    told = { detail: text };
  }
  if (answer.ok) return told;
  if (answer.status === 401) throw new ApiError(401, "You are not signed in: open the link that `serve` printed.");
  throw new ApiError(answer.status, typeof told?.detail === "string" ? told.detail : `The server answered ${answer.status}.`);
}

/** @type {Promise<{ name: string, role: string }> | null} */
let owner = null;

/** Asks whose token this is, once a visit unless `again`; throws `ApiError`. @param {boolean} [again] */
export function whoAmI(again) {
  if (again) owner = null;
  owner ??= ask("me");
  owner.catch(() => (owner = null));
  return owner;
}

const KINDS = [
  "started", "state", "partial", "final", "agent", "understood", "barge_in", "turn", "digit",
  "fault", "action", "hold", "take_over", "transfer_failed", "tool", "remark", "ended",
];
const AGAIN_MS = 3000;

/**
 * Follows all calls' events until the returned function is called; reconnects by itself. Fires `refused` at the window if
 * the server does not let it, as with a token that has expired.
 * @param {(event: CallEvent) => void} take
 * @param {(connected: boolean) => void} state
 */
export function follow(take, state) {
  /** @type {EventSource} */
  let source;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let again;
  const open = () => {
    source = new EventSource("/v1/events");
    source.onopen = () => state(true);
    source.onerror = () => {
      state(false);
      // A browser reconnects by itself if the connection broke, but not if it was refused.
      if (source.readyState !== EventSource.CLOSED) return;
      again = setTimeout(open, AGAIN_MS);
      dispatchEvent(new Event("refused"));
    };
    for (const kind of KINDS) source.addEventListener(kind, (event) => take(JSON.parse(event.data)));
  };
  open();
  return () => {
    clearTimeout(again);
    source.close();
  };
}

/** When a call began, taken from its id, such as 20261127T152923.577477Z-427b. @param {string} call */
export function began(call) {
  const parts = call.match(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)/);
  if (!parts) return Date.now();
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

// The legs of one interruption, each drawn as a bar from the decision to yield until the leg's end.

import { el, milliseconds, svg } from "./dom.js";

/** @type {Record<string, string>} */
export const LEGS = {
  rtp_silent: "line silent",
  tts_stopped: "voice stopped",
  llm_closed: "model let go",
  stt_closed: "recognition closed",
  stt_cache_freed: "its memory freed",
  listen_entered: "listening again",
};

const ROW = 16;
const LEFT = 118;
const WIDTH = 190;

/** @param {Record<string, number | null>} legs Milliseconds by leg; null: it missed its deadline. */
export function waterfall(legs) {
  const known = Object.keys(LEGS).filter((leg) => leg in legs);
  const longest = Math.max(10, ...known.map((leg) => legs[leg] ?? 0));
  const picture = svg("svg", {
    class: "waterfall",
    viewBox: `0 0 ${LEFT + WIDTH + 60} ${known.length * ROW + 2}`,
    role: "img",
    "aria-label": known.map((leg) => `${LEGS[leg]} ${told(legs[leg])}`).join(", "),
  });
  known.forEach((leg, at) => {
    const ms = legs[leg];
    const length = Math.max(2, ((ms ?? longest) / longest) * WIDTH);
    const y = at * ROW + 2;
    picture.append(
      svg("text", { x: LEFT - 8, y: y + 10, "text-anchor": "end" }, LEGS[leg]),
      svg("rect", { class: ms === null ? "missed" : leg, x: LEFT, y, width: length, height: ROW - 5, rx: 2 }),
      svg("text", { x: LEFT + length + 6, y: y + 10 }, told(ms)),
    );
  });
  return el("div", { class: "waterfall-box" }, picture);
}

/** @param {number | null} ms */
function told(ms) {
  return ms === null ? "missed" : milliseconds(ms);
}

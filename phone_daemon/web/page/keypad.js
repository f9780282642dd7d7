// A telephone keypad for the mouse, the finger, and the computer's keyboard.

import { el } from "./dom.js";

const KEYS = ["1", "2 ABC", "3 DEF", "4 GHI", "5 JKL", "6 MNO", "7 PQRS", "8 TUV", "9 WXYZ", "*", "0", "#"];
/** @type {Record<string, string>} */
const NAMES = { "*": "star", "#": "pound" };

/** @param {(digit: string) => void} press */
export function keypad(press) {
  const keys = KEYS.map((each) => {
    const [digit, letters] = each.split(" ");
    const name = NAMES[digit] ?? digit;
    return el("button", { type: "button", "aria-label": name, "data-digit": digit, click: () => press(digit) }, digit, el("small", {}, letters ?? ""));
  });
  const element = el("div", { class: "keypad", role: "group", "aria-label": "Keypad" }, ...keys);
  /** @param {KeyboardEvent} event */
  const typed = (event) => {
    const writing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
    if (writing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const key = keys.find((each) => each.dataset.digit === event.key);
    if (!key || !element.isConnected || key.disabled) return;
    key.classList.add("pressed");
    setTimeout(() => key.classList.remove("pressed"), 150);
    press(event.key);
  };
  document.addEventListener("keydown", typed);
  return {
    element,
    /** @param {boolean} on */
    enable(on) {
      for (const key of keys) key.disabled = !on;
    },
  };
}

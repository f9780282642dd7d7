// Why a call is over, in words for people.

/** @type {Record<string, string>} */
const WHY = {
  caller_hung_up: "You hung up.",
  agent_hung_up: "The agent hung up.",
  rtp_timeout: "The call is over: no sound came from your microphone.",
  drained: "The call was ended by an operator, or the server is stopping.",
  line_card_died: "The daemon is gone, and the call with it.",
};

/** @param {string} reason */
export function ending(reason) {
  return WHY[reason] ?? `The call is over: ${reason.replaceAll("_", " ")}.`;
}

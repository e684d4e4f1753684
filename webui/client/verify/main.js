/**
 * The verifier in the browser: the page /verify, and /verify.html, which is the same page as one file for years.
 *
 * Its exports are `hemaledgerVerify`; tests run the vectors with them. It makes no connection and stores nothing.
 */

import { control } from "./page.js";

export { verify } from "./check.js";
export { parseTrust } from "./trust.js";
export { verifyReceipt } from "./receipt.js";

if (typeof document !== "undefined") {
  const place = document.querySelector("[data-verifier]");
  if (place !== null) { control(place); }
}

/**
 * Computes the SHA-256 of a file in the browser and looks the digest up: the file itself is sent nowhere.
 *
 * Invariant: only the 64 digits leave the browser. Without this script the form uploads the file, as before.
 *
 * Source: FIPS 180-4, by @noble/hashes (streaming, also where a page without TLS has no SubtleCrypto).
 */

import { sha256 } from "@noble/hashes/sha2.js";

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Return the SHA-256 of a file as 64 digits; `told` gets shares in 0..1. */
export async function digestOf(file, told) {
  const state = sha256.create();
  const reader = file.stream().getReader();
  let done = 0;
  for (;;) {
    const part = await reader.read();
    if (part.done) { return hex(state.digest()); }
    state.update(part.value);
    done += part.value.length;
    told(file.size > 0 ? done / file.size : 1);
  }
}

function begin() {
  const place = document.querySelector("[data-digest]");
  if (place === null) { return; }
  const said = place.querySelector("[data-digest-said]");
  const bar = place.querySelector("progress");
  let busy = false;

  const lookUp = async (file) => {
    if (busy) { return; }
    busy = true;
    place.hidden = false;
    said.textContent = place.dataset.working;
    try {
      const digest = await digestOf(file, (share) => { bar.value = share; });
      window.location.assign(`${place.dataset.digest}?digest=${digest}`);
    } catch {
      said.textContent = place.dataset.failed;
    }
    busy = false;
  };
  const over = (event, on) => {
    if (!Array.from(event.dataTransfer?.types ?? []).includes("Files")) { return; }
    event.preventDefault();
    document.body.classList.toggle("drop-anywhere", on);
  };

  window.addEventListener("dragover", (event) => over(event, true));
  window.addEventListener("dragleave", (event) => { if (event.relatedTarget === null) { over(event, false); } });
  window.addEventListener("drop", (event) => {
    over(event, false);
    if (event.dataTransfer.files.length > 0) { lookUp(event.dataTransfer.files[0]); }
  }, true);
  window.addEventListener("pageshow", () => { place.hidden = true; busy = false; });
  document.querySelectorAll("form[data-look-up]").forEach((form) => {
    form.addEventListener("submit", (event) => {
      const file = form.querySelector("input[type=file]").files[0];
      if (file === undefined) { return; }
      event.preventDefault();
      lookUp(file);
    });
  });
}

if (typeof document !== "undefined") { begin(); }

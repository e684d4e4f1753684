/**
 * Computes the SHA-256 of a file in the browser and looks the digest up: the file itself is sent nowhere. Of a file of
 * weights (safetensors) it also computes the digest by which the ledger names a model.
 *
 * Invariant: only these digits leave the browser. Without this script the form uploads the file, as before.
 *
 * Source: FIPS 180-4, by @noble/hashes (streaming, also where a page without TLS has no SubtleCrypto); PROTOCOL.md 7
 * (modelDigest); safetensors, "Format". webui/usecases/file_look_up.py computes the same.
 */

import { sha256 } from "@noble/hashes/sha2.js";

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const HEADER_CAP = 4 * 1024 * 1024;
const LABEL = "BAFL/1/model";
const utf8 = (text) => new TextEncoder().encode(text);

/** Return `number` as 8 bytes, the highest first. */
function u64(number) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return bytes;
}

/** Return the tensors of a safetensors header in the order of their bytes, or null if they are not float32 in one row. */
function rowsOf(header, size) {
  const rows = Object.entries(header).filter(([name]) => name !== "__metadata__")
    .map(([name, { dtype, shape, data_offsets: [start, stop] }]) => ({ name, dtype, shape, start, stop }))
    .sort((one, other) => one.start - other.start);
  let end = 0;
  for (const { dtype, shape, start, stop } of rows) {
    const fits = shape.every((side) => Number.isSafeInteger(side) && side >= 0)
      && stop - start === 4 * shape.reduce((product, side) => product * side, 1);
    if (dtype !== "F32" || start !== end || !fits) { return null; }
    end = stop;
  }
  return end === size ? rows : null;
}

/**
 * Return how a model's digest begins for a file of weights, and where its values begin; null for another file.
 * `state` is null for weights that are not all float32.
 */
export async function weightsIn(file) {
  const first = new DataView(await file.slice(0, 8).arrayBuffer());
  const length = first.byteLength === 8 ? Number(first.getBigUint64(0, true)) : 0;
  if (length < 1 || length > Math.min(HEADER_CAP, file.size - 8)) { return null; }
  const start = 8 + length;
  try {
    const header = JSON.parse(await file.slice(8, start).text());
    if (Object.keys(header).every((name) => name === "__metadata__")) { return null; }
    const rows = rowsOf(header, file.size - start);
    if (rows === null) { return { start, state: null }; }
    const manifest = rows.map(({ name, shape }) => ({ dtype: "float32", name, shape }));
    const state = sha256.create().update(utf8(LABEL)).update(sha256(utf8(JSON.stringify(manifest))));
    return { start, state: state.update(u64((file.size - start) / 4)) };
  } catch {
    return null;  // no JSON, or not the header of a file of tensors
  }
}

/**
 * Return the digests of a file: `digest`, 64 digits, and `weights`, for a file of weights 64 digits or `other`, else
 * empty. `told` gets shares in 0..1.
 */
export async function digestsOf(file, told) {
  const state = sha256.create();
  const weights = await weightsIn(file);
  const reader = file.stream().getReader();
  let done = 0;
  for (;;) {
    const part = await reader.read();
    if (part.done) { break; }
    state.update(part.value);
    weights?.state?.update(part.value.subarray(Math.min(Math.max(weights.start - done, 0), part.value.length)));
    done += part.value.length;
    told(file.size > 0 ? done / file.size : 1);
  }
  const model = weights === null ? "" : weights.state === null ? "other" : hex(weights.state.digest());
  return { digest: hex(state.digest()), weights: model };
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
      const { digest, weights } = await digestsOf(file, (share) => { bar.value = share; });
      const more = weights === "" ? "" : `&weights=${weights}`;
      window.location.assign(`${place.dataset.digest}?digest=${digest}${more}`);
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

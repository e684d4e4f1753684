/**
 * The page: takes a proof or a receipt, files to compare and a trust file, and shows the verdict.
 *
 * Invariant: files are read here and sent nowhere. What comes from a file is shown as text only. A newer choice wins over
 * an older one that is still being read.
 */

import { sha256 as hash } from "@noble/hashes/sha2.js";

import { equal, toHex } from "../encoding.js";
import { wordsOfPage } from "../errors.js";
import { verify } from "./check.js";
import { Failed, malformed } from "./errors.js";
import { FIRST_LINE, PROOF_CAP } from "./proof.js";
import { pictureOf, RECEIPT_CAP, verifyReceipt } from "./receipt.js";
import { letters } from "./text.js";
import { parseTrust, TRUST_CAP } from "./trust.js";
import { showFailure, showTrust, showVerdict } from "./verdict.js";
import { digestsOf, Voice } from "./words.js";

/** Bytes of a file that is compared by its SHA-256. */
const FILE_CAP = 4 * 1024 ** 3;
const MOST_FILES = 32;

/**
 * Make the page work.
 * @param {HTMLElement} place The element with data-verifier.
 */
export function control(place) {
  const one = (name) => place.querySelector(`[data-${name}]`);
  const [proof, files, trust] = [one("proof"), one("files"), one("trust")];
  const voice = new Voice(document.documentElement.lang, wordsOfPage(), place.dataset.zone);
  const site = JSON.parse(document.getElementById("trust")?.textContent ?? "null");
  let turn = 0;

  const judge = async () => {
    turn += 1;
    const mine = turn;
    const result = one("result");
    const said = await verdictOf({ proof: proof.files[0], files: [...files.files], trust: trust.files[0], site });
    if (mine !== turn) { return; }
    showTrust(voice, one("trusted"), said, place.dataset.hospital);
    if (said.error !== undefined) { showFailure(voice, result, said); } else { showVerdict(voice, result, said); }
    result.hidden = proof.files.length === 0;
    if (!result.hidden) { result.focus(); }
  };

  for (const input of [proof, files, trust]) { input.addEventListener("change", judge); }
  acceptDrops(place, (dropped) => {
    proof.files = dropped;
    judge();
  });
  one("form").addEventListener("submit", (event) => event.preventDefault());
  one("form").hidden = false;
  judge();
}

/** Read the files and judge them; without a proof, only the trust is read. */
async function verdictOf({ proof, files, trust: chosen, site }) {
  const said = { name: proof?.name ?? "", own: chosen !== undefined, trust: null, compared: [] };
  try {
    said.trust = await trustOf(chosen, site);
    if (proof === undefined) { return said; }
    const data = await bytesOf(proof, RECEIPT_CAP);
    if (said.trust === null) { throw new Failed("TrustMissing"); }
    if (letters(data.subarray(0, 2)) === FIRST_LINE.slice(0, 2)) {
      said.proven = verify(data, said.trust);
    } else if (letters(data.subarray(0, 64)).trimStart().startsWith("{")) {
      said.shown = verifyReceipt(data, said.trust);
      said.proven = said.shown.proven;
    } else {
      throw malformed("file", "it is neither a proof (.tlog-proof) nor a receipt (.json)");
    }
    said.compared = await compared(files, said);
  } catch (error) {
    said.error = error instanceof Failed ? error : malformed("file", "this browser cannot read it");
  }
  return said;
}

async function trustOf(chosen, site) {
  if (chosen !== undefined) { return parseTrust(await bytesOf(chosen, TRUST_CAP)); }
  return site === null ? null : parseTrust(new TextEncoder().encode(site));
}

/** Return a file's bytes; one byte more than allowed if it is larger. */
const bytesOf = async (file, cap) => new Uint8Array(await file.slice(0, Math.max(cap, PROOF_CAP) + 1).arrayBuffer());

/** Return for each file whether the proof is about it. */
async function compared(files, { proven, shown }) {
  const found = [];
  for (const file of files.slice(0, MOST_FILES)) {
    const digest = file.size > FILE_CAP ? null : await digestOf(file);
    if (digest === null) {
      found.push({ name: file.name, digest: "", fits: null });
    } else if (shown !== undefined) {
      const picture = pictureOf(shown, digest);
      found.push({ name: file.name, digest: toHex(digest), fits: picture > 0, picture });
    } else {
      found.push({ name: file.name, digest: toHex(digest), fits: digestsOf(proven).some((each) => equal(each, digest)) });
    }
  }
  return found;
}

async function digestOf(file) {
  const state = hash.create();
  const reader = file.stream().getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) { state.update(part.value); }
  return state.digest();
}

/** Take the first file that is dropped anywhere on the page. */
function acceptDrops(place, take) {
  const over = (event, on) => {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files") || event.target.closest?.("input[type=file]")) { return; }
    event.preventDefault();
    place.querySelector("[data-drop]").classList.toggle("drop-over", on);
  };
  window.addEventListener("dragover", (event) => over(event, true));
  window.addEventListener("dragleave", (event) => { if (event.relatedTarget === null) { over(event, false); } });
  window.addEventListener("drop", (event) => {
    over(event, false);
    if (event.target.closest?.("input[type=file]") || event.dataTransfer.files.length === 0) { return; }
    const first = new DataTransfer();
    first.items.add(event.dataTransfer.files[0]);
    take(first.files);
  });
}

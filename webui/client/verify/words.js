/**
 * Says to people what a proof or a receipt shows, and what it does not show.
 *
 * Invariant: no sentence says more than the proof; each fact in it was checked by check.js or receipt.js.
 *
 * Source: fl/proofs/words.py, which says the same on a terminal.
 */

import { toHex } from "../encoding.js";
import { inWords } from "../errors.js";
import { Numeral, parseJson } from "./json.js";
import { NAMES } from "./records.js";
import { utf8 } from "./text.js";

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;
const SHORT = 12;
const LONGEST = 200;
const NEWLINE = 10;
const [LINE_FIELDS, LINE_CAP] = [10, 4096];

/** The roles of members, in the words of the pages. */
const ROLES = { OPERATOR: "operator", HOSPITAL: "hospital", COORDINATOR: "coordinator", AUDITOR: "auditor", TRUSTEE: "trustee" };

/** One sentence for each kind of record; the others get a general one. */
const SENTENCES = {
  UpdateCommitted: "In round {round}, {who} recorded its update {digest}.",
  ModelProposed: "In round {round}, {who} proposed the model {model_digest}.",
  RoundFinalised: "In round {round}, {who} recorded that the model {model_digest} is final.",
  WideFinalised: "In round {round}, {who} recorded that the model {model_digest} is final.",
  ModelAttested: "In round {round}, {who} attested the model {model_digest}, with the report {report_digest}.",
  DecryptionRequested: "{who} asked the trustees to open something: request {request}.",
  DecryptionApproved: "{who} approved the request {request}, with the file {digest}.",
  RecordsAnchored: "{who} recorded the root {root} of its records, batch {batch}.",
  KeyRegistered: "{who} registered its key of epoch {epoch}: {public_key}.",
  KeyRotated: "{who} registered its key of epoch {epoch}: {public_key}.",
  StepsAnchored: "In round {round}, {who} recorded a batch of {count} steps.",
  StatementMade: "{who} stated {kind}: {text} ({digest}).",
};

/** What the fields of records are called. */
const LABELS = {
  digest: "Digest", model_digest: "Model digest", report_digest: "Digest of the report", file_digest: "Digest of the file",
  envelope_digest: "Digest of the sealed file", root: "Root", public_key: "Public key", proof: "Proof of the key",
};

/** Return what a field of a record is called. */
export const labelOf = (voice, field) => voice.say(LABELS[field] ?? field);

/** Turns facts into texts of one language. */
export class Voice {
  /**
   * @param {string} language As in `<html lang>`.
   * @param {Record<string, string>} words By the English text; empty for English.
   * @param {string} [zone] A time zone; without it, that of the device.
   */
  constructor(language, words, zone) {
    this.words = words;
    this.language = language === "en" ? "en-GB" : language; // as the site writes times
    this.zone = zone;
  }

  /** Return a text with facts in it; a fact is put in as it is, for it may come from a file. */
  say(text, facts = {}) {
    return inWords(this.words, text).replace(/\{(\w+)\}/g, (place, name) => (Object.hasOwn(facts, name) ? String(facts[name]) : place));
  }

  /** Return a time, given in seconds since 1970, with its zone. */
  time(seconds) {
    const form = { dateStyle: "long", timeStyle: "long", timeZone: this.zone };
    return new Intl.DateTimeFormat(this.language, form).format(new Date(Number(seconds) * 1000));
  }

  percent(share) {
    return new Intl.NumberFormat(this.language, { style: "percent", maximumFractionDigits: 1 }).format(share);
  }

  number(value) {
    return new Intl.NumberFormat(this.language).format(value);
  }
}

/** Return a text from outside without invisible characters, and not too long. */
export const shown = (text) => {
  const seen = [...text.replace(UNSEEN, "\ufffd")];
  return seen.length > LONGEST ? `${seen.slice(0, LONGEST).join("")}…` : seen.join("");
};

/** Return the first digits of some bytes. */
export const short = (bytes) => (bytes.length * 2 > SHORT + 4 ? `${toHex(bytes).slice(0, SHORT)}…` : toHex(bytes));

/** Return who an account is: name and role, or its digits. */
export function named(voice, trust, account) {
  const member = trust.members.get(account);
  return member === undefined ? `0x${account}` : `${shown(member.name)} (${voice.say(ROLES[member.role])})`;
}

/** Return one sentence that says what a member recorded. */
export function whatOf(voice, trust, { name, fields }) {
  const facts = Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, fact(value)]));
  if (name === "StatementMade") { facts.kind = NAMES.StatementKind[facts.kind] ?? facts.kind; }
  const who = named(voice, trust, fields.sender);
  return voice.say(SENTENCES[name] ?? "{who} recorded the event {event}.", { ...facts, who, event: name });
}

function fact(value) {
  if (value instanceof Uint8Array) { return short(value); }
  return typeof value === "string" ? shown(value) : String(value);
}

/** Return every digest that a record, or the step inside it, holds: 32 bytes each. */
export const digestsOf = ({ record, step }) => [record, step].filter((each) => each !== null)
  .flatMap(({ fields }) => Object.values(fields)).filter((value) => value instanceof Uint8Array && value.length === 32);

/** Return what is inside the record; null if nothing is. */
export function insideOf(voice, trust, { step, leaf, line }) {
  if (step !== null) {
    return voice.say("Inside: {what} The coordinator's batch holds this step.", { what: whatOf(voice, trust, step) });
  }
  if (leaf !== null) {
    return voice.say("Inside: the salted fingerprint {leaf} of one patient record or answer.", { leaf: short(leaf) });
  }
  return line === null ? null : lineOf(voice, line);
}

/** Return what a line of an access log says; one of another form as it is. */
function lineOf(voice, line) {
  const text = new TextDecoder().decode(line.subarray(line.indexOf(NEWLINE) + 1));
  const fields = fieldsOf(text);
  if (fields === null) { return voice.say("Inside: a line of the access log: {line}", { line: shown(text) }); }
  const [number, when, account, role, event, page, about, , name] = fields.map((field) => shown(String(field)));
  const facts = { number, time: voice.time(when), account, role, event, page, about, name: name || voice.say("somebody") };
  return voice.say("Inside: line {number} of the access log. On {time}, {name} ({role}, account {account} of this hospital): {event} {page}, {about}.", facts);
}

/** Return the fields of a line; null if it has another form. */
function fieldsOf(text) {
  try {
    const fields = parseJson(utf8(text), "proof", LINE_CAP);
    return Array.isArray(fields) && fields.length === LINE_FIELDS && isTime(fields[1]) ? fields : null;
  } catch {
    return null;
  }
}

const isTime = (value) => value instanceof Numeral && value.isInteger && value.value >= 0n && value.value < 2n ** 33n;

/**
 * Return who cosigned: a text for each witness.
 * @returns {string[]}
 */
export const cosigners = (voice, trust, { cosigned }) => [...cosigned].map(([witness, time]) => {
  const account = /\/0x([0-9a-f]{40})$/.exec(trust.policy.witnesses.get(witness).name)?.[1] ?? "";
  return `${named(voice, trust, account)}, ${voice.time(time)}`;
});

/** Return what ties the checkpoint to the chain. */
export function tieOf(voice, trust, { bound }) {
  if (bound === null) { return voice.say("Nothing in it ties the checkpoint to the chain: the log and its witnesses vouch for it."); }
  const facts = {
    keeper: named(voice, trust, bound.record.fields.sender), block: bound.block, sealed: bound.sealed, known: trust.validators.length,
  };
  return voice.say(bound.sealed > 0
    ? "{keeper} recorded the checkpoint in block {block} of the chain; {sealed} of the {known} validators sealed this block."
    : "{keeper} signed the transaction that records the checkpoint. That block {block} with it is on the chain cannot be checked offline: the witnesses looked before they cosigned.", facts);
}

/** Return what a proof does not show: a text for each limit. */
export function limitsOf(voice, trust, { record, step }) {
  const limits = [];
  if (record.name === "RoundFinalised" || record.name === "WideFinalised") {
    limits.push(voice.say("The contract itself wrote the model's digest; the sender did not sign it. For it the log and the witnesses vouch."));
  }
  if (step !== null) { limits.push(voice.say("The step's own signature was not checked.")); }
  return [
    ...limits,
    voice.say("It shows that this was recorded, never that something else was not: for example not that a key was never revoked."),
    voice.say(trust.policy.witnesses.size > 0
      ? "If all these witnesses lie together, or all ask one computer that lies, it shows nothing."
      : "Your trust file names no witnesses: only the log's own signature was checked."),
  ];
}

/** Return what a receipt does not show. */
export const limitsOfReceipt = (voice) => [
  voice.say("It does not show that the answer is right. Only a doctor makes a diagnosis."),
  voice.say("It does not show whose picture or values these are: it names nobody."),
];

/**
 * Return the facts of a receipt's core: a name, a text, and whether it is long. A receipt may hold anything: what has another form is
 * left out.
 * @returns {[string, string, boolean][]}
 */
export function coreFacts(voice, core) {
  const found = [];
  const add = (name, text, isLong = false) => { if (text !== null) { found.push([voice.say(name), text, isLong]); } };
  const [answer, model, classes] = [part(core, "answer"), part(core, "model"), part(core, "classes")];
  const className = (code) => shown(voice.say(String(classes.get(code) ?? code)));
  add("Checked", isTime(core.get("checked_at")) ? voice.time(core.get("checked_at")) : null);
  if (core.has("row")) {
    const risk = ["probability", "low", "high"].map((name) => numeral(answer.get(name), (value) => voice.percent(value)));
    add("Answer", risk.includes(null) ? null : `${shown(voice.say(String(core.get("about"))))}: ${risk[0]} (${risk[1]} – ${risk[2]})`);
    add("Looked at", voice.say("one row of the table {table}", { table: shown(String(core.get("table"))) }));
  } else {
    add("Answer", typeof answer.get("label") === "string" ? className(answer.get("label")) : null);
    const shares = [...part(answer, "shares")].map(([code, share]) => [className(code), numeral(share, (value) => voice.percent(value))]);
    const isWhole = shares.length > 0 && shares.every(([, share]) => share !== null);
    add("Share of each class", isWhole ? shares.map((each) => each.join(" ")).join(", ") : null);
    const kept = answer.get("kept");
    add("Still possible", Array.isArray(kept) && kept.length > 0 ? kept.map((code) => className(String(code))).join(", ") : null);
    add("Pictures", Array.isArray(core.get("pictures")) ? voice.number(core.get("pictures").length) : null);
  }
  add("Program", textIn(part(core, "pipeline"), "software"));
  add("Answered by the server of", textIn(part(core, "route"), "server"));
  const trustees = part(core, "private").get("trustees");
  add("Came by the private way", Array.isArray(trustees) ? trustees.map((one) => shown(String(one))).join(", ") : null);
  add("Model", numeral(model.get("round"), (round) => voice.say("of round {round}", { round })));
  add("Model digest", textIn(model, "model_digest"), true);
  return found;
}

const part = (map, name) => (map.get(name) instanceof Map ? map.get(name) : new Map());

const textIn = (map, name) => (typeof map.get(name) === "string" ? shown(map.get(name)) : null);

const numeral = (value, write) => (value instanceof Numeral ? write(Number(value.value)) : null);

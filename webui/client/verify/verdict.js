/**
 * Writes the verdict into the page: what holds, who cosigned, what it does not show, and by whose trust.
 *
 * Invariant: texts only; nothing that a file says becomes part of the page's code.
 */

import { toHex } from "../encoding.js";
import { coreFacts, cosigners, insideOf, labelOf, limitsOf, limitsOfReceipt, shown as seen, tieOf, whatOf } from "./words.js";

/** How many members' names are shown. */
const MOST_NAMES = 12;

/** Return an element with texts and elements in it. */
function made(tag, className, ...inside) {
  const element = document.createElement(tag);
  if (className !== "") { element.className = className; }
  element.append(...inside.filter((each) => each !== null));
  return element;
}

const heading = (text) => made("h3", "h5", text);

const listOf = (className, texts) => made("ul", className, ...texts.map((text) => made("li", "", text)));

const factList = (pairs) => made("dl", "facts", ...pairs.map(([name, value, wide]) => (
  made("div", wide ? "wide" : "", made("dt", "", name), made("dd", "", value))
)));

/** Return digits of a digest. */
const code = (text) => made("code", "digest-text", text);

function fill(place, tone, ...inside) {
  place.className = `panel result result-${tone}`;
  place.replaceChildren(...inside.filter((each) => each !== null));
}

/** Show why a file does not hold. */
export function showFailure(voice, place, { name, error }) {
  const titles = {
    ProofMalformed: ["wait", "This cannot be checked"],
    TrustMissing: ["wait", "This cannot be checked"],
    WitnessesMissing: ["wait", "This is not enough"],
  };
  const [tone, title] = titles[error.name] ?? ["bad", "This does not hold"];
  const bad = tone === "bad" ? voice.say("Do not rely on this file. Ask who gave it to you for another copy; keep this one as evidence.") : null;
  place.dataset.verdict = error.name;
  fill(
    place, tone, made("p", "eyebrow", seen(name)), made("h2", "h4", voice.say(title)),
    made("p", "lead-2", error.inLanguage(voice.words)), bad === null ? null : made("p", "mb-0", bad),
  );
}

/** Show what a proof or a receipt shows. */
export function showVerdict(voice, place, said) {
  const { proven, shown, name } = said;
  if (proven === undefined && shown === undefined) { return; }
  const tone = proven === null ? "wait" : said.compared.some(({ fits }) => fits !== true) ? "bad" : "good";
  place.dataset.verdict = proven === null ? "waits" : tone === "bad" ? "other-file" : "holds";
  fill(
    place, tone, made("p", "eyebrow", seen(name)), made("h2", "h4", title(voice, said, tone)),
    ...comparisons(voice, said),
    ...(shown === undefined ? [] : receiptParts(voice, shown)),
    ...(proven === null ? [] : proofParts(voice, said)),
    heading(voice.say("What it does not show")),
    listOf("mb-0", [
      ...(shown === undefined ? [] : limitsOfReceipt(voice)), ...(proven === null ? [] : limitsOf(voice, said.trust, proven)),
    ]),
  );
}

function title(voice, { proven, shown }, tone) {
  if (proven === null) { return voice.say("The receipt fits its fingerprint, but it has no proof yet"); }
  if (shown === undefined) { return voice.say(tone === "bad" ? "The proof holds, but it is about another file" : "The proof holds"); }
  return voice.say(tone === "bad" ? "The receipt holds, but it is about another picture" : "The receipt is unchanged, and its proof holds");
}

function comparisons(voice, { compared, shown }) {
  const text = (one) => {
    const facts = { name: seen(one.name), digest: one.digest, picture: one.picture };
    if (one.fits === null) { return voice.say("{name} is too large to compare here.", facts); }
    if (shown === undefined) {
      return voice.say(one.fits ? "{name} is the recorded file: its SHA-256 is in the record." : "{name} is another file: its SHA-256 is {digest}.", facts);
    }
    return voice.say(one.fits
      ? "{name} is picture {picture} of the receipt."
      : "{name} is not a picture of this receipt, bit for bit. Take the picture that you saved from the page of the result.", facts);
  };
  return compared.map((one) => made("p", one.fits ? "note note-good compared" : "note note-bad compared", text(one)));
}

function receiptParts(voice, { core, leaf, superseded, proven }) {
  const waits = proven === null
    ? made("p", "", voice.say("Nobody can tell from this file alone who made it. Download the receipt again on another day, or compare it with the ledger on the site of the hospital."))
    : null;
  const old = superseded
    ? made("p", "note note-bad", voice.say("The hospital's site says that the model of this answer is no longer in use: ask for a new check. The proof does not cover this sentence."))
    : null;
  return [
    old, waits, heading(voice.say("What it says")),
    factList([...coreFacts(voice, core).map(([name, text, isLong]) => [name, isLong ? code(text) : text, isLong]), [voice.say("Fingerprint"), code(toHex(leaf)), true]]),
  ];
}

function proofParts(voice, { proven, shown, trust }) {
  const { record, event, checkpoint, index } = proven;
  const names = cosigners(voice, trust, proven);
  const facts = { count: names.length, known: trust.policy.witnesses.size, size: voice.number(checkpoint.size) };
  const inside = shown === undefined ? insideOf(voice, trust, proven) : null;
  return [
    heading(voice.say("What was recorded")), made("p", "lead-2", whatOf(voice, trust, record)),
    inside === null ? null : made("p", "", inside),
    factList([[voice.say("Recorded"), voice.time(event.time)], [voice.say("Block"), voice.number(event.block)]]),
    heading(voice.say("Who cosigned")),
    made("p", "", voice.say("{count} of {known} witnesses cosigned the checkpoint over {size} entries. Each replayed the ledger by its own computer.", facts)),
    listOf("", names), made("p", "", tieOf(voice, trust, proven)),
    made("details", "details", made("summary", "", voice.say("Facts for experts")), factList([
      [voice.say("Entry of the log"), voice.say("{index} of {size}", { index: voice.number(index), size: facts.size })],
      [voice.say("Signed transaction"), code(toHex(event.transaction)), true],
      ...[record, proven.step].flatMap((each) => Object.entries(each?.fields ?? {}))
        .filter(([, value]) => value instanceof Uint8Array)
        .map(([name, value]) => [labelOf(voice, name), code(toHex(value)), true]),
    ])),
  ];
}

/** Show whose signatures count, and the code to compare. */
export function showTrust(voice, place, { trust, own, error }, hospital) {
  place.dataset.code = trust?.code ?? "";
  if (trust === null) {
    const text = own && error !== undefined ? error.inLanguage(voice.words) : voice.say("This page has no trust file. Choose one that a member of the consortium gave you.");
    place.replaceChildren(made("p", own ? "note note-bad" : "note note-wait", text));
    return;
  }
  const from = own
    ? voice.say("You chose this trust file.")
    : voice.say("This trust file comes from the site of {hospital}. If your proof or receipt comes from there too, this site could have made up both. Compare the code by phone with another member, or choose a trust file that you got elsewhere.", { hospital });
  const names = [...trust.members.values()].map(({ name }) => seen(name));
  const members = [...names.slice(0, MOST_NAMES), ...(names.length > MOST_NAMES ? ["…"] : [])].join(", ");
  place.replaceChildren(
    made("p", "", from),
    made("p", "code-line", `${voice.say("Code of the trust file")} `, made("strong", "trust-code", trust.code.replace(/(.{4})(?=.)/g, "$1 "))),
    made("p", "fine", voice.say("As of {time}. Members: {members}.", { time: voice.time(trust.madeAt), members })),
  );
}

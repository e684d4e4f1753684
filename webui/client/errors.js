/**
 * Every error of the approval page, by its name in PROTOCOL.md and Python, with one sentence for people.
 *
 * Invariant: a refusal carries names, numbers and digests; never a key, a share or a password.
 *
 * Source: fl/protocol/errors; the last six exist only in the browser.
 */

/** The sentence of each name; `{why}` is the place of the fact `why`. */
const SENTENCES = {
  EncodingError: "The {what} cannot be read: {why}.",
  InvalidPoint: "A key or the encrypted record has an invalid number: {why}. Please tell the hospital.",
  InvalidScalar: "A secret number is not valid: {why}. Check that you chose the right key file.",
  ProofInvalid: "The proof of {what} is wrong. Please tell the hospital.",
  CiphertextInvalid: "The encrypted record cannot be used: {what}. Please tell the hospital.",
  HashMismatch: "The file of this request is not the one that the ledger records. Do not approve it, and tell the hospital.",
  PolicyNotApproved: "You cannot approve this request: {what}.",
  PartialInvalid: "Your key file does not match the ledger. Make a new one on the page My share of the key.",
  AuthFailure: "A part of your share cannot be opened with this key file. Please tell the hospital.",
  CommitteeMismatch: "The parts do not add up to the share that the ledger has for you. Nothing was stored. Please tell the hospital.",
  DeadlinePassed: "The deadline of this request has passed. Nobody can answer it any more.",
  KeyExpired: "The trustees' shares of the key have expired. They must be renewed before anybody can answer.",
  RevokedSender: "The account 0x{account} is not an active member, so this request cannot be approved.",
  WrongChain: "This key file is not for this request: its {what} is different. Choose the right key file.",
  KeystoreUnreadable: "The key file could not be opened: {why}.",
  InsecureContext: "This browser does not allow encryption on this address. Open the site with https.",
  WorkerFailed: "The calculation did not start or stopped early. Reload the page and try again.",
  SiteUnavailable: "The site did not answer. Reload the page to see whether it has received your answer.",
  PasswordShort: "This password is too short. It needs at least {least} characters. Several words are good.",
  PasswordsDiffer: "The two passwords are different. Type the same password twice.",
  SiteRefused: "The site did not accept your answer: {why}",
};

/** How often a fact may stand in a fact: a number in a reason in a sentence. */
const DEPTH = 3;

/**
 * The texts of the page's language, by the English text: templates/_script_words.html. English pages need none.
 * @returns {Record<string, string>}
 */
export function wordsOfPage() {
  return JSON.parse(document.getElementById("script-words")?.textContent ?? "{}");
}

/** Return a text in the page's language. */
export const inWords = (words, text) => (Object.hasOwn(words, text) ? words[text] : text);

/** Put facts into a text, in the page's language; a fact that is a text may have facts in it. */
export function filled(text, facts, words) {
  let said = inWords(words, text);
  for (let depth = 0; depth < DEPTH; depth += 1) {
    said = said.replace(/\{(\w+)\}/g, (place, name) => (
      Object.hasOwn(facts, name) ? inWords(words, String(facts[name])) : place
    ));
  }
  return said;
}

/** An error with a name, a sentence (`message`, in English) and its fields (`facts`). */
export class Refused extends Error {
  /**
   * @param {keyof typeof SENTENCES} name The leaf's name.
   * @param {Record<string, string | number>} [facts] Public facts for the sentence.
   */
  constructor(name, facts = {}) {
    super(filled(SENTENCES[name], facts, {}));
    this.name = name;
    this.facts = facts;
  }

  /** Return the sentence in the page's language. */
  inLanguage(words) {
    return filled(SENTENCES[this.name], this.facts, words);
  }

  /** Return a refusal that another thread sent, by its name and facts. */
  static received(name, facts) {
    return new Refused(Object.hasOwn(SENTENCES, name) ? name : "WorkerFailed", facts);
  }
}

/**
 * Why a file does not hold, by the name and the sentence that Python has too.
 *
 * Source: fl/protocol/errors/proofs.py; PROTOCOL.md 8T.6. `ReceiptChanged` and `FileOther` are about what comes with a proof.
 */

import { filled } from "../errors.js";

/** The sentence of each name; `{why}` is the place of the fact `why`. */
export const SENTENCES = {
  ProofMalformed: "This {what} cannot be read: {why}.",
  ProofChanged: "The proof does not hold (step {step}): {why}.",
  LogSignatureInvalid: "The proof does not hold (step 2, the log's signature): {why}.",
  CosignatureInvalid: "The proof does not hold (step 3, the witnesses): the line of {witness} is wrong: {why}.",
  WitnessesMissing: "The proof is not enough (step 3, the witnesses): {cosigned} of the {known} witnesses in your trust file cosigned, and this does not meet its quorum {quorum}. Ask for a newer proof.",
  BindingInvalid: "The proof does not hold (step 7, the tie to the chain): {why}.",
  ReceiptChanged: "The receipt does not hold: {why}.",
  TrustMissing: "Nothing says whose signatures count: this page has no trust file. Choose one.",
};

/** A file that does not hold: a name, a sentence (`message`, in English) and its facts. */
export class Failed extends Error {
  /**
   * @param {keyof typeof SENTENCES} name
   * @param {Record<string, string | number>} facts
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
}

/** Return that a file has another form. */
export const malformed = (what, why, facts = {}) => new Failed("ProofMalformed", { what, why, ...facts });

/** Return that a part does not fit the others. */
export const changed = (step, why) => new Failed("ProofChanged", { step, why });

/** Return that the tie to the chain is wrong. */
export const unbound = (why, facts = {}) => new Failed("BindingInvalid", { why, ...facts });

/**
 * Do something; an error of reading bytes in it becomes another one.
 * @template T
 * @param {() => T} run
 * @param {(error: Error) => Failed} instead
 */
export function reading(run, instead) {
  try {
    return run();
  } catch (error) {
    throw error.name === "EncodingError" ? instead(error) : error;
  }
}

/**
 * Every error of the approval page, by its name in PROTOCOL.md and Python, with one sentence for people.
 *
 * Invariant: a refusal carries names, numbers and digests; never a key, a share or a password.
 *
 * Source: fl/protocol/errors; the last six exist only in the browser.
 */

/** The sentence of each name, made from the refusal's facts. */
const SENTENCES = {
  EncodingError: ({ what, why }) => `The ${what} cannot be read: ${why}.`,
  InvalidPoint: ({ why }) => `A key or the encrypted record has an invalid number: ${why}. Please tell the hospital.`,
  InvalidScalar: ({ why }) => `A secret number is not valid: ${why}. Check that you chose the right key file.`,
  ProofInvalid: ({ what }) => `The proof of ${what} is wrong. Please tell the hospital.`,
  CiphertextInvalid: ({ what }) => `The encrypted record cannot be used: ${what}. Please tell the hospital.`,
  HashMismatch: () => "The file of this request is not the one that the ledger records. Do not approve it, and tell the hospital.",
  PolicyNotApproved: ({ what }) => `You cannot approve this request: ${what}.`,
  PartialInvalid: () => "Your key file does not match the ledger. Make a new one on the page Your key file.",
  AuthFailure: () => "A part of your share cannot be opened with this key file. Please tell the hospital.",
  CommitteeMismatch: () => "The parts do not add up to the share that the ledger has for you. Nothing was stored. Please tell the hospital.",
  DeadlinePassed: () => "The deadline of this request has passed. Nobody can answer it any more.",
  KeyExpired: () => "The trustees' shares of the key have expired. They must be renewed before anybody can answer.",
  RevokedSender: ({ account }) => `The account 0x${account} is not an active member, so this request cannot be approved.`,
  WrongChain: ({ what }) => `This key file is not for this request: its ${what} is different. Choose the right key file.`,
  KeystoreUnreadable: ({ why }) => `The key file could not be opened: ${why}.`,
  InsecureContext: () => "This browser does not allow encryption on this address. Open the site with https.",
  WorkerFailed: () => "The calculation did not start or stopped early. Reload the page and try again.",
  SiteUnavailable: () => "The site did not answer. Reload the page to see whether it has received your answer.",
  PasswordShort: ({ least }) => `This password is too short. It needs at least ${least} characters. Several words are good.`,
  PasswordsDiffer: () => "The two passwords are different. Type the same password twice.",
  SiteRefused: ({ why }) => `The site did not accept your answer: ${why}`,
};

/** An error with a name, a sentence (`message`) and its fields (`facts`). */
export class Refused extends Error {
  /**
   * @param {keyof typeof SENTENCES} name The leaf's name.
   * @param {Record<string, string | number>} [facts] Public facts for the sentence.
   */
  constructor(name, facts = {}) {
    super(SENTENCES[name](facts));
    this.name = name;
    this.facts = facts;
  }

  /** Return a refusal that another thread sent, by its name and sentence. */
  static received(name, message) {
    const refusal = new Refused("WorkerFailed");
    refusal.name = name;
    refusal.message = message;
    return refusal;
  }
}

/**
 * Every refusal of the approval, by the name that PROTOCOL.md and Python use, with one sentence for people.
 *
 * Invariant: a refusal carries names, numbers and digests; never a key, a share or a password.
 *
 * Source: fl/protocol/errors; the last four, which PROTOCOL.md does not know, are the browser's own.
 */

/** What each name says; a function of the refusal's facts. */
const SENTENCES = {
  EncodingError: ({ what, why }) => `The ${what} cannot be read: ${why}.`,
  InvalidPoint: ({ why }) => `A key or ciphertext holds no valid point of the curve: ${why}.`,
  InvalidScalar: ({ why }) => `A secret number is not valid: ${why}.`,
  ProofInvalid: ({ what }) => `The proof of ${what} does not verify.`,
  CiphertextInvalid: ({ what }) => `The ciphertext is refused: ${what}.`,
  HashMismatch: () => "The request's file is not the one that the ledger records. It was not opened.",
  PolicyNotApproved: ({ what }) => `The request cannot be approved: ${what}.`,
  PartialInvalid: () => "Your share does not fit the public share that the ledger records for you.",
  DeadlinePassed: () => "The request's deadline has passed.",
  KeyExpired: () => "The committee's shares have expired; they must be refreshed first.",
  RevokedSender: ({ account }) => `0x${account} is not an active member.`,
  WrongChain: ({ what }) => `This key file belongs elsewhere: its ${what} is another than this page's.`,
  KeystoreUnreadable: ({ why }) => `The key file could not be opened: ${why}.`,
  InsecureContext: () => "This browser allows no encryption here. Open the site by https, or on this machine itself.",
  WorkerFailed: () => "The calculation could not be started or ended early. Reload the page and try again.",
  SiteUnavailable: () => "The site did not answer. Reload the page to see whether your answer arrived.",
  SiteRefused: ({ why }) => `The site did not accept the answer: ${why}`,
};

/** A refusal: `name` is the leaf's name, `message` its sentence, `facts` its fields. */
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

  /** Return a refusal that another thread told of, by its name and sentence. */
  static told(name, message) {
    const refusal = new Refused("WorkerFailed");
    refusal.name = name;
    refusal.message = message;
    return refusal;
  }
}

// Runs tests/vectors/threshold.json on the browser's modules; Node runs it on the sources, Chromium on the bundle.

/**
 * Return every vector as a sentence and a function that throws when it is false.
 * @param {Record<string, any>} client What webui/client/main.js exports.
 * @param {Record<string, any>} vectors The parsed file.
 * @returns {{name: string, run: () => unknown}[]}
 */
export function cases(client, vectors) {
  const { encoding, group } = client;
  const bytes = (text) => encoding.fromHex(text, "vector");
  const scalar = (text) => encoding.toInteger(bytes(text));
  const point = (text) => group.decodePoint(bytes(text));
  const hex = (given) => encoding.toHex(given);
  const binding = (given) => ({
    label: bytes(given.label), number: BigInt(given.number), use: given.use, epoch: given.epoch, purpose: given.purpose,
    modelContext: bytes(given.model_context),
  });
  const tools = { ...client, vectors, bytes, scalar, point, hex, binding };
  return [...primitives(tools), ...capsules(tools), ...partials(tools), ...envelopes(tools), ...lockboxes(tools)];
}

/** Run all and return the failures, as texts. */
export async function failures(client, vectors) {
  const found = [];
  for (const { name, run } of cases(client, vectors)) {
    try {
      await run();
    } catch (error) {
      found.push(`${name}: ${error.message}`);
    }
  }
  return found;
}

function same(actual, expected, what) {
  if (actual !== expected) {
    throw new Error(`${what} is ${actual}, not ${expected}`);
  }
}

/** Expect exactly this error's name, or none. */
async function refused(expected, run) {
  let name;
  try {
    await run();
  } catch (error) {
    name = error.name;
  }
  same(name, expected, "the error");
}

function primitives({ vectors, group, dleq, threshold, bytes, scalar, point, hex }) {
  const proofs = vectors.dleq.map((each) => ({
    name: `dleq: ${each.name}`,
    run: async () => {
      const statement = { base: point(each.base), key: point(each.key), input: point(each.input), output: point(each.output) };
      const proof = bytes(each.proof);
      dleq.verify(proof, statement, bytes(each.context));
      same(hex(dleq.prove(scalar(each.secret), statement, bytes(each.context), scalar(each.nonce))), each.proof, "the proof");
      await refused("ProofInvalid", () => dleq.verify(proof, statement, bytes("00")));
    },
  }));
  const scalars = vectors.hash_to_scalar.map((each, at) => ({
    name: `hash to scalar ${at}`,
    run: () => same(hex(group.scalarBytes(group.hashToScalar(bytes(each.message), bytes(each.tag)))), each.scalar, "it"),
  }));
  const keys = {
    name: "identities of keys, and the second generator",
    run: () => {
      same(hex(group.encodePoint(threshold.secondGenerator())), vectors.second_generator, "the second generator");
      same(hex(threshold.thresholdKeyId(point(vectors.key.public))), vectors.key.key_id, "the key's identity");
    },
  };
  return [...proofs, ...scalars, keys];
}

function capsules({ vectors, capsules: module, threshold, group, bytes, point, hex, binding }) {
  const key = point(vectors.key.public);
  const checks = vectors.capsules.map((each) => ({
    name: `capsule: ${each.name}`,
    run: () => refused(each.error, () => {
      const found = module.parseCapsule(bytes(each.capsule));
      module.checkCapsule(found, binding(each.asked), each.key === undefined ? key : point(each.key));
    }),
  }));
  const record = {
    name: "capsule: the record's parts",
    run: () => {
      const found = module.parseCapsule(bytes(vectors.record.capsule));
      same(hex(threshold.labelOf(found.core)), vectors.record.label, "the label");
      same(hex(found.core), vectors.record.core, "the core");
      same(hex(found.policy.bytes), vectors.record.policy, "the policy");
      same(hex(group.encodePoint(found.ciphertext.u)), vectors.record.ciphertext.slice(0, 66), "u");
    },
  };
  return [...checks, record];
}

function partials({ vectors, threshold, bytes, scalar, point, hex, binding }) {
  const ciphertext = threshold.parseCiphertext(bytes(vectors.record.ciphertext));
  const seats = new Map(vectors.trustees.map((each) => [each.account, each]));
  return vectors.partials.map((each) => ({
    name: `partial: ${each.name}`,
    run: async () => {
      const request = binding(each.asked);
      // Somebody without a share has no public share either; who verifies looks them up before.
      const seat = seats.get(each.trustee) ?? { index: 99, public: vectors.key.public };
      await refused(each.error, () => (
        threshold.verifyPartial(bytes(each.body), point(seat.public), seat.index, request, ciphertext)
      ));
      if (each.share !== undefined) {
        same(hex(threshold.partialContext(request, seat.index)), each.context, "the context");
        const made = threshold.decryptPartially(scalar(each.share), seat.index, request, ciphertext, scalar(each.nonce));
        same(hex(made), each.body, "the partial");
      }
    },
  }));
}

function envelopes({ vectors, envelopes: module, bytes, hex }) {
  const { core, cek, readers, body, file } = vectors.partial_envelope;
  return [
    {
      name: "envelope: the same chance gives the same bytes",
      run: async () => {
        const header = module.parseHeader(bytes(core));
        same(hex(module.coreBytes(header)), core, "the core");
        const chance = { contentKey: bytes(cek), secrets: readers.map((_, at) => BigInt(1000 + at)) };
        same(hex(await module.seal(header, readers.map(bytes), bytes(body), chance)), file, "the file");
      },
    },
    {
      name: "envelope: identities of members' keys",
      run: () => readers.forEach((each, at) => (
        same(hex(module.memberKeyId(bytes(each))), vectors.key.member_key_ids[at], "an identity")
      )),
    },
  ];
}

function lockboxes({ vectors, lockboxes: module, group, hex }) {
  return vectors.lockboxes.map((each) => ({
    name: `lockbox: ${each.name}`,
    run: () => refused(each.error, async () => {
      const box = module.parseLockbox(new TextEncoder().encode(each.file));
      const found = await module.unlock(box, each.password);
      same(hex(group.scalarBytes(found.share)), each.share, "the share");
      same(hex(found.accountKey), each.account_key ?? "", "the account's key");
      for (const [name, value] of Object.entries(each.public)) {
        same(box.public[name], value, name);
      }
    }),
  }));
}

// Made from webui/client by npm run client:verify. In it: @noble/curves, @noble/hashes (MIT, vendor/noble/LICENSE).
var hemaledgerVerify = (() => {
  var __defProp = Object.defineProperty;
  var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
  var __getOwnPropNames = Object.getOwnPropertyNames;
  var __hasOwnProp = Object.prototype.hasOwnProperty;
  var __export = (target, all) => {
    for (var name in all)
      __defProp(target, name, { get: all[name], enumerable: true });
  };
  var __copyProps = (to, from, except, desc) => {
    if (from && typeof from === "object" || typeof from === "function") {
      for (let key of __getOwnPropNames(from))
        if (!__hasOwnProp.call(to, key) && key !== except)
          __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
    }
    return to;
  };
  var __toCommonJS = (mod2) => __copyProps(__defProp({}, "__esModule", { value: true }), mod2);

  // webui/client/verify/main.js
  var main_exports = {};
  __export(main_exports, {
    parseTrust: () => parseTrust,
    verify: () => verify,
    verifyReceipt: () => verifyReceipt
  });

  // node_modules/@noble/hashes/_u64.js
  var U32_MASK64 = /* @__PURE__ */ (() => BigInt(2 ** 32 - 1))();
  var _32n = /* @__PURE__ */ BigInt(32);
  function fromBig(n, le = false) {
    if (le)
      return { h: Number(n & U32_MASK64), l: Number(n >> _32n & U32_MASK64) };
    return { h: Number(n >> _32n & U32_MASK64) | 0, l: Number(n & U32_MASK64) | 0 };
  }
  function split(lst, le = false) {
    const len = lst.length;
    let Ah = new Uint32Array(len);
    let Al = new Uint32Array(len);
    for (let i = 0; i < len; i++) {
      const { h, l } = fromBig(lst[i], le);
      [Ah[i], Al[i]] = [h, l];
    }
    return [Ah, Al];
  }
  var fromNumH = (n) => n / 2 ** 32 | 0;
  var fromNumL = (n) => n >>> 0;
  function setU64FromNum(view, byteOffset, n, isLE2) {
    const h = fromNumH(n);
    const l = fromNumL(n);
    view.setUint32(byteOffset, isLE2 ? l : h, isLE2);
    view.setUint32(byteOffset + 4, isLE2 ? h : l, isLE2);
  }
  var shrSH = (h, _l, s) => h >>> s;
  var shrSL = (h, l, s) => h << 32 - s | l >>> s;
  var rotrSH = (h, l, s) => h >>> s | l << 32 - s;
  var rotrSL = (h, l, s) => h << 32 - s | l >>> s;
  var rotrBH = (h, l, s) => h << 64 - s | l >>> s - 32;
  var rotrBL = (h, l, s) => h >>> s - 32 | l << 64 - s;
  function add(Ah, Al, Bh, Bl) {
    const l = (Al >>> 0) + (Bl >>> 0);
    return { h: Ah + Bh + (l / 2 ** 32 | 0) | 0, l: l | 0 };
  }
  var add3L = (Al, Bl, Cl) => (Al >>> 0) + (Bl >>> 0) + (Cl >>> 0);
  var add3H = (low, Ah, Bh, Ch) => Ah + Bh + Ch + (low / 2 ** 32 | 0) | 0;
  var add4L = (Al, Bl, Cl, Dl) => (Al >>> 0) + (Bl >>> 0) + (Cl >>> 0) + (Dl >>> 0);
  var add4H = (low, Ah, Bh, Ch, Dh) => Ah + Bh + Ch + Dh + (low / 2 ** 32 | 0) | 0;
  var add5L = (Al, Bl, Cl, Dl, El) => (Al >>> 0) + (Bl >>> 0) + (Cl >>> 0) + (Dl >>> 0) + (El >>> 0);
  var add5H = (low, Ah, Bh, Ch, Dh, Eh) => Ah + Bh + Ch + Dh + Eh + (low / 2 ** 32 | 0) | 0;

  // node_modules/@noble/hashes/utils.js
  function isBytes(a) {
    return a instanceof Uint8Array || ArrayBuffer.isView(a) && a.constructor.name === "Uint8Array" && "BYTES_PER_ELEMENT" in a && a.BYTES_PER_ELEMENT === 1;
  }
  var atitle = (title2) => title2 ? `"${title2}" ` : "";
  function anumber(n, title2 = "") {
    if (typeof n !== "number")
      throw new TypeError(atitle(title2) + "expected number, got " + typeof n);
    if (!Number.isSafeInteger(n) || n < 0)
      throw new RangeError(atitle(title2) + "expected integer >= 0, got " + n);
    return n;
  }
  function abool(value, title2 = "") {
    if (typeof value !== "boolean")
      throw new TypeError(atitle(title2) + "expected boolean, got type=" + typeof value);
    return value;
  }
  function abytes(value, length, title2 = "") {
    if (isBytes(value) && (length === void 0 || value.length === length))
      return value;
    if (length !== void 0)
      anumber(length, "length");
    const bytes = isBytes(value);
    const ofLen = length !== void 0 ? ` of length ${length}` : "";
    const got = bytes ? `length=${value.length}` : `type=${typeof value}`;
    const message = atitle(title2) + "expected Uint8Array" + ofLen + ", got " + got;
    if (!bytes)
      throw new TypeError(message);
    throw new RangeError(message);
  }
  function ahash(h) {
    if (typeof h !== "function" || typeof h.create !== "function")
      throw new TypeError("expected hash wrapped by utils.createHasher");
    anumber(h.outputLen);
    anumber(h.blockLen);
    if (h.outputLen < 1 || h.blockLen < 1)
      throw new Error("hash blockLen / outputLen must be >= 1");
  }
  var aobject = (value, label) => {
    if (value === null || typeof value !== "object" || Array.isArray(value))
      throw new TypeError((label === "object" ? "" : `"${label}" `) + "expected object, got type=" + typeof value);
  };
  var aopts = (value, label) => {
    aobject(value, label);
    const proto = Object.getPrototypeOf(value);
    if (proto !== Object.prototype && proto !== null)
      throw new TypeError(`"${label}" expected plain object`);
    if (Object.hasOwn(value, "__proto__"))
      throw new TypeError(`"${label}.__proto__" is not allowed`);
  };
  function aexists(instance, checkFinished = true) {
    if (instance.destroyed)
      throw new Error("hash was destroyed");
    if (checkFinished && instance.finished)
      throw new Error("digest() was already called");
  }
  function aoutput(out, instance) {
    abytes(out, void 0, "output");
    const min = instance.outputLen;
    if (!(out.length >= min)) {
      throw new RangeError('"output" expected length >= ' + min);
    }
  }
  function u32(arr) {
    return new Uint32Array(arr.buffer, arr.byteOffset, Math.floor(arr.byteLength / 4));
  }
  function clean(...arrays) {
    for (let i = 0; i < arrays.length; i++) {
      arrays[i].fill(0);
    }
  }
  function createView(arr) {
    return new DataView(arr.buffer, arr.byteOffset, arr.byteLength);
  }
  function rotr(word, shift) {
    return word << 32 - shift | word >>> shift;
  }
  var isLE = /* @__PURE__ */ (() => new Uint8Array(new Uint32Array([287454020]).buffer)[0] === 68)();
  function byteSwap(word) {
    return word << 24 & 4278190080 | word << 8 & 16711680 | word >>> 8 & 65280 | word >>> 24 & 255;
  }
  function byteSwap32(arr) {
    for (let i = 0; i < arr.length; i++) {
      arr[i] = byteSwap(arr[i]);
    }
    return arr;
  }
  var swap32IfBE = isLE ? (u) => u : byteSwap32;
  var hasHexBuiltin = /* @__PURE__ */ (() => (
    // @ts-ignore
    typeof Uint8Array.from([]).toHex === "function" && typeof Uint8Array.fromHex === "function"
  ))();
  var hexes = /* @__PURE__ */ Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
  function bytesToHex(bytes) {
    abytes(bytes);
    if (hasHexBuiltin)
      return bytes.toHex();
    let hex = "";
    for (let i = 0; i < bytes.length; i++) {
      hex += hexes[bytes[i]];
    }
    return hex;
  }
  function asciiToBase16(ch) {
    return ch >= 48 && ch <= 57 ? ch - 48 : ch >= 65 && ch <= 70 ? ch - (65 - 10) : ch >= 97 && ch <= 102 ? ch - (97 - 10) : void 0;
  }
  function hexToBytes(hex) {
    if (typeof hex !== "string")
      throw new TypeError("hex string expected, got " + typeof hex);
    if (hasHexBuiltin) {
      try {
        return Uint8Array.fromHex(hex);
      } catch (error) {
        if (error instanceof SyntaxError)
          throw new RangeError(error.message);
        throw error;
      }
    }
    const hl = hex.length;
    const al = hl / 2;
    if (hl % 2)
      throw new RangeError("hex string expected, got unpadded hex of length " + hl);
    const array = new Uint8Array(al);
    for (let ai = 0, hi = 0; ai < al; ai++, hi += 2) {
      const n1 = asciiToBase16(hex.charCodeAt(hi));
      const n2 = asciiToBase16(hex.charCodeAt(hi + 1));
      if (n1 === void 0 || n2 === void 0) {
        const char = hex[hi] + hex[hi + 1];
        throw new RangeError('hex string expected, got non-hex character "' + char + '" at index ' + hi);
      }
      array[ai] = n1 * 16 + n2;
    }
    return array;
  }
  function concatBytes(...arrays) {
    let sum = 0;
    for (let i = 0; i < arrays.length; i++) {
      const a = arrays[i];
      abytes(a);
      sum += a.length;
    }
    const res = new Uint8Array(sum);
    for (let i = 0, pad = 0; i < arrays.length; i++) {
      const a = arrays[i];
      res.set(a, pad);
      pad += a.length;
    }
    return res;
  }
  function checkOpts(defaults, opts, title2 = "opts") {
    aopts(defaults, "defaults");
    if (opts !== void 0)
      aopts(opts, title2);
    const merged = Object.assign(/* @__PURE__ */ Object.create(null), defaults, opts);
    return merged;
  }
  function createHasher(hashCons, info = {}) {
    if (typeof hashCons !== "function")
      throw new TypeError('"hashCons" expected function, got type=' + typeof hashCons);
    info = checkOpts({}, info, "info");
    const hashC = (msg, opts) => hashCons(opts).update(msg).digest();
    const tmp = hashCons(void 0);
    hashC.outputLen = tmp.outputLen;
    hashC.blockLen = tmp.blockLen;
    hashC.canXOF = tmp.canXOF;
    hashC.create = (opts) => hashCons(opts);
    Object.assign(hashC, info);
    return Object.freeze(hashC);
  }
  function randomBytes(bytesLength = 32) {
    anumber(bytesLength, "bytesLength");
    const cr = typeof globalThis === "object" ? globalThis.crypto : null;
    if (typeof cr?.getRandomValues !== "function")
      throw new Error("crypto.getRandomValues must be defined");
    if (bytesLength > 65536)
      throw new RangeError(`"bytesLength" expected <= 65536, got ${bytesLength}`);
    return cr.getRandomValues(new Uint8Array(bytesLength));
  }
  var oidNist = (suffix) => ({
    // Current NIST hashAlgs suffixes used here fit in one DER subidentifier octet.
    // Larger suffix values would need base-128 OID encoding and a different length byte.
    oid: Uint8Array.from([6, 9, 96, 134, 72, 1, 101, 3, 4, 2, suffix])
  });

  // node_modules/@noble/hashes/_md.js
  function Chi(a, b, c) {
    return a & b ^ ~a & c;
  }
  function Maj(a, b, c) {
    return a & b ^ a & c ^ b & c;
  }
  var HashMD = class {
    blockLen;
    outputLen;
    canXOF = false;
    padOffset;
    isLE;
    // For partial updates less than block size
    buffer;
    view;
    finished = false;
    length = 0;
    pos = 0;
    destroyed = false;
    constructor(blockLen, outputLen, padOffset, isLE2) {
      this.blockLen = blockLen;
      this.outputLen = outputLen;
      this.padOffset = padOffset;
      this.isLE = isLE2;
      this.buffer = new Uint8Array(blockLen);
      this.view = createView(this.buffer);
    }
    update(data) {
      aexists(this);
      abytes(data);
      const { view, buffer, blockLen } = this;
      const len = data.length;
      let processed = false;
      for (let pos = 0; pos < len; ) {
        const take2 = Math.min(blockLen - this.pos, len - pos);
        if (take2 === blockLen) {
          const dataView = createView(data);
          for (; blockLen <= len - pos; pos += blockLen)
            this.process(dataView, pos);
          processed = true;
          continue;
        }
        buffer.set(pos === 0 && take2 === len ? data : data.subarray(pos, pos + take2), this.pos);
        this.pos += take2;
        pos += take2;
        if (this.pos === blockLen) {
          this.process(view, 0);
          this.pos = 0;
          processed = true;
        }
      }
      this.length += data.length;
      if (processed)
        this.roundClean();
      return this;
    }
    digestInto(out) {
      aexists(this);
      aoutput(out, this);
      this.finished = true;
      const { buffer, view, blockLen, isLE: isLE2 } = this;
      let { pos } = this;
      buffer[pos++] = 128;
      buffer.fill(0, pos);
      if (this.padOffset > blockLen - pos) {
        this.process(view, 0);
        buffer.fill(0);
      }
      setU64FromNum(view, blockLen - 8, this.length * 8, isLE2);
      this.process(view, 0);
      this.roundClean();
      const oview = out === buffer ? view : createView(out);
      const len = this.outputLen;
      const outLen = len / 4;
      const state = this.get();
      if (len % 4 || outLen > state.length)
        throw new Error("invalid outputLen");
      for (let i = 0; i < outLen; i++)
        oview.setUint32(4 * i, state[i], isLE2);
    }
    digest() {
      const { buffer, outputLen } = this;
      this.digestInto(buffer);
      const res = buffer.slice(0, outputLen);
      this.destroy();
      return res;
    }
    _cloneIntoMeta(to) {
      const { buffer, length, finished, destroyed, pos } = this;
      to.destroyed = destroyed;
      to.finished = finished;
      to.length = length;
      to.pos = pos;
      if (pos)
        to.buffer.set(buffer);
      return to;
    }
    clone() {
      return this._cloneInto();
    }
  };
  var SHA256_IV = /* @__PURE__ */ Uint32Array.from([
    1779033703,
    3144134277,
    1013904242,
    2773480762,
    1359893119,
    2600822924,
    528734635,
    1541459225
  ]);
  var SHA512_IV = /* @__PURE__ */ Uint32Array.from([
    1779033703,
    4089235720,
    3144134277,
    2227873595,
    1013904242,
    4271175723,
    2773480762,
    1595750129,
    1359893119,
    2917565137,
    2600822924,
    725511199,
    528734635,
    4215389547,
    1541459225,
    327033209
  ]);

  // node_modules/@noble/hashes/sha2.js
  var SHA256_K = /* @__PURE__ */ Uint32Array.from([
    1116352408,
    1899447441,
    3049323471,
    3921009573,
    961987163,
    1508970993,
    2453635748,
    2870763221,
    3624381080,
    310598401,
    607225278,
    1426881987,
    1925078388,
    2162078206,
    2614888103,
    3248222580,
    3835390401,
    4022224774,
    264347078,
    604807628,
    770255983,
    1249150122,
    1555081692,
    1996064986,
    2554220882,
    2821834349,
    2952996808,
    3210313671,
    3336571891,
    3584528711,
    113926993,
    338241895,
    666307205,
    773529912,
    1294757372,
    1396182291,
    1695183700,
    1986661051,
    2177026350,
    2456956037,
    2730485921,
    2820302411,
    3259730800,
    3345764771,
    3516065817,
    3600352804,
    4094571909,
    275423344,
    430227734,
    506948616,
    659060556,
    883997877,
    958139571,
    1322822218,
    1537002063,
    1747873779,
    1955562222,
    2024104815,
    2227730452,
    2361852424,
    2428436474,
    2756734187,
    3204031479,
    3329325298
  ]);
  var SHA256_W = /* @__PURE__ */ new Uint32Array(64);
  var SHA2_32B = class extends HashMD {
    // We cannot use array here since array allows indexing by variable
    // which means optimizer/compiler cannot use registers.
    // Numeric initializers matter: starting the fields as `undefined` changes
    // V8's field representation and makes sha256 3x slower (measured).
    A = 0;
    B = 0;
    C = 0;
    D = 0;
    E = 0;
    F = 0;
    G = 0;
    H = 0;
    constructor(outputLen, IV) {
      super(64, outputLen, 8, false);
      this.A = IV[0] | 0;
      this.B = IV[1] | 0;
      this.C = IV[2] | 0;
      this.D = IV[3] | 0;
      this.E = IV[4] | 0;
      this.F = IV[5] | 0;
      this.G = IV[6] | 0;
      this.H = IV[7] | 0;
    }
    get() {
      const { A, B: B2, C, D, E, F, G, H } = this;
      return [A, B2, C, D, E, F, G, H];
    }
    // prettier-ignore
    set(A, B2, C, D, E, F, G, H) {
      this.A = A | 0;
      this.B = B2 | 0;
      this.C = C | 0;
      this.D = D | 0;
      this.E = E | 0;
      this.F = F | 0;
      this.G = G | 0;
      this.H = H | 0;
    }
    _cloneInto(to) {
      (to ||= new this.constructor()).set(...this.get());
      return this._cloneIntoMeta(to);
    }
    process(view, offset) {
      for (let i = 0; i < 16; i++, offset += 4)
        SHA256_W[i] = view.getUint32(offset, false);
      for (let i = 16; i < 64; i++) {
        const W15 = SHA256_W[i - 15];
        const W2 = SHA256_W[i - 2];
        const s0 = rotr(W15, 7) ^ rotr(W15, 18) ^ W15 >>> 3;
        const s1 = rotr(W2, 17) ^ rotr(W2, 19) ^ W2 >>> 10;
        SHA256_W[i] = s1 + SHA256_W[i - 7] + s0 + SHA256_W[i - 16] | 0;
      }
      let { A, B: B2, C, D, E, F, G, H } = this;
      for (let i = 0; i < 64; i++) {
        const sigma1 = rotr(E, 6) ^ rotr(E, 11) ^ rotr(E, 25);
        const T1 = H + sigma1 + Chi(E, F, G) + SHA256_K[i] + SHA256_W[i] | 0;
        const sigma0 = rotr(A, 2) ^ rotr(A, 13) ^ rotr(A, 22);
        const T2 = sigma0 + Maj(A, B2, C) | 0;
        H = G;
        G = F;
        F = E;
        E = D + T1 | 0;
        D = C;
        C = B2;
        B2 = A;
        A = T1 + T2 | 0;
      }
      A = A + this.A | 0;
      B2 = B2 + this.B | 0;
      C = C + this.C | 0;
      D = D + this.D | 0;
      E = E + this.E | 0;
      F = F + this.F | 0;
      G = G + this.G | 0;
      H = H + this.H | 0;
      this.set(A, B2, C, D, E, F, G, H);
    }
    roundClean() {
      clean(SHA256_W);
    }
    destroy() {
      this.destroyed = true;
      this.set(0, 0, 0, 0, 0, 0, 0, 0);
      clean(this.buffer);
    }
  };
  var _SHA256 = class extends SHA2_32B {
    constructor() {
      super(32, SHA256_IV);
    }
  };
  var K512 = /* @__PURE__ */ (() => split([
    "0x428a2f98d728ae22",
    "0x7137449123ef65cd",
    "0xb5c0fbcfec4d3b2f",
    "0xe9b5dba58189dbbc",
    "0x3956c25bf348b538",
    "0x59f111f1b605d019",
    "0x923f82a4af194f9b",
    "0xab1c5ed5da6d8118",
    "0xd807aa98a3030242",
    "0x12835b0145706fbe",
    "0x243185be4ee4b28c",
    "0x550c7dc3d5ffb4e2",
    "0x72be5d74f27b896f",
    "0x80deb1fe3b1696b1",
    "0x9bdc06a725c71235",
    "0xc19bf174cf692694",
    "0xe49b69c19ef14ad2",
    "0xefbe4786384f25e3",
    "0x0fc19dc68b8cd5b5",
    "0x240ca1cc77ac9c65",
    "0x2de92c6f592b0275",
    "0x4a7484aa6ea6e483",
    "0x5cb0a9dcbd41fbd4",
    "0x76f988da831153b5",
    "0x983e5152ee66dfab",
    "0xa831c66d2db43210",
    "0xb00327c898fb213f",
    "0xbf597fc7beef0ee4",
    "0xc6e00bf33da88fc2",
    "0xd5a79147930aa725",
    "0x06ca6351e003826f",
    "0x142929670a0e6e70",
    "0x27b70a8546d22ffc",
    "0x2e1b21385c26c926",
    "0x4d2c6dfc5ac42aed",
    "0x53380d139d95b3df",
    "0x650a73548baf63de",
    "0x766a0abb3c77b2a8",
    "0x81c2c92e47edaee6",
    "0x92722c851482353b",
    "0xa2bfe8a14cf10364",
    "0xa81a664bbc423001",
    "0xc24b8b70d0f89791",
    "0xc76c51a30654be30",
    "0xd192e819d6ef5218",
    "0xd69906245565a910",
    "0xf40e35855771202a",
    "0x106aa07032bbd1b8",
    "0x19a4c116b8d2d0c8",
    "0x1e376c085141ab53",
    "0x2748774cdf8eeb99",
    "0x34b0bcb5e19b48a8",
    "0x391c0cb3c5c95a63",
    "0x4ed8aa4ae3418acb",
    "0x5b9cca4f7763e373",
    "0x682e6ff3d6b2b8a3",
    "0x748f82ee5defb2fc",
    "0x78a5636f43172f60",
    "0x84c87814a1f0ab72",
    "0x8cc702081a6439ec",
    "0x90befffa23631e28",
    "0xa4506cebde82bde9",
    "0xbef9a3f7b2c67915",
    "0xc67178f2e372532b",
    "0xca273eceea26619c",
    "0xd186b8c721c0c207",
    "0xeada7dd6cde0eb1e",
    "0xf57d4f7fee6ed178",
    "0x06f067aa72176fba",
    "0x0a637dc5a2c898a6",
    "0x113f9804bef90dae",
    "0x1b710b35131c471b",
    "0x28db77f523047d84",
    "0x32caab7b40c72493",
    "0x3c9ebe0a15c9bebc",
    "0x431d67c49c100d4c",
    "0x4cc5d4becb3e42b6",
    "0x597f299cfc657e2a",
    "0x5fcb6fab3ad6faec",
    "0x6c44198c4a475817"
  ].map((n) => BigInt(n))))();
  var SHA512_Kh = /* @__PURE__ */ (() => K512[0])();
  var SHA512_Kl = /* @__PURE__ */ (() => K512[1])();
  var SHA512_W_H = /* @__PURE__ */ new Uint32Array(80);
  var SHA512_W_L = /* @__PURE__ */ new Uint32Array(80);
  var SHA2_64B = class extends HashMD {
    // We cannot use array here since array allows indexing by variable
    // which means optimizer/compiler cannot use registers.
    // h -- high 32 bits, l -- low 32 bits
    // Numeric initializers matter: starting the fields as `undefined` changes
    // V8's field representation and slows hashing down (measured on sha256).
    Ah = 0;
    Al = 0;
    Bh = 0;
    Bl = 0;
    Ch = 0;
    Cl = 0;
    Dh = 0;
    Dl = 0;
    Eh = 0;
    El = 0;
    Fh = 0;
    Fl = 0;
    Gh = 0;
    Gl = 0;
    Hh = 0;
    Hl = 0;
    constructor(outputLen, IV) {
      super(128, outputLen, 16, false);
      this.Ah = IV[0] | 0;
      this.Al = IV[1] | 0;
      this.Bh = IV[2] | 0;
      this.Bl = IV[3] | 0;
      this.Ch = IV[4] | 0;
      this.Cl = IV[5] | 0;
      this.Dh = IV[6] | 0;
      this.Dl = IV[7] | 0;
      this.Eh = IV[8] | 0;
      this.El = IV[9] | 0;
      this.Fh = IV[10] | 0;
      this.Fl = IV[11] | 0;
      this.Gh = IV[12] | 0;
      this.Gl = IV[13] | 0;
      this.Hh = IV[14] | 0;
      this.Hl = IV[15] | 0;
    }
    // prettier-ignore
    get() {
      const { Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl } = this;
      return [Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl];
    }
    // prettier-ignore
    set(Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl) {
      this.Ah = Ah | 0;
      this.Al = Al | 0;
      this.Bh = Bh | 0;
      this.Bl = Bl | 0;
      this.Ch = Ch | 0;
      this.Cl = Cl | 0;
      this.Dh = Dh | 0;
      this.Dl = Dl | 0;
      this.Eh = Eh | 0;
      this.El = El | 0;
      this.Fh = Fh | 0;
      this.Fl = Fl | 0;
      this.Gh = Gh | 0;
      this.Gl = Gl | 0;
      this.Hh = Hh | 0;
      this.Hl = Hl | 0;
    }
    _cloneInto(to) {
      (to ||= new this.constructor()).set(...this.get());
      return this._cloneIntoMeta(to);
    }
    process(view, offset) {
      for (let i = 0; i < 16; i++, offset += 4) {
        SHA512_W_H[i] = view.getUint32(offset);
        SHA512_W_L[i] = view.getUint32(offset += 4);
      }
      for (let i = 16; i < 80; i++) {
        const W15h = SHA512_W_H[i - 15] | 0;
        const W15l = SHA512_W_L[i - 15] | 0;
        const s0h = rotrSH(W15h, W15l, 1) ^ rotrSH(W15h, W15l, 8) ^ shrSH(W15h, W15l, 7);
        const s0l = rotrSL(W15h, W15l, 1) ^ rotrSL(W15h, W15l, 8) ^ shrSL(W15h, W15l, 7);
        const W2h = SHA512_W_H[i - 2] | 0;
        const W2l = SHA512_W_L[i - 2] | 0;
        const s1h = rotrSH(W2h, W2l, 19) ^ rotrBH(W2h, W2l, 61) ^ shrSH(W2h, W2l, 6);
        const s1l = rotrSL(W2h, W2l, 19) ^ rotrBL(W2h, W2l, 61) ^ shrSL(W2h, W2l, 6);
        const SUMl = add4L(s0l, s1l, SHA512_W_L[i - 7], SHA512_W_L[i - 16]);
        const SUMh = add4H(SUMl, s0h, s1h, SHA512_W_H[i - 7], SHA512_W_H[i - 16]);
        SHA512_W_H[i] = SUMh | 0;
        SHA512_W_L[i] = SUMl | 0;
      }
      let { Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl } = this;
      for (let i = 0; i < 80; i++) {
        const sigma1h = rotrSH(Eh, El, 14) ^ rotrSH(Eh, El, 18) ^ rotrBH(Eh, El, 41);
        const sigma1l = rotrSL(Eh, El, 14) ^ rotrSL(Eh, El, 18) ^ rotrBL(Eh, El, 41);
        const CHIh = Eh & Fh ^ ~Eh & Gh;
        const CHIl = El & Fl ^ ~El & Gl;
        const T1ll = add5L(Hl, sigma1l, CHIl, SHA512_Kl[i], SHA512_W_L[i]);
        const T1h = add5H(T1ll, Hh, sigma1h, CHIh, SHA512_Kh[i], SHA512_W_H[i]);
        const T1l = T1ll | 0;
        const sigma0h = rotrSH(Ah, Al, 28) ^ rotrBH(Ah, Al, 34) ^ rotrBH(Ah, Al, 39);
        const sigma0l = rotrSL(Ah, Al, 28) ^ rotrBL(Ah, Al, 34) ^ rotrBL(Ah, Al, 39);
        const MAJh = Ah & Bh ^ Ah & Ch ^ Bh & Ch;
        const MAJl = Al & Bl ^ Al & Cl ^ Bl & Cl;
        Hh = Gh | 0;
        Hl = Gl | 0;
        Gh = Fh | 0;
        Gl = Fl | 0;
        Fh = Eh | 0;
        Fl = El | 0;
        ({ h: Eh, l: El } = add(Dh | 0, Dl | 0, T1h | 0, T1l | 0));
        Dh = Ch | 0;
        Dl = Cl | 0;
        Ch = Bh | 0;
        Cl = Bl | 0;
        Bh = Ah | 0;
        Bl = Al | 0;
        const All = add3L(T1l, sigma0l, MAJl);
        Ah = add3H(All, T1h, sigma0h, MAJh);
        Al = All | 0;
      }
      ({ h: Ah, l: Al } = add(this.Ah | 0, this.Al | 0, Ah | 0, Al | 0));
      ({ h: Bh, l: Bl } = add(this.Bh | 0, this.Bl | 0, Bh | 0, Bl | 0));
      ({ h: Ch, l: Cl } = add(this.Ch | 0, this.Cl | 0, Ch | 0, Cl | 0));
      ({ h: Dh, l: Dl } = add(this.Dh | 0, this.Dl | 0, Dh | 0, Dl | 0));
      ({ h: Eh, l: El } = add(this.Eh | 0, this.El | 0, Eh | 0, El | 0));
      ({ h: Fh, l: Fl } = add(this.Fh | 0, this.Fl | 0, Fh | 0, Fl | 0));
      ({ h: Gh, l: Gl } = add(this.Gh | 0, this.Gl | 0, Gh | 0, Gl | 0));
      ({ h: Hh, l: Hl } = add(this.Hh | 0, this.Hl | 0, Hh | 0, Hl | 0));
      this.set(Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl);
    }
    roundClean() {
      clean(SHA512_W_H, SHA512_W_L);
    }
    destroy() {
      this.destroyed = true;
      clean(this.buffer);
      this.set(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    }
  };
  var _SHA512 = class extends SHA2_64B {
    constructor() {
      super(64, SHA512_IV);
    }
  };
  var sha256 = /* @__PURE__ */ createHasher(
    () => new _SHA256(),
    /* @__PURE__ */ oidNist(1)
  );
  var sha512 = /* @__PURE__ */ createHasher(
    () => new _SHA512(),
    /* @__PURE__ */ oidNist(3)
  );

  // webui/client/errors.js
  var SENTENCES = {
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
    SiteRefused: "The site did not accept your answer: {why}"
  };
  var DEPTH = 3;
  function wordsOfPage() {
    return JSON.parse(document.getElementById("script-words")?.textContent ?? "{}");
  }
  var inWords = (words, text2) => Object.hasOwn(words, text2) ? words[text2] : text2;
  function filled(text2, facts, words) {
    let said = inWords(words, text2);
    for (let depth = 0; depth < DEPTH; depth += 1) {
      said = said.replace(/\{(\w+)\}/g, (place, name) => Object.hasOwn(facts, name) ? inWords(words, String(facts[name])) : place);
    }
    return said;
  }
  var Refused = class _Refused extends Error {
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
      return new _Refused(Object.hasOwn(SENTENCES, name) ? name : "WorkerFailed", facts);
    }
  };

  // webui/client/encoding.js
  var PREFIX = "BAFL/1/";
  var HEX = /^(?:[0-9a-f]{2})*$/;
  var ascii = (text2) => Uint8Array.from(text2, (letter) => letter.charCodeAt(0));
  var domain = (label) => ascii(PREFIX + label);
  var sha2562 = (bytes) => sha256(bytes);
  function concat(...parts) {
    const joined = new Uint8Array(parts.reduce((sum, part2) => sum + part2.length, 0));
    let at = 0;
    for (const part2 of parts) {
      joined.set(part2, at);
      at += part2.length;
    }
    return joined;
  }
  function equal(left, right) {
    let difference = left.length ^ right.length;
    for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
      difference |= left[at] ^ right[at];
    }
    return difference === 0;
  }
  var toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  function fromHex(text2, what, length) {
    if (typeof text2 !== "string" || !HEX.test(text2)) {
      throw new Refused("EncodingError", { what, why: "it is not lower-case hex" });
    }
    if (length !== void 0 && text2.length !== 2 * length) {
      throw new Refused("EncodingError", { what, why: "it has {count} bytes, not {wanted}", count: text2.length / 2, wanted: length });
    }
    return Uint8Array.from({ length: text2.length / 2 }, (_, at) => Number.parseInt(text2.slice(2 * at, 2 * at + 2), 16));
  }
  var toInteger = (bytes) => bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`);
  function integerBytes(value, width) {
    const number2 = BigInt(value);
    if (number2 < 0n || number2 >> BigInt(8 * width) !== 0n) {
      throw new Refused("EncodingError", { what: "integer", why: "it does not fit in {width} unsigned bytes", width });
    }
    return fromHex(number2.toString(16).padStart(2 * width, "0"), "integer");
  }
  var Writer = class {
    #parts;
    /** @param {string} [label] Hashed bytes begin with `BAFL/1/` and this. */
    constructor(label) {
      this.#parts = label === void 0 ? [] : [domain(label)];
    }
    u8(value) {
      return this.#integer(value, 1);
    }
    u16(value) {
      return this.#integer(value, 2);
    }
    u32(value) {
      return this.#integer(value, 4);
    }
    u64(value) {
      return this.#integer(value, 8);
    }
    /** Append a fixed array of exactly `length` bytes. */
    raw(bytes, length) {
      if (bytes.length !== length) {
        const facts = { count: bytes.length, wanted: length };
        throw new Refused("EncodingError", { what: "fixed array", why: "it has {count} bytes, not {wanted}", ...facts });
      }
      this.#parts.push(bytes);
      return this;
    }
    /** Append `u16 length ‖ bytes`, as RFC 9497 has it. */
    sized(bytes) {
      return this.u16(bytes.length).raw(bytes, bytes.length);
    }
    /** Return everything appended so far. */
    bytes() {
      return concat(...this.#parts);
    }
    /** Return the SHA-256 of everything appended so far. */
    digest() {
      return sha2562(this.bytes());
    }
    #integer(value, width) {
      this.#parts.push(integerBytes(value, width));
      return this;
    }
  };
  var Reader = class {
    #bytes;
    #at = 0;
    #what;
    constructor(bytes, what) {
      this.#bytes = bytes;
      this.#what = what;
    }
    u8() {
      return Number(toInteger(this.raw(1)));
    }
    u16() {
      return Number(toInteger(this.raw(2)));
    }
    u32() {
      return Number(toInteger(this.raw(4)));
    }
    u64() {
      return toInteger(this.raw(8));
    }
    /** Take exactly `length` bytes; EncodingError if there are fewer. */
    raw(length) {
      if (this.#at + length > this.#bytes.length) {
        throw new Refused("EncodingError", { what: this.#what, why: "it ends too early" });
      }
      this.#at += length;
      return this.#bytes.slice(this.#at - length, this.#at);
    }
    /** EncodingError if bytes are left. */
    end() {
      if (this.#at !== this.#bytes.length) {
        const count = this.#bytes.length - this.#at;
        throw new Refused("EncodingError", { what: this.#what, why: "{count} bytes follow its end", count });
      }
    }
  };

  // node_modules/@noble/hashes/sha3.js
  var _0n = BigInt(0);
  var _1n = BigInt(1);
  var _2n = BigInt(2);
  var _7n = BigInt(7);
  var _256n = BigInt(256);
  var _0x71n = BigInt(113);
  var SHA3_PI = [];
  var SHA3_ROTL = [];
  var _SHA3_IOTA = [];
  for (let round = 0, R = _1n, x = 1, y = 0; round < 24; round++) {
    [x, y] = [y, (2 * x + 3 * y) % 5];
    SHA3_PI.push(2 * (5 * y + x));
    SHA3_ROTL.push((round + 1) * (round + 2) / 2 % 64);
    let t = _0n;
    for (let j = 0; j < 7; j++) {
      R = (R << _1n ^ (R >> _7n) * _0x71n) % _256n;
      if (R & _2n)
        t ^= _1n << (_1n << BigInt(j)) - _1n;
    }
    _SHA3_IOTA.push(t);
  }
  var IOTAS = split(_SHA3_IOTA, true);
  var SHA3_IOTA_H = IOTAS[0];
  var SHA3_IOTA_L = IOTAS[1];
  var rotlSH = (h, l, s) => h << s | l >>> 32 - s;
  var rotlSL = (h, l, s) => l << s | h >>> 32 - s;
  var rotlBH = (h, l, s) => l << s - 32 | h >>> 64 - s;
  var rotlBL = (h, l, s) => h << s - 32 | l >>> 64 - s;
  var rotlH = (h, l, s) => s > 32 ? rotlBH(h, l, s) : rotlSH(h, l, s);
  var rotlL = (h, l, s) => s > 32 ? rotlBL(h, l, s) : rotlSL(h, l, s);
  var B = new Uint32Array(5 * 2);
  function keccakP(s, rounds = 24) {
    if (!(s instanceof Uint32Array))
      throw new TypeError('"s" expected Uint32Array(50), got type=' + typeof s);
    if (s.length !== 50)
      throw new RangeError('"s" expected Uint32Array(50), got length=' + s.length);
    anumber(rounds, "rounds");
    if (rounds < 1 || rounds > 24)
      throw new Error('"rounds" expected integer 1..24');
    for (let round = 24 - rounds; round < 24; round++) {
      for (let x = 0; x < 10; x++)
        B[x] = s[x] ^ s[x + 10] ^ s[x + 20] ^ s[x + 30] ^ s[x + 40];
      for (let x = 0; x < 10; x += 2) {
        const idx1 = (x + 8) % 10;
        const idx0 = (x + 2) % 10;
        const B0 = B[idx0];
        const B1 = B[idx0 + 1];
        const Th = rotlH(B0, B1, 1) ^ B[idx1];
        const Tl = rotlL(B0, B1, 1) ^ B[idx1 + 1];
        for (let y = 0; y < 50; y += 10) {
          s[x + y] ^= Th;
          s[x + y + 1] ^= Tl;
        }
      }
      let curH = s[2];
      let curL = s[3];
      for (let t = 0; t < 24; t++) {
        const shift = SHA3_ROTL[t];
        const Th = rotlH(curH, curL, shift);
        const Tl = rotlL(curH, curL, shift);
        const PI = SHA3_PI[t];
        curH = s[PI];
        curL = s[PI + 1];
        s[PI] = Th;
        s[PI + 1] = Tl;
      }
      for (let y = 0; y < 50; y += 10) {
        const b0 = s[y], b1 = s[y + 1], b2 = s[y + 2], b3 = s[y + 3];
        s[y] ^= ~s[y + 2] & s[y + 4];
        s[y + 1] ^= ~s[y + 3] & s[y + 5];
        s[y + 2] ^= ~s[y + 4] & s[y + 6];
        s[y + 3] ^= ~s[y + 5] & s[y + 7];
        s[y + 4] ^= ~s[y + 6] & s[y + 8];
        s[y + 5] ^= ~s[y + 7] & s[y + 9];
        s[y + 6] ^= ~s[y + 8] & b0;
        s[y + 7] ^= ~s[y + 9] & b1;
        s[y + 8] ^= ~b0 & b2;
        s[y + 9] ^= ~b1 & b3;
      }
      s[0] ^= SHA3_IOTA_H[round];
      s[1] ^= SHA3_IOTA_L[round];
    }
    clean(B);
  }
  var Keccak = class _Keccak {
    state;
    pos = 0;
    posOut = 0;
    finished = false;
    state32;
    destroyed = false;
    blockLen;
    suffix;
    outputLen;
    canXOF;
    enableXOF = false;
    rounds;
    // NOTE: we accept arguments in bytes instead of bits here.
    constructor(blockLen, suffix, outputLen, enableXOF = false, rounds = 24) {
      anumber(blockLen, "blockLen");
      anumber(suffix, "suffix");
      anumber(rounds, "rounds");
      abool(enableXOF, "enableXOF");
      this.blockLen = blockLen;
      this.suffix = suffix;
      this.outputLen = outputLen;
      this.enableXOF = enableXOF;
      this.canXOF = enableXOF;
      this.rounds = rounds;
      anumber(outputLen, "outputLen");
      if (!(0 < blockLen && blockLen < 200))
        throw new Error('"blockLen" must be 1..199');
      this.state = new Uint8Array(200);
      this.state32 = u32(this.state);
    }
    clone() {
      return this._cloneInto();
    }
    keccak() {
      swap32IfBE(this.state32);
      keccakP(this.state32, this.rounds);
      swap32IfBE(this.state32);
      this.posOut = 0;
      this.pos = 0;
    }
    update(data) {
      aexists(this);
      abytes(data);
      const { blockLen, state, state32 } = this;
      const len = data.length;
      const canUseU32 = blockLen % 4 === 0 && data.byteOffset % 4 === 0;
      const blockLen32 = blockLen / 4;
      const data32 = canUseU32 && len >= blockLen ? u32(data) : void 0;
      for (let pos = 0; pos < len; ) {
        if (data32 !== void 0 && this.pos === 0 && pos % 4 === 0 && len - pos >= blockLen) {
          for (let i = 0, o = pos / 4; i < blockLen32; i++)
            state32[i] ^= data32[o + i];
          pos += blockLen;
          this.pos = blockLen;
          this.keccak();
          continue;
        }
        const take2 = Math.min(blockLen - this.pos, len - pos);
        for (let i = 0; i < take2; i++)
          state[this.pos++] ^= data[pos++];
        if (this.pos === blockLen)
          this.keccak();
      }
      return this;
    }
    finish() {
      if (this.finished)
        return;
      this.finished = true;
      const { state, suffix, pos, blockLen } = this;
      state[pos] ^= suffix;
      if ((suffix & 128) !== 0 && pos === blockLen - 1)
        this.keccak();
      state[blockLen - 1] ^= 128;
      this.keccak();
    }
    writeInto(out) {
      aexists(this, false);
      abytes(out);
      this.finish();
      const bufferOut = this.state;
      const { blockLen } = this;
      for (let pos = 0, len = out.length; pos < len; ) {
        if (this.posOut >= blockLen)
          this.keccak();
        const take2 = Math.min(blockLen - this.posOut, len - pos);
        out.set(bufferOut.subarray(this.posOut, this.posOut + take2), pos);
        this.posOut += take2;
        pos += take2;
      }
      return out;
    }
    xofInto(out) {
      if (!this.enableXOF)
        throw new Error("XOF is not enabled");
      return this.writeInto(out);
    }
    xof(bytes) {
      anumber(bytes);
      return this.xofInto(new Uint8Array(bytes));
    }
    digestInto(out) {
      aoutput(out, this);
      if (this.finished)
        throw new Error("digest() was already called");
      this.writeInto(out.length === this.outputLen ? out : out.subarray(0, this.outputLen));
      this.destroy();
    }
    digest() {
      const out = new Uint8Array(this.outputLen);
      this.digestInto(out);
      return out;
    }
    destroy() {
      this.destroyed = true;
      clean(this.state);
    }
    _cloneInto(to) {
      const { blockLen, suffix, outputLen, rounds, enableXOF } = this;
      to ||= new _Keccak(blockLen, suffix, outputLen, enableXOF, rounds);
      to.blockLen = blockLen;
      to.state32.set(this.state32);
      to.pos = this.pos;
      to.posOut = this.posOut;
      to.finished = this.finished;
      to.rounds = rounds;
      to.suffix = suffix;
      to.outputLen = outputLen;
      to.enableXOF = enableXOF;
      to.canXOF = this.canXOF;
      to.destroyed = this.destroyed;
      return to;
    }
  };
  var genKeccak = (suffix, blockLen, outputLen, info = {}) => createHasher(() => new Keccak(blockLen, suffix, outputLen), info);
  var keccak_256 = /* @__PURE__ */ genKeccak(1, 136, 32);

  // webui/client/verify/records.js
  var RECORDS = {
    "CeremonyAborted": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["key_use", "uint8", true, [1, 2, 3]], ["ceremony", "uint32", true], ["reason", "string", false]], "call": "abortCeremony", "arguments": [["key_use", "uint8", false, [1, 2, 3]], ["ceremony", "uint32", false], ["reason", "string", false]] },
    "CeremonyChecked": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["key_use", "uint8", true, [1, 2, 3]], ["ceremony", "uint32", true], ["complaints", "bytes", false]], "call": "checkDealings", "arguments": [["key_use", "uint8", false, [1, 2, 3]], ["ceremony", "uint32", false], ["complaints", "bytes", false]] },
    "CeremonyCommitted": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["key_use", "uint8", true, [1, 2, 3]], ["ceremony", "uint32", true], ["digest", "bytes32", false]], "call": "commitDealing", "arguments": [["key_use", "uint8", false, [1, 2, 3]], ["ceremony", "uint32", false], ["digest", "bytes32", false]] },
    "CeremonyConfirmed": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["key_use", "uint8", true, [1, 2, 3]], ["ceremony", "uint32", true], ["public_key", "bytes", false], ["shares_digest", "bytes32", false]], "call": "confirmCeremony", "arguments": [["key_use", "uint8", false, [1, 2, 3]], ["ceremony", "uint32", false], ["public_key", "bytes", false], ["shares_digest", "bytes32", false]] },
    "CeremonyDealt": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["key_use", "uint8", true, [1, 2, 3]], ["ceremony", "uint32", true], ["commitments", "bytes", false], ["proof", "bytes", false], ["bundle_digest", "bytes32", false]], "call": "deal", "arguments": [["key_use", "uint8", false, [1, 2, 3]], ["ceremony", "uint32", false], ["commitments", "bytes", false], ["proof", "bytes", false], ["bundle_digest", "bytes32", false]] },
    "CeremonyPhaseClosed": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["key_use", "uint8", true, [1, 2, 3]], ["ceremony", "uint32", true], ["phase", "uint8", false], ["dealers", "address[]", false]], "call": "closeCeremonyPhase", "arguments": [["key_use", "uint8", false, [1, 2, 3]], ["ceremony", "uint32", false], ["phase", "uint8", false], ["dealers", "address[]", false]] },
    "CeremonyStarted": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["key_use", "uint8", true, [1, 2, 3]], ["ceremony", "uint32", true], ["kind", "uint8", false, [1, 2, 3, 4]], ["threshold", "uint16", false], ["dealers", "address[]", false], ["receivers", "address[]", false], ["step_timeout", "uint64", false], ["expires_at", "uint64", false]], "call": "startCeremony", "arguments": [["key_use", "uint8", false, [1, 2, 3]], ["ceremony", "uint32", false], ["kind", "uint8", false, [1, 2, 3, 4]], ["threshold", "uint16", false], ["dealers", "address[]", false], ["receivers", "address[]", false], ["step_timeout", "uint64", false], ["expires_at", "uint64", false]] },
    "CheckpointAnchored": { "contract": "FederationLedger", "event": [["sender", "address", true], ["size", "uint64", true], ["root", "bytes32", false]], "call": "anchorCheckpoint", "arguments": [["size", "uint64", false], ["root", "bytes32", false]] },
    "ConsortiumFounded": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["consortium", "bytes32", false]] },
    "DecryptionApproved": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["request", "uint64", true], ["digest", "bytes32", false]], "call": "approveDecryption", "arguments": [["request", "uint64", false], ["digest", "bytes32", false]] },
    "DecryptionFulfilled": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["request", "uint64", true]], "call": "fulfilDecryption", "arguments": [["request", "uint64", false]] },
    "DecryptionRefused": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["request", "uint64", true], ["reason", "uint8", false, [1, 2, 3, 4, 5]]], "call": "refuseDecryption", "arguments": [["request", "uint64", false], ["reason", "uint8", false, [1, 2, 3, 4, 5]]] },
    "DecryptionRequested": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["request", "uint64", true], ["key_use", "uint8", true, [1, 2, 3]], ["epoch", "uint32", false], ["label", "bytes32", false], ["capsule_digest", "bytes32", false], ["purpose", "uint8", false, [1, 2, 3, 4, 5, 6, 7]], ["deadline", "uint64", false]], "call": "requestDecryption", "arguments": [["key_use", "uint8", false, [1, 2, 3]], ["epoch", "uint32", false], ["label", "bytes32", false], ["capsule_digest", "bytes32", false], ["purpose", "uint8", false, [1, 2, 3, 4, 5, 6, 7]], ["deadline", "uint64", false]] },
    "FederationOpened": { "contract": "FederationLedger", "event": [["sender", "address", true], ["predecessor", "address", false], ["last_round", "uint64", false], ["model_digest", "bytes32", false], ["envelope_digest", "bytes32", false], ["manifest_digest", "bytes32", false]], "call": "openFederation", "arguments": [["last_round", "uint64", false], ["model_digest", "bytes32", false], ["envelope_digest", "bytes32", false], ["manifest_digest", "bytes32", false]] },
    "KeyRegistered": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["epoch", "uint32", false], ["public_key", "bytes", false], ["proof", "bytes", false]], "call": "registerKey", "arguments": [["epoch", "uint32", false], ["public_key", "bytes", false], ["proof", "bytes", false]] },
    "KeyRotated": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["epoch", "uint32", false], ["public_key", "bytes", false], ["proof", "bytes", false]], "call": "rotateKey", "arguments": [["epoch", "uint32", false], ["public_key", "bytes", false], ["proof", "bytes", false]] },
    "KeysAdvertised": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["mask_key", "bytes", false], ["transport_key", "bytes", false]], "call": "advertiseKeys", "arguments": [["round", "uint64", false], ["mask_key", "bytes", false], ["transport_key", "bytes", false]] },
    "LedgerHandedOver": { "contract": "FederationLedger", "event": [["sender", "address", true], ["successor", "address", false]], "call": "handOver", "arguments": [["successor", "address", false]] },
    "MemberRegistered": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["member", "address", true], ["role", "uint8", false, [1, 2, 3, 4, 5]], ["member_name", "string", false]], "call": "registerMember", "arguments": [["member", "address", false], ["role", "uint8", false, [1, 2, 3, 4, 5]], ["member_name", "string", false]] },
    "MemberRevoked": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["member", "address", true], ["reason", "string", false]], "call": "revokeMember", "arguments": [["member", "address", false], ["reason", "string", false]] },
    "ModelAttested": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["model_digest", "bytes32", false], ["report_digest", "bytes32", false]], "call": "attestModel", "arguments": [["round", "uint64", false], ["model_digest", "bytes32", false], ["report_digest", "bytes32", false]] },
    "ModelGranted": { "contract": "FederationLedger", "event": [["sender", "address", true], ["reader", "address", true], ["epoch", "uint32", false], ["model_digest", "bytes32", false], ["digest", "bytes32", false]], "call": "grantModel", "arguments": [["reader", "address", false], ["epoch", "uint32", false], ["model_digest", "bytes32", false], ["digest", "bytes32", false]] },
    "ModelProposed": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["model_digest", "bytes32", false], ["envelope_digest", "bytes32", false]], "call": "proposeModel", "arguments": [["round", "uint64", false], ["model_digest", "bytes32", false], ["envelope_digest", "bytes32", false]] },
    "ModelReverted": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["model_digest", "bytes32", false]], "call": "revertModel", "arguments": [["round", "uint64", false], ["model_digest", "bytes32", false]] },
    "OperatorChanged": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["replacement", "uint32", true], ["former", "address", true]], "call": "takeOffice", "arguments": [["replacement", "uint32", false]] },
    "OperatorProposed": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["account", "address", true]], "call": "proposeOperator", "arguments": [["account", "address", false]] },
    "PhaseClosed": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["phase", "uint8", false], ["hospitals", "address[]", false]], "call": "closePhase", "arguments": [["round", "uint64", false], ["phase", "uint8", false], ["hospitals", "address[]", false]] },
    "RecordsAnchored": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["batch", "uint32", false], ["root", "bytes32", false]], "call": "anchorRecords", "arguments": [["batch", "uint32", false], ["root", "bytes32", false]] },
    "ReplacementProposed": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["replacement", "uint32", true], ["candidate", "address", true]], "call": "proposeReplacement", "arguments": [["replacement", "uint32", false], ["candidate", "address", false]] },
    "ReplacementVetoed": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["replacement", "uint32", true]], "call": "vetoReplacement", "arguments": [["replacement", "uint32", false]] },
    "ReplacementVoted": { "contract": "KeyAuthority", "event": [["sender", "address", true], ["replacement", "uint32", true]], "call": "voteReplacement", "arguments": [["replacement", "uint32", false]] },
    "RoundAborted": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["reason", "string", false]], "call": "abortRound", "arguments": [["round", "uint64", false], ["reason", "string", false]] },
    "RoundFinalised": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["model_digest", "bytes32", false]], "call": "finaliseRound", "arguments": [["round", "uint64", false]] },
    "RoundFrozen": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["hospitals", "address[]", false], ["set_digest", "bytes32", false]], "call": "freezeRound", "arguments": [["round", "uint64", false], ["hospitals", "address[]", false]] },
    "RoundOpened": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["terms", [["protection", "uint8", false, [1, 2, 3]], ["min_commitments", "uint16", false], ["attestations", "uint16", false], ["threshold", "uint16", false], ["parameters", "uint64", false], ["config_digest", "bytes32", false], ["step_timeout", "uint64", false], ["commit_deadline", "uint64", false], ["close_deadline", "uint64", false]], false], ["roster", "address[]", false], ["previous_model", "bytes32", false]], "call": "openRound", "arguments": [["round", "uint64", false], ["terms", [["protection", "uint8", false, [1, 2, 3]], ["min_commitments", "uint16", false], ["attestations", "uint16", false], ["threshold", "uint16", false], ["parameters", "uint64", false], ["config_digest", "bytes32", false], ["step_timeout", "uint64", false], ["commit_deadline", "uint64", false], ["close_deadline", "uint64", false]], false], ["roster", "address[]", false], ["previous_model", "bytes32", false]] },
    "SetEndorsed": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["set_digest", "bytes32", false], ["signature", "bytes", false]], "call": "endorseSet", "arguments": [["round", "uint64", false], ["set_digest", "bytes32", false], ["signature", "bytes", false]] },
    "SharesChecked": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["complaints", "bytes", false]], "call": "checkShares", "arguments": [["round", "uint64", false], ["complaints", "bytes", false]] },
    "SharesDealt": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["mask_commitments", "bytes", false], ["self_commitments", "bytes", false], ["bundle_digest", "bytes32", false]], "call": "dealShares", "arguments": [["round", "uint64", false], ["mask_commitments", "bytes", false], ["self_commitments", "bytes", false], ["bundle_digest", "bytes32", false]] },
    "SharesRevealed": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["set_digest", "bytes32", false], ["digest", "bytes32", false]], "call": "revealShares", "arguments": [["round", "uint64", false], ["set_digest", "bytes32", false], ["digest", "bytes32", false]] },
    "StatementMade": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["kind", "uint8", false, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]], ["digest", "bytes32", false], ["text", "string", false]], "call": "makeStatement", "arguments": [["round", "uint64", false], ["kind", "uint8", false, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]], ["digest", "bytes32", false], ["text", "string", false]] },
    "StepsAnchored": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["phase", "uint8", false], ["count", "uint16", false], ["going", "uint16", false], ["root", "bytes32", false], ["file_digest", "bytes32", false]], "call": "anchorSteps", "arguments": [["round", "uint64", false], ["phase", "uint8", false], ["count", "uint16", false], ["going", "uint16", false], ["root", "bytes32", false], ["file_digest", "bytes32", false]] },
    "UpdateCommitted": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["digest", "bytes32", false]], "call": "commitUpdate", "arguments": [["round", "uint64", false], ["digest", "bytes32", false]] },
    "WideFinalised": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["count", "uint16", false], ["root", "bytes32", false], ["file_digest", "bytes32", false], ["model_digest", "bytes32", false]], "call": "finaliseWide", "arguments": [["round", "uint64", false], ["count", "uint16", false], ["root", "bytes32", false], ["file_digest", "bytes32", false]] },
    "WideProposed": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["count", "uint16", false], ["root", "bytes32", false], ["file_digest", "bytes32", false], ["model_digest", "bytes32", false], ["envelope_digest", "bytes32", false]], "call": "proposeWide", "arguments": [["round", "uint64", false], ["count", "uint16", false], ["root", "bytes32", false], ["file_digest", "bytes32", false], ["model_digest", "bytes32", false], ["envelope_digest", "bytes32", false]] },
    "WideRoundOpened": { "contract": "FederationLedger", "event": [["sender", "address", true], ["round", "uint64", true], ["terms", [["protection", "uint8", false, [1, 2, 3]], ["min_commitments", "uint16", false], ["attestations", "uint16", false], ["threshold", "uint16", false], ["parameters", "uint64", false], ["config_digest", "bytes32", false], ["step_timeout", "uint64", false], ["commit_deadline", "uint64", false], ["close_deadline", "uint64", false]], false], ["degree", "uint16", false], ["replayers", "uint16", false], ["roster_size", "uint16", false], ["previous_model", "bytes32", false], ["file_digest", "bytes32", false]], "call": "openWideRound", "arguments": [["round", "uint64", false], ["terms", [["protection", "uint8", false, [1, 2, 3]], ["min_commitments", "uint16", false], ["attestations", "uint16", false], ["threshold", "uint16", false], ["parameters", "uint64", false], ["config_digest", "bytes32", false], ["step_timeout", "uint64", false], ["commit_deadline", "uint64", false], ["close_deadline", "uint64", false]], false], ["degree", "uint16", false], ["replayers", "uint16", false], ["roster_size", "uint16", false], ["previous_model", "bytes32", false], ["file_digest", "bytes32", false]] }
  };
  var NAMES = { "Role": { "1": "OPERATOR", "2": "HOSPITAL", "3": "COORDINATOR", "4": "AUDITOR", "5": "TRUSTEE" }, "StatementKind": { "0": "NONE", "1": "POLICY", "2": "DECLINE", "3": "RETENTION", "4": "OMITTED", "5": "OPENED", "6": "CHECKED", "7": "WITHDRAWAL", "8": "LONG_KEY", "9": "WITNESS", "10": "LOG" } };
  var STEPS = { "2": "KeysAdvertised", "3": "SharesDealt", "4": "SharesChecked", "5": "UpdateCommitted", "7": "SetEndorsed", "8": "SharesRevealed", "9": "ModelAttested" };

  // webui/client/verify/abi.js
  var WORD = 32;
  var SELECTOR_BYTES = 4;
  var refused = (why) => new Refused("EncodingError", { what: "record", why });
  var typeText = (type) => Array.isArray(type) ? `(${type.map((field) => typeText(field[1])).join()})` : type;
  var signature = (name, fields) => keccak_256(ascii(`${name}(${fields.map((field) => typeText(field[1])).join()})`));
  var byTopic = null;
  function nameOf(contract, topic) {
    byTopic ??= new Map(Object.entries(RECORDS).map(([name, { contract: home, event }]) => [`${home} ${toHex(signature(name, event))}`, name]));
    return byTopic.get(`${contract} ${toHex(topic)}`);
  }
  function recordOf(contract, topics, data) {
    const name = topics.length > 0 ? nameOf(contract, topics[0]) : void 0;
    if (name === void 0) {
      throw refused("it is an event that this version does not know");
    }
    const { event } = RECORDS[name];
    const [indexed, plain] = [event.filter((field) => field[2]), event.filter((field) => !field[2])];
    if (topics.length !== indexed.length + 1) {
      throw refused("it has another form");
    }
    const values = { ...decoded(indexed, concat(...topics.slice(1)), true), ...decoded(plain, data, true) };
    return { name, fields: Object.fromEntries(event.map(([field]) => [field, values[field]])) };
  }
  function makes(data, { name, fields }) {
    const { call, arguments: inputs } = RECORDS[name];
    if (!equal(data.subarray(0, SELECTOR_BYTES), signature(call, inputs).subarray(0, SELECTOR_BYTES))) {
      return false;
    }
    try {
      const given = decoded(inputs, data.slice(SELECTOR_BYTES), false);
      return Object.entries(given).every(([field, value]) => same(fields[field], value));
    } catch (error) {
      if (error.name === "EncodingError") {
        return false;
      }
      throw error;
    }
  }
  function same(one, other) {
    if (one instanceof Uint8Array) {
      return equal(one, other);
    }
    if (typeof one === "object" && one !== null) {
      const names = Object.keys(one);
      return names.length === Object.keys(other).length && names.every((name) => same(one[name], other[name]));
    }
    return one === other;
  }
  var widthOf = (type) => Array.isArray(type) ? type.reduce((sum, field) => sum + widthOf(field[1]), 0) : 1;
  function decoded(fields, data, strict, start = 0) {
    const found = {};
    let at = start;
    for (const [name, type, , allowed] of fields) {
      const value = Array.isArray(type) ? decoded(type, data, strict, at) : valueAt(type, data, at, strict);
      if (allowed !== void 0 && !allowed.includes(Number(value))) {
        throw refused("it has another form");
      }
      found[name] = value;
      at += WORD * widthOf(type);
    }
    return found;
  }
  function valueAt(type, data, at, strict) {
    const word = slice(data, at, WORD);
    if (type === "bytes32") {
      return word;
    }
    if (type === "address") {
      return toHex(padded(word, 20));
    }
    if (type.startsWith("uint")) {
      return toInteger(padded(word, Number(type.slice(4)) / 8));
    }
    const offset = safe(word);
    const count = safe(slice(data, offset, WORD));
    if (type === "address[]") {
      const words = slice(data, offset + WORD, count * WORD);
      return Array.from({ length: count }, (_, place) => toHex(padded(words.slice(place * WORD, (place + 1) * WORD), 20)));
    }
    const content = slice(data, offset + WORD, count);
    if (strict && slice(data, offset + WORD + count, (WORD - count % WORD) % WORD).some((byte) => byte !== 0)) {
      throw refused("it has another form");
    }
    return type === "string" ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(content) : content;
  }
  function padded(word, width) {
    if (word.subarray(0, WORD - width).some((byte) => byte !== 0)) {
      throw refused("it has another form");
    }
    return word.slice(WORD - width);
  }
  var safe = (word) => Number(toInteger(word));
  function slice(data, start, size) {
    if (start + size > data.length) {
      throw refused("it has another form");
    }
    return data.slice(start, start + size);
  }

  // webui/client/rlp.js
  var NO_BYTES = new Uint8Array();
  var SINGLE_BYTE = 128;
  var LIST = 192;
  var LONGEST_SHORT = 55;
  var MOST_LEVELS = 64;
  function shortest(value) {
    return value === 0n ? NO_BYTES : integerBytes(value, Math.ceil(value.toString(16).length / 2));
  }
  function rlp(item) {
    if (Array.isArray(item)) {
      const body = concat(...item.map(rlp));
      return concat(lengthPrefix(body.length, LIST), body);
    }
    return item.length === 1 && item[0] < SINGLE_BYTE ? item : concat(lengthPrefix(item.length, SINGLE_BYTE), item);
  }
  function lengthPrefix(length, offset) {
    if (length <= LONGEST_SHORT) {
      return Uint8Array.of(offset + length);
    }
    const bytes = shortest(BigInt(length));
    return concat(Uint8Array.of(offset + LONGEST_SHORT + bytes.length), bytes);
  }
  function decode(bytes) {
    const { item, end } = itemAt(bytes, 0, bytes.length, 0);
    if (end !== bytes.length) {
      throw refused2();
    }
    return item;
  }
  function itemAt(bytes, at, limit, level) {
    if (at >= limit || level > MOST_LEVELS) {
      throw refused2();
    }
    const first = bytes[at];
    if (first < SINGLE_BYTE) {
      return { item: bytes.slice(at, at + 1), end: at + 1 };
    }
    const offset = first < LIST ? SINGLE_BYTE : LIST;
    const { start, end } = bodyOf(bytes, at, first - offset);
    if (end > limit) {
      throw refused2();
    }
    if (offset === SINGLE_BYTE) {
      if (end - start === 1 && bytes[start] < SINGLE_BYTE) {
        throw refused2();
      }
      return { item: bytes.slice(start, end), end };
    }
    const items = [];
    for (let next = start; next < end; ) {
      const found = itemAt(bytes, next, end, level + 1);
      items.push(found.item);
      next = found.end;
    }
    return { item: items, end };
  }
  function bodyOf(bytes, at, short2) {
    if (short2 <= LONGEST_SHORT) {
      return { start: at + 1, end: at + 1 + short2 };
    }
    const start = at + 1 + short2 - LONGEST_SHORT;
    const written2 = bytes.slice(at + 1, start);
    const length = Number(toInteger(written2));
    if (written2.length !== start - at - 1 || written2[0] === 0 || length <= LONGEST_SHORT) {
      throw refused2();
    }
    return { start, end: start + length };
  }
  var refused2 = () => new Refused("EncodingError", { what: "document", why: "it is not in canonical form" });

  // webui/client/verify/errors.js
  var SENTENCES2 = {
    ProofMalformed: "This {what} cannot be read: {why}.",
    ProofChanged: "The proof does not hold (step {step}): {why}.",
    LogSignatureInvalid: "The proof does not hold (step 2, the log's signature): {why}.",
    CosignatureInvalid: "The proof does not hold (step 3, the witnesses): the line of {witness} is wrong: {why}.",
    WitnessesMissing: "The proof is not enough (step 3, the witnesses): {cosigned} of the {known} witnesses in your trust file cosigned, and this does not meet its quorum {quorum}. Ask for a newer proof.",
    BindingInvalid: "The proof does not hold (step 7, the tie to the chain): {why}.",
    ReceiptChanged: "The receipt does not hold: {why}.",
    TrustMissing: "Nothing says whose signatures count: this page has no trust file. Choose one."
  };
  var Failed = class extends Error {
    /**
     * @param {keyof typeof SENTENCES} name
     * @param {Record<string, string | number>} facts
     */
    constructor(name, facts = {}) {
      super(filled(SENTENCES2[name], facts, {}));
      this.name = name;
      this.facts = facts;
    }
    /** Return the sentence in the page's language. */
    inLanguage(words) {
      return filled(SENTENCES2[this.name], this.facts, words);
    }
  };
  var malformed = (what, why, facts = {}) => new Failed("ProofMalformed", { what, why, ...facts });
  var changed = (step, why) => new Failed("ProofChanged", { step, why });
  var unbound = (why, facts = {}) => new Failed("BindingInvalid", { why, ...facts });
  function reading(run, instead) {
    try {
      return run();
    } catch (error) {
      throw error.name === "EncodingError" ? instead(error) : error;
    }
  }

  // node_modules/@noble/curves/utils.js
  function aarray(item, title2, inner = () => {
  }) {
    if (!Array.isArray(item))
      throw new TypeError(`"${title2}" expected array, got type=${typeof item}`);
    for (let i = 0; i < item.length; i++)
      inner(item[i], `${title2}[${i}]`);
    return item;
  }
  var abytes2 = (value, length, title2) => abytes(value, length, title2);
  var anumber2 = anumber;
  function astring(value, title2 = "") {
    if (typeof value !== "string") {
      const prefix = title2 && `"${title2}" `;
      throw new TypeError(prefix + "expected string, got type=" + typeof value);
    }
    return value;
  }
  function aobject2(value, title2 = "object") {
    if (value === null || typeof value !== "object" || Array.isArray(value))
      throw new TypeError(title2 === "object" ? "expected valid options object" : `"${title2}" expected object, got type=${typeof value}`);
    return value;
  }
  function afunction(value, title2) {
    if (typeof value !== "function")
      throw new TypeError(`"${title2}" is invalid: expected function, got ${typeof value}`);
    return value;
  }
  var bytesToHex2 = bytesToHex;
  var concatBytes2 = (...arrays) => concatBytes(...arrays);
  var hexToBytes2 = (hex) => hexToBytes(hex);
  var isBytes2 = isBytes;
  var randomBytes2 = (bytesLength) => randomBytes(bytesLength);
  var _0n2 = /* @__PURE__ */ BigInt(0);
  var _1n2 = /* @__PURE__ */ BigInt(1);
  var atitle2 = (title2) => title2 ? `"${title2}" ` : "";
  function abool2(value, title2 = "") {
    if (typeof value !== "boolean")
      throw new TypeError(atitle2(title2) + "expected boolean, got type=" + typeof value);
    return value;
  }
  function abignumber(n) {
    if (typeof n === "bigint") {
      if (!isPosBig(n))
        throw new RangeError("positive bigint expected, got " + n);
    } else
      anumber2(n);
    return n;
  }
  function asafenumber(value, title2 = "") {
    if (typeof value !== "number") {
      const prefix = title2 && `"${title2}" `;
      throw new TypeError(prefix + "expected number, got type=" + typeof value);
    }
    if (!Number.isSafeInteger(value)) {
      const prefix = title2 && `"${title2}" `;
      throw new RangeError(prefix + "expected safe integer, got " + value);
    }
  }
  function numberToHexUnpadded(num) {
    const hex = abignumber(num).toString(16);
    return hex.length & 1 ? "0" + hex : hex;
  }
  function hexToNumber(hex) {
    if (typeof hex !== "string")
      throw new TypeError("hex string expected, got " + typeof hex);
    return hex === "" ? _0n2 : BigInt("0x" + hex);
  }
  function bytesToNumberBE(bytes) {
    return hexToNumber(bytesToHex(bytes));
  }
  function bytesToNumberLE(bytes) {
    return hexToNumber(bytesToHex(copyBytes(abytes(bytes)).reverse()));
  }
  function numberToBytesBE(n, len) {
    anumber(len);
    if (len === 0)
      throw new Error("zero output length is invalid");
    n = abignumber(n);
    const expectedLen = len * 2;
    const hex = n.toString(16);
    if (hex.length > expectedLen)
      throw new RangeError("number is too large");
    return hexToBytes(hex.padStart(expectedLen, "0"));
  }
  function numberToBytesLE(n, len) {
    return numberToBytesBE(n, len).reverse();
  }
  function copyBytes(bytes) {
    return Uint8Array.from(abytes2(bytes));
  }
  function isPosBig(n) {
    return typeof n === "bigint" && _0n2 <= n;
  }
  function inRange(n, min, max) {
    return isPosBig(n) && isPosBig(min) && isPosBig(max) && min <= n && n < max;
  }
  function aInRange(title2, n, min, max) {
    if (!inRange(n, min, max))
      throw new RangeError("expected valid " + title2 + ": " + min + " <= n < " + max + ", got " + n);
  }
  function bitLen(n) {
    if (n < _0n2)
      throw new Error("expected non-negative bigint, got " + n);
    return n === _0n2 ? 0 : n.toString(2).length;
  }
  var bitMask = (n) => {
    asafenumber(n, "n");
    return (_1n2 << BigInt(n)) - _1n2;
  };
  function createHmacDrbg(hashLen, qByteLen, hmacFn) {
    anumber(hashLen, "hashLen");
    anumber(qByteLen, "qByteLen");
    if (typeof hmacFn !== "function")
      throw new TypeError("hmacFn must be a function");
    const u8n = (len) => new Uint8Array(len);
    const NULL = Uint8Array.of();
    const byte0 = Uint8Array.of(0);
    const byte1 = Uint8Array.of(1);
    const _maxDrbgIters = 1e3;
    let v = u8n(hashLen);
    let k = u8n(hashLen);
    let i = 0;
    const reset = () => {
      v.fill(1);
      k.fill(0);
      i = 0;
    };
    const h = (...msgs) => hmacFn(k, concatBytes2(v, ...msgs));
    const reseed = (seed = NULL) => {
      k = h(byte0, seed);
      v = h();
      if (seed.length === 0)
        return;
      k = h(byte1, seed);
      v = h();
    };
    const gen = () => {
      if (i++ >= _maxDrbgIters)
        throw new Error("drbg: tried max amount of iterations");
      let len = 0;
      const out = [];
      while (len < qByteLen) {
        v = h();
        const sl = v.slice();
        out.push(sl);
        len += v.length;
      }
      return concatBytes2(...out);
    };
    const genUntil = (seed, pred) => {
      reset();
      reseed(seed);
      let res = void 0;
      while ((res = pred(gen())) === void 0)
        reseed();
      reset();
      return res;
    };
    return genUntil;
  }
  function validateObject(object, fields = {}, optFields = {}, title2 = "object") {
    aobject2(object, title2);
    aobject2(fields, "fields");
    aobject2(optFields, "optFields");
    function checkField(fieldName, expectedType, isOpt) {
      const label = title2 === "object" ? `param "${String(fieldName)}"` : `"${title2}.${String(fieldName)}"`;
      const val = object[fieldName];
      if (!Object.hasOwn(object, fieldName) && (isOpt ? val !== void 0 : expectedType !== "function")) {
        throw new TypeError(`${label} is invalid: expected own property`);
      }
      if (isOpt && val === void 0)
        return;
      const current = typeof val;
      if (current !== expectedType || val === null)
        throw new TypeError(`${label} is invalid: expected ${expectedType}, got ${current}`);
    }
    const iter = (f, isOpt) => Object.entries(f).forEach(([k, v]) => checkField(k, v, isOpt));
    iter(fields, false);
    iter(optFields, true);
  }

  // node_modules/@noble/curves/abstract/modular.js
  var _0n3 = /* @__PURE__ */ BigInt(0);
  var _1n3 = /* @__PURE__ */ BigInt(1);
  var _2n2 = /* @__PURE__ */ BigInt(2);
  var _3n = /* @__PURE__ */ BigInt(3);
  var _4n = /* @__PURE__ */ BigInt(4);
  var _5n = /* @__PURE__ */ BigInt(5);
  var _7n2 = /* @__PURE__ */ BigInt(7);
  var _8n = /* @__PURE__ */ BigInt(8);
  var _9n = /* @__PURE__ */ BigInt(9);
  var _15n = /* @__PURE__ */ BigInt(15);
  var _16n = /* @__PURE__ */ BigInt(16);
  var POW_WINDOWED_MIN = /* @__PURE__ */ BigInt("0x10000000000000000");
  function mod(a, b) {
    if (b <= _0n3)
      throw new Error("mod: expected positive modulus, got " + b);
    const result = a % b;
    return result >= _0n3 ? result : b + result;
  }
  function pow(num, power, modulo) {
    if (modulo <= _1n3)
      throw new Error("pow: expected modulus > 1, got " + modulo);
    if (typeof power !== "bigint")
      throw new TypeError("invalid exponent: expected bigint, got " + typeof power);
    if (power < _0n3)
      throw new Error("invalid exponent, negatives unsupported");
    if (power === _0n3)
      return _1n3;
    if (power === _1n3)
      return num;
    let d = num % modulo;
    if (d < _0n3)
      d += modulo;
    if (power < POW_WINDOWED_MIN) {
      let p2 = _1n3;
      while (power > _0n3) {
        if (power & _1n3)
          p2 = p2 * d % modulo;
        d = d * d % modulo;
        power >>= _1n3;
      }
      return p2;
    }
    const digits = [];
    while (power > _0n3) {
      digits.push(Number(power & _15n));
      power >>= _4n;
    }
    const table = new Array(16);
    table[0] = _1n3;
    table[1] = d;
    for (let i = 2; i < 16; i++)
      table[i] = table[i - 1] * d % modulo;
    let p = table[digits[digits.length - 1]];
    for (let w = digits.length - 2; w >= 0; w--) {
      p = p * p % modulo;
      p = p * p % modulo;
      p = p * p % modulo;
      p = p * p % modulo;
      const digit = digits[w];
      if (digit !== 0)
        p = p * table[digit] % modulo;
    }
    return p;
  }
  function pow2(x, power, modulo) {
    if (modulo <= _1n3)
      throw new Error("pow2: expected modulus > 1, got " + modulo);
    if (power < _0n3)
      throw new Error("pow2: expected non-negative exponent, got " + power);
    let res = x;
    while (power-- > _0n3) {
      res *= res;
      res %= modulo;
    }
    return res;
  }
  function invert(number2, modulo) {
    if (number2 === _0n3)
      throw new Error("invert: expected non-zero number");
    if (modulo <= _1n3)
      throw new Error("invert: expected modulus > 1, got " + modulo);
    let a = mod(number2, modulo);
    let b = modulo;
    let x = _0n3, u = _1n3;
    while (a !== _0n3) {
      const q = b / a;
      const r = b - a * q;
      const m = x - u * q;
      b = a, a = r, x = u, u = m;
    }
    const gcd = b;
    if (gcd !== _1n3)
      throw new Error("invert: does not exist");
    return mod(x, modulo);
  }
  function invertCt(a, prime) {
    if (prime <= _1n3)
      throw new Error("invertCt: expected prime modulus > 1, got " + prime);
    const an = mod(a, prime);
    if (an === _0n3)
      throw new Error("invertCt: expected non-zero number");
    const inverse = pow(an, prime - _2n2, prime);
    if (mod(an * inverse, prime) !== _1n3)
      throw new Error("invertCt: does not exist");
    return inverse;
  }
  function assertIsSquare(Fp2, root, n) {
    const F = Fp2;
    if (!F.eql(F.sqr(root), n))
      throw new Error("Cannot find square root");
  }
  function aoddModulus(order, fnName) {
    if ((order & _1n3) === _0n3)
      throw new Error(fnName + ": expected odd modulus, got " + order);
  }
  function sqrt3mod4(Fp2, n) {
    const F = Fp2;
    const p1div4 = (F.ORDER + _1n3) / _4n;
    const root = F.pow(n, p1div4);
    assertIsSquare(F, root, n);
    return root;
  }
  function sqrt5mod8(Fp2, n) {
    const F = Fp2;
    const p5div8 = (F.ORDER - _5n) / _8n;
    const n2 = F.mul(n, _2n2);
    const v = F.pow(n2, p5div8);
    const nv = F.mul(n, v);
    const i = F.mul(F.mul(nv, _2n2), v);
    const root = F.mul(nv, F.sub(i, F.ONE));
    assertIsSquare(F, root, n);
    return root;
  }
  function sqrt9mod16(P) {
    const Fp_ = Field(P);
    const tn = tonelliShanks(P);
    const c1 = tn(Fp_, Fp_.neg(Fp_.ONE));
    const c2 = tn(Fp_, c1);
    const c3 = tn(Fp_, Fp_.neg(c1));
    const c4 = (P + _7n2) / _16n;
    return ((Fp2, n) => {
      const F = Fp2;
      let tv1 = F.pow(n, c4);
      let tv2 = F.mul(tv1, c1);
      const tv3 = F.mul(tv1, c2);
      const tv4 = F.mul(tv1, c3);
      const e1 = F.eql(F.sqr(tv2), n);
      const e2 = F.eql(F.sqr(tv3), n);
      tv1 = F.cmov(tv1, tv2, e1);
      tv2 = F.cmov(tv4, tv3, e2);
      const e3 = F.eql(F.sqr(tv2), n);
      const root = F.cmov(tv1, tv2, e3);
      assertIsSquare(F, root, n);
      return root;
    });
  }
  function tonelliShanks(P) {
    if (P < _3n)
      throw new Error("sqrt is not defined for small field");
    aoddModulus(P, "tonelliShanks");
    let Q = P - _1n3;
    let S = 0;
    while (Q % _2n2 === _0n3) {
      Q /= _2n2;
      S++;
    }
    let Z = _2n2;
    const _Fp = Field(P);
    while (FpLegendre(_Fp, Z) === 1) {
      if (Z++ > 1e3)
        throw new Error("Cannot find square root: probably non-prime P");
    }
    if (S === 1)
      return sqrt3mod4;
    let cc = _Fp.pow(Z, Q);
    const Q1div2 = (Q + _1n3) / _2n2;
    return function tonelliSlow(Fp2, n) {
      const F = Fp2;
      if (F.is0(n))
        return n;
      if (FpLegendre(F, n) !== 1)
        throw new Error("Cannot find square root");
      let M = S;
      let c = F.mul(F.ONE, cc);
      let t = F.pow(n, Q);
      let R = F.pow(n, Q1div2);
      while (!F.eql(t, F.ONE)) {
        if (F.is0(t))
          throw new Error("Cannot find square root: probably non-prime P");
        let i = 1;
        let t_tmp = F.sqr(t);
        while (!F.eql(t_tmp, F.ONE)) {
          i++;
          t_tmp = F.sqr(t_tmp);
          if (i === M)
            throw new Error("Cannot find square root");
        }
        const exponent = _1n3 << BigInt(M - i - 1);
        const b = F.pow(c, exponent);
        M = i;
        c = F.sqr(b);
        t = F.mul(t, c);
        R = F.mul(R, b);
      }
      return R;
    };
  }
  function FpSqrt(P) {
    aoddModulus(P, "Fp.sqrt");
    if (P % _4n === _3n)
      return sqrt3mod4;
    if (P % _8n === _5n)
      return sqrt5mod8;
    if (P % _16n === _9n)
      return sqrt9mod16(P);
    return tonelliShanks(P);
  }
  var isNegativeLE = (num, modulo) => (mod(num, modulo) & _1n3) === _1n3;
  var FIELD_FIELDS = [
    "create",
    "isValid",
    "is0",
    "neg",
    "inv",
    "sqrt",
    "sqr",
    "eql",
    "add",
    "sub",
    "mul",
    "pow",
    "div",
    "addN",
    "subN",
    "mulN",
    "sqrN"
  ];
  function validateField(field) {
    aobject2(field, "field");
    if (typeof field.ORDER !== "bigint")
      throw new TypeError('param "ORDER" is invalid: expected bigint, got ' + typeof field.ORDER);
    asafenumber(field.BYTES, "BYTES");
    asafenumber(field.BITS, "BITS");
    for (const name of FIELD_FIELDS)
      afunction(field[name], "field." + name);
    if (field.BYTES < 1 || field.BITS < 1)
      throw new Error("invalid field: expected BYTES/BITS > 0");
    if (field.ORDER <= _1n3)
      throw new Error("invalid field: expected ORDER > 1, got " + field.ORDER);
    return field;
  }
  function FpInvertBatch(Fp2, nums, passZero = false) {
    validateField(Fp2);
    aarray(nums, "nums");
    abool2(passZero, "passZero");
    const F = Fp2;
    const inverted = new Array(nums.length).fill(passZero ? F.ZERO : void 0);
    const multipliedAcc = nums.reduce((acc, num, i) => {
      if (F.is0(num))
        return acc;
      inverted[i] = acc;
      return F.mul(acc, num);
    }, F.ONE);
    const invertedAcc = F.inv(multipliedAcc);
    nums.reduceRight((acc, num, i) => {
      if (F.is0(num))
        return acc;
      inverted[i] = F.mul(acc, inverted[i]);
      return F.mul(acc, num);
    }, invertedAcc);
    return inverted;
  }
  function FpLegendre(Fp2, n) {
    validateField(Fp2);
    const F = Fp2;
    aoddModulus(F.ORDER, "FpLegendre");
    const p1mod2 = (F.ORDER - _1n3) / _2n2;
    const powered = F.pow(n, p1mod2);
    const yes = F.eql(powered, F.ONE);
    const zero = F.eql(powered, F.ZERO);
    const no = F.eql(powered, F.neg(F.ONE));
    if (!yes && !zero && !no)
      throw new Error("invalid Legendre symbol result");
    return yes ? 1 : zero ? 0 : -1;
  }
  function nLength(n, nBitLength) {
    if (nBitLength !== void 0)
      anumber2(nBitLength);
    if (n <= _0n3)
      throw new Error("invalid n length: expected positive n, got " + n);
    if (nBitLength !== void 0 && nBitLength < 1)
      throw new Error("invalid n length: expected positive bit length, got " + nBitLength);
    const bits = bitLen(n);
    if (nBitLength !== void 0 && nBitLength < bits)
      throw new Error(`invalid n length: expected nBitLength (${nBitLength}) >= bitLen(n) (${bits})`);
    const _nBitLength = nBitLength !== void 0 ? nBitLength : bits;
    const nByteLength = Math.ceil(_nBitLength / 8);
    return { nBitLength: _nBitLength, nByteLength };
  }
  var FIELD_SQRT = /* @__PURE__ */ new WeakMap();
  var _Field = class {
    ORDER;
    BITS;
    BYTES;
    isLE;
    ZERO = _0n3;
    ONE = _1n3;
    _lengths;
    _mod;
    constructor(ORDER, opts = {}) {
      if (ORDER <= _1n3)
        throw new Error("invalid field: expected ORDER > 1, got " + ORDER);
      let _nbitLength = void 0;
      this.isLE = false;
      if (opts != null && typeof opts === "object") {
        if (typeof opts.BITS === "number")
          _nbitLength = opts.BITS;
        if (typeof opts.sqrt === "function")
          Object.defineProperty(this, "sqrt", { value: opts.sqrt, enumerable: true });
        if (typeof opts.isLE === "boolean")
          this.isLE = opts.isLE;
        if (opts.allowedLengths)
          this._lengths = Object.freeze(opts.allowedLengths.slice());
        if (typeof opts.modFromBytes === "boolean")
          this._mod = opts.modFromBytes;
      }
      const { nBitLength, nByteLength } = nLength(ORDER, _nbitLength);
      if (nByteLength > 2048)
        throw new Error("invalid field: expected ORDER of <= 2048 bytes");
      this.ORDER = ORDER;
      this.BITS = nBitLength;
      this.BYTES = nByteLength;
      Object.freeze(this);
    }
    create(num) {
      return mod(num, this.ORDER);
    }
    isValid(num) {
      if (typeof num !== "bigint")
        throw new TypeError("invalid field element: expected bigint, got " + typeof num);
      return _0n3 <= num && num < this.ORDER;
    }
    is0(num) {
      return num === _0n3;
    }
    // is valid and invertible
    isValidNot0(num) {
      return !this.is0(num) && this.isValid(num);
    }
    isOdd(num) {
      return (num & _1n3) === _1n3;
    }
    neg(num) {
      return mod(-num, this.ORDER);
    }
    eql(lhs, rhs) {
      return lhs === rhs;
    }
    sqr(num) {
      return mod(num * num, this.ORDER);
    }
    add(lhs, rhs) {
      return mod(lhs + rhs, this.ORDER);
    }
    sub(lhs, rhs) {
      return mod(lhs - rhs, this.ORDER);
    }
    mul(lhs, rhs) {
      return mod(lhs * rhs, this.ORDER);
    }
    pow(num, power) {
      return pow(num, power, this.ORDER);
    }
    div(lhs, rhs) {
      return mod(lhs * invert(rhs, this.ORDER), this.ORDER);
    }
    // Same as above, but doesn't normalize
    sqrN(num) {
      return num * num;
    }
    addN(lhs, rhs) {
      return lhs + rhs;
    }
    subN(lhs, rhs) {
      return lhs - rhs;
    }
    mulN(lhs, rhs) {
      return lhs * rhs;
    }
    inv(num) {
      return invert(num, this.ORDER);
    }
    sqrt(num) {
      let sqrt = FIELD_SQRT.get(this);
      if (!sqrt)
        FIELD_SQRT.set(this, sqrt = FpSqrt(this.ORDER));
      return sqrt(this, num);
    }
    toBytes(num) {
      return this.isLE ? numberToBytesLE(num, this.BYTES) : numberToBytesBE(num, this.BYTES);
    }
    fromBytes(bytes, skipValidation = false) {
      abytes2(bytes);
      const { _lengths: allowedLengths, BYTES, isLE: isLE2, ORDER, _mod: modFromBytes } = this;
      if (allowedLengths) {
        if (bytes.length < 1 || !allowedLengths.includes(bytes.length) || bytes.length > BYTES) {
          throw new Error("Field.fromBytes: expected " + allowedLengths + " bytes, got " + bytes.length);
        }
        const padded2 = new Uint8Array(BYTES);
        padded2.set(bytes, isLE2 ? 0 : padded2.length - bytes.length);
        bytes = padded2;
      }
      if (bytes.length !== BYTES)
        throw new Error("Field.fromBytes: expected " + BYTES + " bytes, got " + bytes.length);
      let scalar = isLE2 ? bytesToNumberLE(bytes) : bytesToNumberBE(bytes);
      if (modFromBytes)
        scalar = mod(scalar, ORDER);
      if (!skipValidation) {
        if (!this.isValid(scalar))
          throw new Error("invalid field element: outside of range 0..ORDER");
      }
      return scalar;
    }
    // TODO: we don't need it here, move out to separate fn
    invertBatch(lst) {
      return FpInvertBatch(this, lst, true);
    }
    // We can't move this out because Fp6, Fp12 implement it
    // and it's unclear what to return in there.
    cmov(a, b, condition) {
      abool2(condition, "condition");
      return condition ? b : a;
    }
  };
  function Field(ORDER, opts = {}) {
    Object.freeze(_Field.prototype);
    return new _Field(ORDER, opts);
  }
  function getFieldBytesLength(fieldOrder) {
    if (typeof fieldOrder !== "bigint")
      throw new Error("field order must be bigint");
    if (fieldOrder <= _1n3)
      throw new Error("field order must be greater than 1");
    const bitLength = bitLen(fieldOrder - _1n3);
    return Math.ceil(bitLength / 8);
  }
  function getMinHashLength(fieldOrder) {
    const length = getFieldBytesLength(fieldOrder);
    return length + Math.ceil(length / 2);
  }
  function mapHashToField(key, fieldOrder, isLE2 = false) {
    abytes2(key);
    const len = key.length;
    const fieldLen = getFieldBytesLength(fieldOrder);
    const minLen = Math.max(getMinHashLength(fieldOrder), 16);
    if (len < minLen || len > 1024)
      throw new Error("expected " + minLen + "-1024 bytes of input, got " + len);
    const num = isLE2 ? bytesToNumberLE(key) : bytesToNumberBE(key);
    const reduced = mod(num, fieldOrder - _1n3) + _1n3;
    return isLE2 ? numberToBytesLE(reduced, fieldLen) : numberToBytesBE(reduced, fieldLen);
  }

  // node_modules/@noble/curves/abstract/curve.js
  var _0n4 = /* @__PURE__ */ BigInt(0);
  var _1n4 = /* @__PURE__ */ BigInt(1);
  var _4n2 = /* @__PURE__ */ BigInt(4);
  var BLIND_BYTES = 16;
  var BLIND_BITS = 128;
  var FW_WINDOW = 5;
  var TABLE_BYTES_MAX = /* @__PURE__ */ (() => 2 ** 31)();
  function validatePointCons(Point) {
    const pc = Point;
    if (typeof pc !== "function")
      throw new TypeError('"Point" expected constructor, got type=' + typeof Point);
    afunction(pc.fromAffine, "Point.fromAffine");
    afunction(pc.fromBytes, "Point.fromBytes");
    afunction(pc.fromHex, "Point.fromHex");
    aobject2(pc.BASE, "Point.BASE");
    aobject2(pc.ZERO, "Point.ZERO");
    validateField(pc.Fp);
    validateField(pc.Fn);
  }
  function normalizeZ(c, points) {
    validatePointCons(c);
    validateMSMPoints(points, c);
    const invertedZs = FpInvertBatch(c.Fp, points.map((p) => p.Z));
    return points.map((p, i) => c.fromAffine(p.toAffine(invertedZs[i])));
  }
  function validateW(W, bits, min = 1) {
    if (!Number.isSafeInteger(W) || W < min || W > bits)
      throw new Error("invalid window size, expected [" + min + ".." + bits + "], got W=" + W);
  }
  function validateTableBytes(numPoints, fpBytes) {
    const bytes = numPoints * (4 * fpBytes + 128);
    if (bytes > TABLE_BYTES_MAX)
      throw new Error("invalid window size: table would need ~" + Math.ceil(bytes / 2 ** 20) + " MiB, max " + TABLE_BYTES_MAX / 2 ** 20 + " MiB");
  }
  function probeRandomBytes(randomBytes3, length) {
    if (randomBytes3 === void 0)
      return void 0;
    afunction(randomBytes3, "randomBytes");
    try {
      const probe = randomBytes3(length);
      if (!isBytes2(probe) || probe.length !== length)
        return void 0;
    } catch {
      return void 0;
    }
    return randomBytes3;
  }
  function validateMSMPoints(points, c) {
    aarray(points, "points");
    points.forEach((p, i) => {
      if (!(p instanceof c))
        throw new Error("invalid point at index " + i);
    });
  }
  function validateMSMScalars(scalars, field, maxScalar) {
    if (!Array.isArray(scalars))
      throw new Error("array of scalars expected");
    scalars.forEach((s, i) => {
      const ok = maxScalar === void 0 ? field.isValid(s) : isPosBig(s) && s < maxScalar;
      if (!ok)
        throw new Error("invalid scalar at index " + i);
    });
  }
  var pointWindowSizes = /* @__PURE__ */ new WeakMap();
  function getWindowSize(P) {
    return pointWindowSizes.get(P) || 1;
  }
  function oddMultiples(p, size) {
    const dbl = p.double();
    const t = [p];
    for (let j = 1; j < size; j++)
      t.push(t[j - 1].add(dbl));
    return t;
  }
  function wnafDigits(n, W) {
    const size = 2 ** W;
    const half = size / 2;
    const mask = BigInt(size - 1);
    const d = [];
    while (n > _0n4) {
      let w = 0;
      if (n & _1n4) {
        w = Number(n & mask);
        if (w >= half)
          w -= size;
        n -= BigInt(w);
      }
      d.push(w);
      n >>= _1n4;
    }
    return d;
  }
  function signedWindowDigits(n, W, windows) {
    const size = 2 ** W;
    const half = size / 2;
    const mask = BigInt(size - 1);
    const shiftBy = BigInt(W);
    const d = [];
    for (let w = 0; w < windows; w++) {
      let v = Number(n & mask);
      n >>= shiftBy;
      if (v > half) {
        v -= size;
        n += _1n4;
      }
      d.push(v);
    }
    if (n !== _0n4)
      throw new Error("invalid wnaf");
    return d;
  }
  function wnafWalk(zero, tables, digits) {
    let max = 0;
    for (const d of digits)
      max = Math.max(max, d.length);
    let acc = zero;
    for (let bit = max - 1; bit >= 0; bit--) {
      if (bit !== max - 1)
        acc = acc.double();
      for (let i = 0; i < digits.length; i++) {
        const w = digits[i][bit];
        if (w) {
          const item = tables[i][Math.abs(w) - 1 >> 1];
          acc = acc.add(w < 0 ? item.negate() : item);
        }
      }
    }
    return acc;
  }
  var ScalarMultiplier = class {
    Point;
    BASE;
    ZERO;
    randomBytes;
    wnafPrecomputes = /* @__PURE__ */ new WeakMap();
    baseCanBeBlinded;
    bits;
    // Parametrized with a given Point class (not individual point)
    constructor(Point, randomBytes3) {
      validatePointCons(Point);
      this.randomBytes = probeRandomBytes(randomBytes3, BLIND_BYTES);
      this.Point = Point;
      this.BASE = Point.BASE;
      this.ZERO = Point.ZERO;
      this.bits = Point.Fn.BITS;
    }
    /**
     * Creates a signed fixed-window wNAF precomputation table: for every window w, the
     * multiples `[1..2^(W−1)]⋅2^(w⋅W)⋅P`, flattened. All doublings are baked into the table,
     * so cached multiplication is additions-only. `windows = ceil(bits/W) + 1`: the extra
     * window absorbs the final carry of signed-digit recoding.
     * For a 256-bit curve and W=6, the table is 44⋅32 = 1408 points.
     * @param point - Point instance
     * @param W - window size
     * @param bits - scalar bitlength the table must cover
     */
    buildWnafTable(point, W, bits) {
      const windows = Math.ceil(bits / W) + 1;
      const half = 2 ** (W - 1);
      const comp = [];
      let base = point;
      for (let w = 0; w < windows; w++) {
        let acc = base;
        for (let i = 0; i < half; i++) {
          comp.push(acc);
          acc = acc.add(base);
        }
        base = comp[comp.length - 1].double();
      }
      return { W, bits, windows, comp };
    }
    /**
     * Implements ec multiplication using precomputed signed fixed-window wNAF tables.
     * Constant-time: fixed window count with one table addition per window — zero digits feed
     * the fake accumulator — and no doublings; the lookup scans the whole window slice.
     * Scalar bounds are validated by the public entry points ({@link ScalarMultiplier.mulCT},
     * {@link ScalarMultiplier.mulCTBlinded}, {@link ScalarMultiplier.mulUnsafe});
     * signedWindowDigits throws if `n` exceeds the table.
     * @returns real and fake (for const-time) points
     */
    wnafCachedCT(precomputes, n) {
      const { W, windows, comp } = precomputes;
      const half = 2 ** (W - 1);
      const digits = signedWindowDigits(n, W, windows);
      let p = this.ZERO;
      let f = this.BASE;
      for (let w = 0; w < windows; w++) {
        const digit = digits[w];
        const start = w * half;
        const idx = Math.abs(digit) - 1;
        let sel = comp[start];
        for (let i = 1; i < half; i++)
          sel = i === idx ? comp[start + i] : sel;
        const neg = sel.negate();
        if (digit === 0)
          f = f.add(comp[start]);
        else
          p = p.add(digit < 0 ? neg : sel);
      }
      return { p, f };
    }
    // Cache key is point identity plus (W, bits); at most two entries exist per point (public-width
    // `Fn.BITS` and blinded `Fn.BITS + BLIND_BITS`). Callers must not reuse the same point with
    // incompatible `transform(...)` layouts and expect a separate cache entry.
    getWnafPrecomputes(W, point, bits, transform) {
      let entries = this.wnafPrecomputes.get(point);
      let comp = entries?.find((entry) => entry.W === W && entry.bits === bits);
      if (!comp) {
        comp = this.buildWnafTable(point, W, bits);
        if (typeof transform === "function")
          comp = { ...comp, comp: transform(comp.comp) };
        if (!entries) {
          entries = [];
          this.wnafPrecomputes.set(point, entries);
        }
        entries.push(comp);
      }
      return comp;
    }
    assertPoint(point) {
      if (!(point instanceof this.Point))
        throw new TypeError('"point" expected Point instance, got type=' + typeof point);
    }
    // Shared prologue of the constant-time entry points. Rejects scalar 0: in key/signature-style
    // callers a zero scalar means broken upstream plumbing, and concrete Points already reject it.
    // Uses inRange instead of Fn.isValidNot0: validateField() only certifies the arithmetic subset.
    validateMulInput(point, scalar) {
      this.assertPoint(point);
      if (!inRange(scalar, _1n4, this.Point.Fn.ORDER))
        throw new Error("invalid scalar");
    }
    // Constant-time dispatch shared by mulCT / mulCTBlinded. Un-precomputed points (W===1, e.g.
    // ECDH peer keys) skip building a throwaway cached table in favor of a small fixed-window
    // multiply. `n` must be < 2^bits.
    runCT(point, n, bits, transform) {
      const W = getWindowSize(point);
      if (W === 1)
        return this.fixedWindowCT(point, n, bits);
      return this.wnafCachedCT(this.getWnafPrecomputes(W, point, bits, transform), n);
    }
    mulCT(point, scalar, transform) {
      this.validateMulInput(point, scalar);
      return this.runCT(point, scalar, this.bits, transform);
    }
    mulCTBlinded(point, scalar, transform) {
      this.validateMulInput(point, scalar);
      if (this.randomBytes === void 0)
        throw new Error("randomBytes is required for scalar blinding");
      const bits = this.Point.Fn.BITS + BLIND_BITS;
      const blind = this.randomBytes(BLIND_BYTES);
      if (!isBytes2(blind) || blind.length !== BLIND_BYTES)
        throw new Error("randomBytes returned invalid byte array");
      blind[0] = blind[0] & 63 | 128;
      const n = scalar + bytesToNumberBE(blind) * this.Point.Fn.ORDER;
      return this.runCT(point, n, bits, transform);
    }
    /**
     * Constant-time multiplication `n*point` for an un-precomputed point, via a small fixed window.
     * A cached wNAF table only pays off when reused; a flat 2^FW_WINDOW table (`size-1` adds) is
     * far cheaper to build for a single use. The point-operation sequence is independent of `n`:
     * build the table, then per window exactly FW_WINDOW doublings, a data-oblivious scan over
     * every table entry, and one addition (adds the identity when the window digit is 0 — never
     * skipped).
     *
     * `n` must be `< 2^bits`. Assumes complete addition (adding the identity costs the same as any
     * add), which holds for the Weierstrass/Edwards point types used here. The table is left in
     * projective form (no normalizeZ): normalizing this small a table costs more than the
     * mixed-add savings it would buy for a single multiply.
     * @returns real point `p`; `f` duplicates it only to match {@link wnafCachedCT}'s return shape
     * (this path needs no fake accumulator — its op-count is already scalar-independent).
     */
    fixedWindowCT(point, n, bits) {
      const W = FW_WINDOW;
      const size = 1 << W;
      const mask = bitMask(W);
      const table = new Array(size);
      table[0] = this.ZERO;
      for (let i = 1; i < size; i++)
        table[i] = table[i - 1].add(point);
      const windows = Math.ceil(bits / W);
      let acc = this.ZERO;
      for (let window2 = windows - 1; window2 >= 0; window2--) {
        if (window2 !== windows - 1)
          for (let d = 0; d < W; d++)
            acc = acc.double();
        const digit = Number(n >> BigInt(window2 * W) & mask);
        let sel = table[0];
        for (let i = 1; i < size; i++)
          sel = i === digit ? table[i] : sel;
        acc = acc.add(sel);
      }
      return { p: acc, f: acc };
    }
    shouldBlind(point, cofactor) {
      if (this.randomBytes === void 0)
        return false;
      if (cofactor === _1n4)
        return true;
      if (point !== this.BASE)
        return false;
      if (this.baseCanBeBlinded === void 0)
        this.baseCanBeBlinded = this.mulUnsafe(this.BASE, this.Point.Fn.ORDER).is0();
      return this.baseCanBeBlinded;
    }
    mulSecret(point, scalar, cofactor, transform) {
      return this.shouldBlind(point, cofactor) ? this.mulCTBlinded(point, scalar, transform) : this.mulCT(point, scalar, transform);
    }
    mulUnsafe(point, scalar, transform) {
      this.assertPoint(point);
      if (!isPosBig(scalar))
        throw new Error("invalid scalar");
      const W = getWindowSize(point);
      if (W === 1 || scalar >= this.Point.Fn.ORDER)
        return mulAddUnsafe(this.Point, [point], [scalar], true);
      const precomputes = this.getWnafPrecomputes(W, point, this.bits, transform);
      return this.wnafCachedCT(precomputes, scalar).p;
    }
    // Remembers the window size used for precomputed wNAF multiplication of the given point
    // and drops any previously built tables. Usually only the base point is precomputed.
    // W=1 resets the point to the un-precomputed (table-less) paths.
    // W is additionally capped so tables stay under ~2 GiB ({@link TABLE_BYTES_MAX}).
    setWindowSize(point, W) {
      this.assertPoint(point);
      validateW(W, this.bits);
      const windows = Math.ceil((this.bits + BLIND_BITS) / W) + 1;
      validateTableBytes(windows * 2 ** (W - 1), this.Point.Fp.BYTES);
      pointWindowSizes.set(point, W);
      this.wnafPrecomputes.delete(point);
    }
    // True when a window size is set: tables themselves are built lazily on first multiply.
    hasWindowSize(point) {
      return getWindowSize(point) !== 1;
    }
  };
  function mulAddUnsafe(c, points, scalars, allowOversized = false) {
    validatePointCons(c);
    validateMSMPoints(points, c);
    abool2(allowOversized, "allowOversized");
    validateMSMScalars(scalars, c.Fn, allowOversized ? c.Fn.ORDER ** _4n2 : void 0);
    if (points.length !== scalars.length)
      throw new Error("arrays of points and scalars must have equal length");
    const tables = points.map((p) => oddMultiples(p, 4));
    const digits = scalars.map((n) => wnafDigits(n, 4));
    return wnafWalk(c.ZERO, tables, digits);
  }
  function createField(order, field, isLE2) {
    if (field) {
      if (field.ORDER !== order)
        throw new Error("Field.ORDER must match order: Fp == p, Fn == n");
      validateField(field);
      return field;
    } else {
      return Field(order, { isLE: isLE2 });
    }
  }
  function createCurveFields(type, CURVE, curveOpts = {}, FpFnLE) {
    if (type !== "weierstrass" && type !== "edwards")
      throw new Error('expected curve type "weierstrass" or "edwards"');
    if (FpFnLE === void 0)
      FpFnLE = type === "edwards";
    if (!CURVE || typeof CURVE !== "object")
      throw new Error(`expected valid ${type} CURVE object`);
    validateObject(curveOpts);
    for (const p of ["p", "n", "h"]) {
      const val = CURVE[p];
      if (!(isPosBig(val) && val !== _0n4))
        throw new Error(`CURVE.${p} must be positive bigint`);
    }
    const Fp2 = createField(CURVE.p, curveOpts.Fp, FpFnLE);
    const Fn = createField(CURVE.n, curveOpts.Fn, FpFnLE);
    const _b = type === "weierstrass" ? "b" : "d";
    const params = ["Gx", "Gy", "a", _b];
    for (const p of params) {
      if (!Fp2.isValid(CURVE[p]))
        throw new Error(`CURVE.${p} must be valid field element of CURVE.Fp`);
    }
    CURVE = Object.freeze(Object.assign({}, CURVE));
    return { CURVE, Fp: Fp2, Fn };
  }
  function createKeygen(randomSecretKey, getPublicKey) {
    return function keygen(seed) {
      const secretKey = randomSecretKey(seed);
      return { secretKey, publicKey: getPublicKey(secretKey) };
    };
  }

  // node_modules/@noble/hashes/hmac.js
  var _HMAC = class {
    oHash;
    iHash;
    blockLen;
    outputLen;
    canXOF = false;
    finished = false;
    destroyed = false;
    constructor(hash, key) {
      ahash(hash);
      abytes(key, void 0, "key");
      this.iHash = hash.create();
      if (typeof this.iHash.update !== "function")
        throw new Error("expected Hash instance");
      this.blockLen = this.iHash.blockLen;
      this.outputLen = this.iHash.outputLen;
      const blockLen = this.blockLen;
      const pad = new Uint8Array(blockLen);
      pad.set(key.length > blockLen ? hash.create().update(key).digest() : key);
      for (let i = 0; i < pad.length; i++)
        pad[i] ^= 54;
      this.iHash.update(pad);
      this.oHash = hash.create();
      for (let i = 0; i < pad.length; i++)
        pad[i] ^= 54 ^ 92;
      this.oHash.update(pad);
      clean(pad);
    }
    update(buf) {
      aexists(this);
      this.iHash.update(buf);
      return this;
    }
    digestInto(out) {
      aexists(this);
      aoutput(out, this);
      this.finished = true;
      const buf = out.subarray(0, this.outputLen);
      this.iHash.digestInto(buf);
      this.oHash.update(buf);
      this.oHash.digestInto(buf);
      this.destroy();
    }
    digest() {
      const out = new Uint8Array(this.oHash.outputLen);
      this.digestInto(out);
      return out;
    }
    _cloneInto(to) {
      to ||= Object.create(Object.getPrototypeOf(this), {});
      const { oHash, iHash, finished, destroyed, blockLen, outputLen, canXOF } = this;
      to = to;
      to.finished = finished;
      to.destroyed = destroyed;
      to.blockLen = blockLen;
      to.outputLen = outputLen;
      to.canXOF = canXOF;
      to.oHash = oHash._cloneInto(to.oHash);
      to.iHash = iHash._cloneInto(to.iHash);
      return to;
    }
    clone() {
      return this._cloneInto();
    }
    destroy() {
      this.destroyed = true;
      this.oHash.destroy();
      this.iHash.destroy();
    }
  };
  var hmac = /* @__PURE__ */ (() => {
    const hmac_ = ((hash, key, message) => new _HMAC(hash, key).update(message).digest());
    hmac_.create = (hash, key) => new _HMAC(hash, key);
    return hmac_;
  })();

  // node_modules/@noble/curves/abstract/der.js
  var _0n5 = /* @__PURE__ */ BigInt(0);
  var DERErr = class extends Error {
    constructor(m = "") {
      super(m);
    }
  };
  var _DER = {
    // asn.1 DER encoding utils
    Err: DERErr,
    // Basic building block is TLV (Tag-Length-Value)
    _tlv: {
      encode: (tag, data) => {
        const { Err: E } = _DER;
        asafenumber(tag, "tag");
        if (tag < 0 || tag > 255)
          throw new E("tlv.encode: wrong tag");
        astring(data, "data");
        if (data.length & 1)
          throw new E("tlv.encode: unpadded data");
        const dataLen = data.length / 2;
        const len = numberToHexUnpadded(dataLen);
        if (len.length / 2 & 128)
          throw new E("tlv.encode: long form length too big");
        const lenLen = dataLen > 127 ? numberToHexUnpadded(len.length / 2 | 128) : "";
        const t = numberToHexUnpadded(tag);
        return t + lenLen + len + data;
      },
      // v - value, l - left bytes (unparsed)
      decode(tag, data) {
        const { Err: E } = _DER;
        data = abytes2(data, void 0, "DER data");
        let pos = 0;
        if (tag < 0 || tag > 255)
          throw new E("tlv.decode: wrong tag");
        if (data.length < 2 || data[pos++] !== tag)
          throw new E("tlv.decode: wrong tlv");
        const first = data[pos++];
        const isLong = !!(first & 128);
        let length = 0;
        if (!isLong)
          length = first;
        else {
          const lenLen = first & 127;
          if (!lenLen)
            throw new E("tlv.decode(long): indefinite length not supported");
          if (lenLen > 4)
            throw new E("tlv.decode(long): byte length is too big");
          const lengthBytes = data.subarray(pos, pos + lenLen);
          if (lengthBytes.length !== lenLen)
            throw new E("tlv.decode: length bytes not complete");
          if (lengthBytes[0] === 0)
            throw new E("tlv.decode(long): zero leftmost byte");
          for (const b of lengthBytes)
            length = length << 8 | b;
          pos += lenLen;
          if (length < 128)
            throw new E("tlv.decode(long): not minimal encoding");
        }
        const v = data.subarray(pos, pos + length);
        if (v.length !== length)
          throw new E("tlv.decode: wrong value length");
        return { v, l: data.subarray(pos + length) };
      }
    },
    // https://crypto.stackexchange.com/a/57734 Leftmost bit of first byte is 'negative' flag,
    // since we always use positive integers here. It must always be empty:
    // - add zero byte if exists
    // - if next byte doesn't have a flag, leading zero is not allowed (minimal encoding)
    _int: {
      encode(num) {
        const { Err: E } = _DER;
        abignumber(num);
        if (num < _0n5)
          throw new E("integer: negative integers are not allowed");
        let hex = numberToHexUnpadded(num);
        if (Number.parseInt(hex[0], 16) & 8)
          hex = "00" + hex;
        if (hex.length & 1)
          throw new E("unexpected DER parsing assertion: unpadded hex");
        return hex;
      },
      decode(data) {
        const { Err: E } = _DER;
        if (data.length < 1)
          throw new E("invalid signature integer: empty");
        if (data[0] & 128)
          throw new E("invalid signature integer: negative");
        if (data.length > 1 && data[0] === 0 && !(data[1] & 128))
          throw new E("invalid signature integer: unnecessary leading zero");
        return bytesToNumberBE(data);
      }
    },
    toSig(bytes, maxScalarBytes) {
      const { Err: E, _int: int, _tlv: tlv } = _DER;
      if (maxScalarBytes !== void 0) {
        asafenumber(maxScalarBytes, "maxScalarBytes");
        if (maxScalarBytes < 1)
          throw new E("invalid signature: maxScalarBytes must be positive");
      }
      const data = abytes2(bytes, void 0, "signature");
      const { v: seqBytes, l: seqLeftBytes } = tlv.decode(48, data);
      if (seqLeftBytes.length)
        throw new E("invalid signature: left bytes after parsing");
      const { v: rBytes, l: rLeftBytes } = tlv.decode(2, seqBytes);
      const { v: sBytes, l: sLeftBytes } = tlv.decode(2, rLeftBytes);
      if (sLeftBytes.length)
        throw new E("invalid signature: left bytes after parsing");
      if (maxScalarBytes !== void 0 && (rBytes.length > maxScalarBytes || sBytes.length > maxScalarBytes))
        throw new E("invalid signature: integer too large");
      return { r: int.decode(rBytes), s: int.decode(sBytes) };
    },
    hexFromSig(sig) {
      const { _tlv: tlv, _int: int } = _DER;
      validateObject(sig, { r: "bigint", s: "bigint" }, {}, "sig");
      const rs = tlv.encode(2, int.encode(sig.r));
      const ss = tlv.encode(2, int.encode(sig.s));
      const seq = rs + ss;
      return tlv.encode(48, seq);
    }
  };
  var DER = /* @__PURE__ */ (() => {
    Object.freeze(_DER._tlv);
    Object.freeze(_DER._int);
    return Object.freeze(_DER);
  })();

  // node_modules/@noble/curves/abstract/weierstrass.js
  var divNearest = (num, den) => (num + (num >= 0 ? den : -den) / _2n3) / den;
  function _splitEndoScalar(k, basis, n) {
    aInRange("scalar", k, _0n6, n);
    const [[a1, b1], [a2, b2]] = basis;
    const c1 = divNearest(b2 * k, n);
    const c2 = divNearest(-b1 * k, n);
    let k1 = k - c1 * a1 - c2 * a2;
    let k2 = -c1 * b1 - c2 * b2;
    const k1neg = k1 < _0n6;
    const k2neg = k2 < _0n6;
    if (k1neg)
      k1 = -k1;
    if (k2neg)
      k2 = -k2;
    const MAX_NUM = bitMask(Math.ceil(bitLen(n) / 2)) + _1n5;
    if (k1 < _0n6 || k1 >= MAX_NUM || k2 < _0n6 || k2 >= MAX_NUM) {
      throw new Error("splitScalar (endomorphism): failed for k");
    }
    return { k1neg, k1, k2neg, k2 };
  }
  function validateSigFormat(format) {
    if (!["compact", "recovered", "der"].includes(format))
      throw new Error('Signature format must be "compact", "recovered", or "der"');
    return format;
  }
  function validateSigOpts(opts, def) {
    validateObject(opts);
    const optsn = {};
    for (let optName of Object.keys(def)) {
      optsn[optName] = opts[optName] === void 0 ? def[optName] : opts[optName];
    }
    abool2(optsn.lowS, "lowS");
    abool2(optsn.prehash, "prehash");
    if (optsn.format !== void 0)
      validateSigFormat(optsn.format);
    return optsn;
  }
  var _0n6 = /* @__PURE__ */ BigInt(0);
  var _1n5 = /* @__PURE__ */ BigInt(1);
  var _2n3 = /* @__PURE__ */ BigInt(2);
  var _3n2 = /* @__PURE__ */ BigInt(3);
  var _4n3 = /* @__PURE__ */ BigInt(4);
  function weierstrass(params, extraOpts = {}) {
    const validated = createCurveFields("weierstrass", params, extraOpts);
    const Fp2 = validated.Fp;
    const Fn = validated.Fn;
    let CURVE = validated.CURVE;
    const { h: cofactor, n: CURVE_ORDER } = CURVE;
    validateObject(extraOpts, {}, {
      allowInfinityPoint: "boolean",
      clearCofactor: "function",
      isTorsionFree: "function",
      fromBytes: "function",
      toBytes: "function",
      endo: "object",
      randomBytes: "function"
    });
    const { endo: endoOpts, allowInfinityPoint, clearCofactor, isTorsionFree, fromBytes, toBytes } = extraOpts;
    const randomBytes3 = extraOpts.randomBytes === void 0 ? randomBytes2 : extraOpts.randomBytes;
    if (endoOpts) {
      if (!Fp2.is0(CURVE.a) || typeof endoOpts.beta !== "bigint" || !Array.isArray(endoOpts.basises)) {
        throw new Error('invalid endo: expected "beta": bigint and "basises": array');
      }
    }
    const endo = endoOpts ? {
      beta: endoOpts.beta,
      basises: endoOpts.basises.map((basis) => [...basis])
    } : void 0;
    const lengths = getWLengths(Fp2, Fn);
    function assertCompressionIsSupported() {
      if (!Fp2.isOdd)
        throw new Error("compression is not supported: Field does not have .isOdd()");
    }
    function pointToBytes(_c, point, isCompressed) {
      if (point.is0()) {
        if (!allowInfinityPoint)
          throw new Error("bad point: ZERO");
        return Uint8Array.of(0);
      }
      const { x, y } = point.toAffine();
      const bx = Fp2.toBytes(x);
      abool2(isCompressed, "isCompressed");
      if (isCompressed) {
        assertCompressionIsSupported();
        const hasEvenY = !Fp2.isOdd(y);
        return concatBytes2(pprefix(hasEvenY), bx);
      } else {
        return concatBytes2(Uint8Array.of(4), bx, Fp2.toBytes(y));
      }
    }
    function pointFromBytes(bytes) {
      abytes2(bytes, void 0, "Point");
      const { publicKey: comp, publicKeyUncompressed: uncomp } = lengths;
      const length = bytes.length;
      const head = bytes[0];
      const tail = bytes.subarray(1);
      if (allowInfinityPoint && length === 1 && head === 0)
        return { x: Fp2.ZERO, y: Fp2.ZERO };
      if (length === comp && (head === 2 || head === 3)) {
        const x = Fp2.fromBytes(tail);
        if (!Fp2.isValid(x))
          throw new Error("bad point: is not on curve, wrong x");
        const y2 = weierstrassEquation(x);
        let y;
        try {
          y = Fp2.sqrt(y2);
        } catch (sqrtError) {
          const err = sqrtError instanceof Error ? ": " + sqrtError.message : "";
          throw new Error("bad point: is not on curve, sqrt error" + err);
        }
        assertCompressionIsSupported();
        const evenY = Fp2.isOdd(y);
        const evenH = (head & 1) === 1;
        if (evenH !== evenY)
          y = Fp2.neg(y);
        return { x, y };
      } else if (length === uncomp && head === 4) {
        const L = Fp2.BYTES;
        const x = Fp2.fromBytes(tail.subarray(0, L));
        const y = Fp2.fromBytes(tail.subarray(L, L * 2));
        if (!isValidXY(x, y))
          throw new Error("bad point: is not on curve");
        return { x, y };
      } else {
        throw new Error(`bad point: got length ${length}, expected compressed=${comp} or uncompressed=${uncomp}`);
      }
    }
    const encodePoint = toBytes === void 0 ? pointToBytes : toBytes;
    const decodePoint = fromBytes === void 0 ? pointFromBytes : fromBytes;
    const b3 = Fp2.mul(CURVE.b, _3n2);
    const mulA = Fp2.is0(CURVE.a) ? (_) => Fp2.ZERO : (x) => Fp2.mul(CURVE.a, x);
    function weierstrassEquation(x) {
      const x2 = Fp2.sqr(x);
      const x3 = Fp2.mul(x2, x);
      return Fp2.add(Fp2.add(x3, Fp2.mul(x, CURVE.a)), CURVE.b);
    }
    function isValidXY(x, y) {
      const left = Fp2.sqr(y);
      const right = weierstrassEquation(x);
      return Fp2.eql(left, right);
    }
    if (!isValidXY(CURVE.Gx, CURVE.Gy))
      throw new Error("bad curve params: generator point");
    const _4a3 = Fp2.mul(Fp2.pow(CURVE.a, _3n2), _4n3);
    const _27b2 = Fp2.mul(Fp2.sqr(CURVE.b), BigInt(27));
    if (Fp2.is0(Fp2.add(_4a3, _27b2)))
      throw new Error("bad curve params: a or b");
    function acoord(title2, n, banZero = false) {
      if (!Fp2.isValid(n) || banZero && Fp2.is0(n))
        throw new Error(`bad point coordinate ${title2}`);
      return typeof n === "object" && n !== null ? Fp2.create(n) : n;
    }
    function aprjpoint(other) {
      if (!(other instanceof Point))
        throw new Error("Weierstrass Point expected");
    }
    function splitEndoScalarN(k) {
      if (!endo || !endo.basises)
        throw new Error("no endo");
      return _splitEndoScalar(k, endo.basises, Fn.ORDER);
    }
    function pushWnafPair(points, scalars, p, k) {
      if (!Fn.isValid(k))
        throw new RangeError("invalid scalar: out of range");
      if (endo) {
        const { k1neg, k1, k2neg, k2 } = splitEndoScalarN(k);
        const psi = new Point(Fp2.mul(p.X, endo.beta), p.Y, p.Z);
        points.push(k1neg ? p.negate() : p, k2neg ? psi.negate() : psi);
        scalars.push(k1, k2);
      } else {
        points.push(p);
        scalars.push(k);
      }
    }
    const validityCache = /* @__PURE__ */ new WeakSet();
    class Point {
      static BASE = new Point(CURVE.Gx, CURVE.Gy, Fp2.ONE);
      static ZERO = new Point(Fp2.ZERO, Fp2.ONE, Fp2.ZERO);
      static Fp = Fp2;
      static Fn = Fn;
      X;
      Y;
      Z;
      /** Does NOT validate if the point is valid. Use `.assertValidity()`. */
      constructor(X, Y, Z) {
        this.X = acoord("x", X);
        this.Y = acoord("y", Y, true);
        this.Z = acoord("z", Z);
        Object.freeze(this);
      }
      static CURVE() {
        return CURVE;
      }
      /** Does NOT validate if the point is valid. Use `.assertValidity()`. */
      static fromAffine(p) {
        const { x, y } = p || {};
        if (!p || !Fp2.isValid(x) || !Fp2.isValid(y))
          throw new Error("invalid affine point");
        if (p instanceof Point)
          throw new Error("projective point not allowed");
        if (Fp2.is0(x) && Fp2.is0(y))
          return Point.ZERO;
        return new Point(x, y, Fp2.ONE);
      }
      static fromBytes(bytes) {
        const P = Point.fromAffine(decodePoint(abytes2(bytes, void 0, "point")));
        P.assertValidity();
        return P;
      }
      static fromHex(hex) {
        return Point.fromBytes(hexToBytes2(hex));
      }
      get x() {
        return this.toAffine().x;
      }
      get y() {
        return this.toAffine().y;
      }
      /**
       * @param isLazy - true will defer table computation until the first multiplication
       */
      precompute(windowSize = 6, isLazy = true) {
        wnaf.setWindowSize(this, windowSize);
        if (!isLazy)
          this.multiply(_3n2);
        return this;
      }
      // TODO: return `this`
      /** A point on curve is valid if it conforms to equation. */
      assertValidity() {
        const p = this;
        if (p.is0()) {
          if (allowInfinityPoint && Fp2.is0(p.X) && Fp2.eql(p.Y, Fp2.ONE) && Fp2.is0(p.Z))
            return;
          throw new Error("bad point: ZERO");
        }
        if (validityCache.has(p))
          return;
        const { x, y } = p.toAffine();
        if (!Fp2.isValid(x) || !Fp2.isValid(y))
          throw new Error("bad point: x or y not field elements");
        if (!isValidXY(x, y))
          throw new Error("bad point: equation left != right");
        if (!p.isTorsionFree())
          throw new Error("bad point: not in prime-order subgroup");
        validityCache.add(p);
      }
      hasEvenY() {
        const { y } = this.toAffine();
        if (!Fp2.isOdd)
          throw new Error("Field doesn't support isOdd");
        return !Fp2.isOdd(y);
      }
      /** Compare one point to another. */
      equals(other) {
        aprjpoint(other);
        const { X: X1, Y: Y1, Z: Z1 } = this;
        const { X: X2, Y: Y2, Z: Z2 } = other;
        const U1 = Fp2.eql(Fp2.mul(X1, Z2), Fp2.mul(X2, Z1));
        const U2 = Fp2.eql(Fp2.mul(Y1, Z2), Fp2.mul(Y2, Z1));
        return U1 && U2;
      }
      /** Flips point to one corresponding to (x, -y) in Affine coordinates. */
      negate() {
        return new Point(this.X, Fp2.neg(this.Y), this.Z);
      }
      // Renes-Costello-Batina exception-free doubling formula.
      // There is 30% faster Jacobian formula, but it is not complete.
      // https://eprint.iacr.org/2015/1060, algorithm 3
      // Cost: 8M + 3S + 3*a + 2*b3 + 15add.
      double() {
        const { X: X1, Y: Y1, Z: Z1 } = this;
        let X3 = Fp2.ZERO, Y3 = Fp2.ZERO, Z3 = Fp2.ZERO;
        let t0 = Fp2.mul(X1, X1);
        let t1 = Fp2.mul(Y1, Y1);
        let t2 = Fp2.mul(Z1, Z1);
        let t3 = Fp2.mul(X1, Y1);
        t3 = Fp2.add(t3, t3);
        Z3 = Fp2.mul(X1, Z1);
        Z3 = Fp2.add(Z3, Z3);
        X3 = mulA(Z3);
        Y3 = Fp2.mul(b3, t2);
        Y3 = Fp2.add(X3, Y3);
        X3 = Fp2.sub(t1, Y3);
        Y3 = Fp2.add(t1, Y3);
        Y3 = Fp2.mul(X3, Y3);
        X3 = Fp2.mul(t3, X3);
        Z3 = Fp2.mul(b3, Z3);
        t2 = mulA(t2);
        t3 = Fp2.sub(t0, t2);
        t3 = mulA(t3);
        t3 = Fp2.add(t3, Z3);
        Z3 = Fp2.add(t0, t0);
        t0 = Fp2.add(Z3, t0);
        t0 = Fp2.add(t0, t2);
        t0 = Fp2.mul(t0, t3);
        Y3 = Fp2.add(Y3, t0);
        t2 = Fp2.mul(Y1, Z1);
        t2 = Fp2.add(t2, t2);
        t0 = Fp2.mul(t2, t3);
        X3 = Fp2.sub(X3, t0);
        Z3 = Fp2.mul(t2, t1);
        Z3 = Fp2.add(Z3, Z3);
        Z3 = Fp2.add(Z3, Z3);
        return new Point(X3, Y3, Z3);
      }
      // Renes-Costello-Batina exception-free addition formula.
      // There is 30% faster Jacobian formula, but it is not complete.
      // https://eprint.iacr.org/2015/1060, algorithm 1
      // Cost: 12M + 0S + 3*a + 3*b3 + 23add.
      add(other) {
        aprjpoint(other);
        const { X: X1, Y: Y1, Z: Z1 } = this;
        const { X: X2, Y: Y2, Z: Z2 } = other;
        let X3 = Fp2.ZERO, Y3 = Fp2.ZERO, Z3 = Fp2.ZERO;
        let t0 = Fp2.mul(X1, X2);
        let t1 = Fp2.mul(Y1, Y2);
        let t2 = Fp2.mul(Z1, Z2);
        let t3 = Fp2.add(X1, Y1);
        let t4 = Fp2.add(X2, Y2);
        t3 = Fp2.mul(t3, t4);
        t4 = Fp2.add(t0, t1);
        t3 = Fp2.sub(t3, t4);
        t4 = Fp2.add(X1, Z1);
        let t5 = Fp2.add(X2, Z2);
        t4 = Fp2.mul(t4, t5);
        t5 = Fp2.add(t0, t2);
        t4 = Fp2.sub(t4, t5);
        t5 = Fp2.add(Y1, Z1);
        X3 = Fp2.add(Y2, Z2);
        t5 = Fp2.mul(t5, X3);
        X3 = Fp2.add(t1, t2);
        t5 = Fp2.sub(t5, X3);
        Z3 = mulA(t4);
        X3 = Fp2.mul(b3, t2);
        Z3 = Fp2.add(X3, Z3);
        X3 = Fp2.sub(t1, Z3);
        Z3 = Fp2.add(t1, Z3);
        Y3 = Fp2.mul(X3, Z3);
        t1 = Fp2.add(t0, t0);
        t1 = Fp2.add(t1, t0);
        t2 = mulA(t2);
        t4 = Fp2.mul(b3, t4);
        t1 = Fp2.add(t1, t2);
        t2 = Fp2.sub(t0, t2);
        t2 = mulA(t2);
        t4 = Fp2.add(t4, t2);
        t0 = Fp2.mul(t1, t4);
        Y3 = Fp2.add(Y3, t0);
        t0 = Fp2.mul(t5, t4);
        X3 = Fp2.mul(t3, X3);
        X3 = Fp2.sub(X3, t0);
        t0 = Fp2.mul(t3, t1);
        Z3 = Fp2.mul(t5, Z3);
        Z3 = Fp2.add(Z3, t0);
        return new Point(X3, Y3, Z3);
      }
      subtract(other) {
        aprjpoint(other);
        return this.add(other.negate());
      }
      is0() {
        return this.equals(Point.ZERO);
      }
      /**
       * Constant time multiplication.
       * Uses precomputed tables (signed fixed-window wNAF) when available.
       * Uses scalar blinding and avoids endomorphism splitting in the secret-scalar path.
       * @param scalar - by which the point would be multiplied
       * @returns New point
       */
      multiply(scalar) {
        if (!Fn.isValidNot0(scalar))
          throw new RangeError("invalid scalar: out of range");
        const { p, f } = wnaf.mulSecret(this, scalar, cofactor, normalize);
        return normalize([p, f])[0];
      }
      /**
       * Non-constant-time multiplication. Uses width-4 wNAF with GLV endomorphism splitting
       * when available (two half-width scalars sharing one halved doubling chain).
       * It's faster, but should only be used when you don't care about
       * an exposed secret key e.g. sig verification, which works over *public* keys.
       */
      multiplyUnsafe(scalar) {
        const p = this;
        const sc = scalar;
        if (!Fn.isValid(sc))
          throw new RangeError("invalid scalar: out of range");
        if (sc === _0n6 || p.is0())
          return Point.ZERO;
        if (sc === _1n5)
          return p;
        if (wnaf.hasWindowSize(this))
          return wnaf.mulUnsafe(p, sc, normalize);
        const points = [];
        const scalars = [];
        pushWnafPair(points, scalars, p, sc);
        return mulAddUnsafe(Point, points, scalars);
      }
      /**
       * Non-constant-time double-scalar multiplication `a⋅this + b⋅other` (Strauss–Shamir).
       * Both walks share one doubling chain via {@link mulAddUnsafe}, and GLV endomorphism
       * (when available) halves the chain again by splitting each scalar into two half-width
       * parts. Used by ECDSA verification and public-key recovery for `R = u1⋅G + u2⋅P`.
       * Only for public scalars.
       */
      mulAddUnsafe(a, other, b) {
        aprjpoint(other);
        const points = [];
        const scalars = [];
        pushWnafPair(points, scalars, this, a);
        pushWnafPair(points, scalars, other, b);
        return mulAddUnsafe(Point, points, scalars);
      }
      /**
       * Converts Projective point to affine (x, y) coordinates.
       * (X, Y, Z) ∋ (x=X/Z, y=Y/Z).
       * @param invertedZ - Z^-1 (inverted zero) - optional, precomputation is useful for invertBatch
       */
      toAffine(invertedZ) {
        const p = this;
        let iz = invertedZ;
        if (iz != null && !Fp2.isValid(iz))
          throw new RangeError('"invertedZ" expected valid field element');
        const { X, Y, Z } = p;
        if (Fp2.eql(Z, Fp2.ONE))
          return { x: X, y: Y };
        const is0 = p.is0();
        if (iz == null)
          iz = is0 ? Fp2.ONE : Fp2.inv(Z);
        const x = Fp2.mul(X, iz);
        const y = Fp2.mul(Y, iz);
        const zz = Fp2.mul(Z, iz);
        if (is0)
          return { x: Fp2.ZERO, y: Fp2.ZERO };
        if (!Fp2.eql(zz, Fp2.ONE))
          throw new Error("invZ was invalid");
        return { x, y };
      }
      /**
       * Checks whether Point is free of torsion elements (is in prime subgroup).
       * Always torsion-free for cofactor=1 curves.
       */
      isTorsionFree() {
        if (cofactor === _1n5)
          return true;
        if (isTorsionFree)
          return isTorsionFree(Point, this);
        return wnaf.mulUnsafe(this, CURVE_ORDER).is0();
      }
      clearCofactor() {
        if (cofactor === _1n5)
          return this;
        if (clearCofactor)
          return clearCofactor(Point, this);
        return this.multiplyUnsafe(cofactor);
      }
      isSmallOrder() {
        if (cofactor === _1n5)
          return this.is0();
        return this.clearCofactor().is0();
      }
      toBytes(isCompressed = true) {
        abool2(isCompressed, "isCompressed");
        this.assertValidity();
        return encodePoint(Point, this, isCompressed);
      }
      toHex(isCompressed = true) {
        return bytesToHex2(this.toBytes(isCompressed));
      }
      toString() {
        return `<Point ${this.is0() ? "ZERO" : this.toHex()}>`;
      }
    }
    const normalize = (points) => normalizeZ(Point, points);
    const wnaf = new ScalarMultiplier(Point, randomBytes3);
    if (wnaf.bits >= 6)
      Point.BASE.precompute(6);
    Object.freeze(Point.prototype);
    Object.freeze(Point);
    return Point;
  }
  function pprefix(hasEvenY) {
    return Uint8Array.of(hasEvenY ? 2 : 3);
  }
  function getWLengths(Fp2, Fn) {
    return {
      secretKey: Fn.BYTES,
      publicKey: 1 + Fp2.BYTES,
      publicKeyUncompressed: 1 + 2 * Fp2.BYTES,
      publicKeyHasPrefix: true,
      // Raw compact `(r || s)` signature width; DER and recovered signatures use
      // different lengths outside this helper.
      signature: 2 * Fn.BYTES
    };
  }
  function ecdh(Point, ecdhOpts = {}) {
    validatePointCons(Point);
    const { Fn } = Point;
    const randomBytes_ = ecdhOpts.randomBytes === void 0 ? randomBytes2 : ecdhOpts.randomBytes;
    const lengths = Object.assign(getWLengths(Point.Fp, Fn), {
      seed: Math.max(getMinHashLength(Fn.ORDER), 16)
    });
    function isValidSecretKey(secretKey) {
      try {
        const num = Fn.fromBytes(secretKey);
        return Fn.isValidNot0(num);
      } catch (error) {
        return false;
      }
    }
    function isValidPublicKey(publicKey, isCompressed) {
      const { publicKey: comp, publicKeyUncompressed } = lengths;
      try {
        const l = publicKey.length;
        if (isCompressed === true && l !== comp)
          return false;
        if (isCompressed === false && l !== publicKeyUncompressed)
          return false;
        return !Point.fromBytes(publicKey).is0();
      } catch (error) {
        return false;
      }
    }
    function randomSecretKey(seed) {
      seed = seed === void 0 ? randomBytes_(lengths.seed) : seed;
      return mapHashToField(abytes2(seed, lengths.seed, "seed"), Fn.ORDER);
    }
    function getPublicKey(secretKey, isCompressed = true) {
      return Point.BASE.multiply(Fn.fromBytes(secretKey)).toBytes(isCompressed);
    }
    function isProbPub(item) {
      const { secretKey, publicKey, publicKeyUncompressed } = lengths;
      const allowedLengths = Fn._lengths;
      if (!isBytes2(item))
        return void 0;
      const l = abytes2(item, void 0, "key").length;
      const isPub = l === publicKey || l === publicKeyUncompressed;
      const isSec = l === secretKey || !!allowedLengths?.includes(l);
      if (isPub && isSec)
        return void 0;
      return isPub;
    }
    function getSharedSecret(secretKeyA, publicKeyB, isCompressed = true) {
      if (isProbPub(secretKeyA) === true)
        throw new Error("first arg must be private key");
      if (isProbPub(publicKeyB) === false)
        throw new Error("second arg must be public key");
      const s = Fn.fromBytes(secretKeyA);
      const b = Point.fromBytes(publicKeyB);
      if (b.is0())
        throw new Error("invalid public key: point at infinity");
      return b.multiply(s).toBytes(isCompressed);
    }
    const utils = {
      isValidSecretKey,
      isValidPublicKey,
      randomSecretKey
    };
    const keygen = createKeygen(randomSecretKey, getPublicKey);
    Object.freeze(utils);
    Object.freeze(lengths);
    return Object.freeze({ getPublicKey, getSharedSecret, keygen, Point, utils, lengths });
  }
  function ecdsa(Point, hash, ecdsaOpts = {}) {
    validatePointCons(Point);
    const hash_ = hash;
    ahash(hash_);
    validateObject(ecdsaOpts, {}, {
      hmac: "function",
      lowS: "boolean",
      randomBytes: "function",
      bits2int: "function",
      bits2int_modN: "function"
    });
    const opts = Object.assign({}, ecdsaOpts);
    const randomBytes3 = opts.randomBytes === void 0 ? randomBytes2 : opts.randomBytes;
    const hmac2 = opts.hmac === void 0 ? (key, msg) => hmac(hash_, key, msg) : opts.hmac;
    const { Fp: Fp2, Fn } = Point;
    const { ORDER: CURVE_ORDER, BITS: fnBits } = Fn;
    const blindLength = getMinHashLength(CURVE_ORDER);
    const csprng = probeRandomBytes(randomBytes3, blindLength);
    const { keygen, getPublicKey, getSharedSecret, utils, lengths } = ecdh(Point, opts);
    const defaultSigOpts = {
      prehash: true,
      lowS: typeof opts.lowS === "boolean" ? opts.lowS : true,
      format: "compact",
      extraEntropy: false
    };
    const hasLargeRecoveryLifts = CURVE_ORDER * _2n3 + _1n5 < Fp2.ORDER;
    function isBiggerThanHalfOrder(number2) {
      const HALF = CURVE_ORDER >> _1n5;
      return number2 > HALF;
    }
    function validateRS(title2, num) {
      if (!Fn.isValidNot0(num))
        throw new Error(`invalid signature ${title2}: out of range 1..Point.Fn.ORDER`);
      return num;
    }
    function assertFieldSignIsSupported() {
      if (!Fp2.isOdd)
        throw new Error("Field doesn't support isOdd");
    }
    function getRecoveryBit(x, y, r) {
      assertFieldSignIsSupported();
      return (x === r ? 0 : 2) | Number(Fp2.isOdd(y));
    }
    function assertRecoverableCurve() {
      if (hasLargeRecoveryLifts)
        throw new Error('"recovered" sig type is not supported for cofactor >2 curves');
    }
    function validateSigLength(bytes, format) {
      validateSigFormat(format);
      const size = lengths.signature;
      const sizer = format === "compact" ? size : format === "recovered" ? size + 1 : void 0;
      return abytes2(bytes, sizer);
    }
    class Signature {
      r;
      s;
      recovery;
      constructor(r, s, recovery) {
        this.r = validateRS("r", r);
        this.s = validateRS("s", s);
        if (recovery != null) {
          assertRecoverableCurve();
          if (![0, 1, 2, 3].includes(recovery))
            throw new Error("invalid recovery id");
          this.recovery = recovery;
        }
        Object.freeze(this);
      }
      static fromBytes(bytes, format = defaultSigOpts.format) {
        validateSigLength(bytes, format);
        let recid;
        if (format === "der") {
          if (bytes.length > 2 * Fn.BYTES + 16)
            throw new DER.Err("invalid signature: DER signature too long");
          const { r: r2, s: s2 } = DER.toSig(abytes2(bytes), Fn.BYTES + 1);
          return new Signature(r2, s2);
        }
        if (format === "recovered") {
          recid = bytes[0];
          format = "compact";
          bytes = bytes.subarray(1);
        }
        const L = lengths.signature / 2;
        const r = bytes.subarray(0, L);
        const s = bytes.subarray(L, L * 2);
        return new Signature(Fn.fromBytes(r), Fn.fromBytes(s), recid);
      }
      static fromHex(hex, format) {
        return this.fromBytes(hexToBytes2(hex), format);
      }
      assertRecovery() {
        const { recovery } = this;
        if (recovery == null)
          throw new Error("invalid recovery id: must be present");
        return recovery;
      }
      addRecoveryBit(recovery) {
        return new Signature(this.r, this.s, recovery);
      }
      // Unlike the top-level helper below, this method expects a digest that has
      // already been hashed to the curve's message representative.
      recoverPublicKey(messageHash) {
        const { r, s } = this;
        const recovery = this.assertRecovery();
        const radj = recovery === 2 || recovery === 3 ? r + CURVE_ORDER : r;
        if (!Fp2.isValid(radj))
          throw new Error("invalid recovery id: sig.r+curve.n != R.x");
        const x = Fp2.toBytes(radj);
        const R = Point.fromBytes(concatBytes2(pprefix((recovery & 1) === 0), x));
        const ir = Fn.inv(radj);
        const h = bits2int_modN(abytes2(messageHash, void 0, "msgHash"));
        const u1 = Fn.create(-h * ir);
        const u2 = Fn.create(s * ir);
        const Q = Point.BASE.mulAddUnsafe(u1, R, u2);
        if (Q.is0())
          throw new Error("invalid recovery: point at infinify");
        Q.assertValidity();
        return Q;
      }
      // Signatures should be low-s, to prevent malleability.
      hasHighS() {
        return isBiggerThanHalfOrder(this.s);
      }
      toBytes(format = defaultSigOpts.format) {
        validateSigFormat(format);
        if (format === "der")
          return hexToBytes2(DER.hexFromSig(this));
        const { r, s } = this;
        const rb = Fn.toBytes(r);
        const sb = Fn.toBytes(s);
        if (format === "recovered") {
          assertRecoverableCurve();
          return concatBytes2(Uint8Array.of(this.assertRecovery()), rb, sb);
        }
        return concatBytes2(rb, sb);
      }
      toHex(format) {
        return bytesToHex2(this.toBytes(format));
      }
    }
    Object.freeze(Signature.prototype);
    Object.freeze(Signature);
    const bits2int = opts.bits2int === void 0 ? function bits2int_def(bytes) {
      if (bytes.length > 8192)
        throw new Error("input is too large");
      const num = bytesToNumberBE(bytes);
      const delta = bytes.length * 8 - fnBits;
      return delta > 0 ? num >> BigInt(delta) : num;
    } : opts.bits2int;
    const bits2int_modN = opts.bits2int_modN === void 0 ? function bits2int_modN_def(bytes) {
      return Fn.create(bits2int(bytes));
    } : opts.bits2int_modN;
    const ORDER_MASK = bitMask(fnBits);
    function int2octets(num) {
      aInRange("num < 2^" + fnBits, num, _0n6, ORDER_MASK);
      return Fn.toBytes(num);
    }
    function validateMsgAndHash(message, prehash) {
      abytes2(message, void 0, "message");
      return prehash ? abytes2(hash_(message), void 0, "prehashed message") : message;
    }
    function prepSig(message, secretKey, opts2) {
      const { lowS, prehash, extraEntropy } = validateSigOpts(opts2, defaultSigOpts);
      message = validateMsgAndHash(message, prehash);
      const h1int = bits2int_modN(message);
      const d = Fn.fromBytes(secretKey);
      if (!Fn.isValidNot0(d))
        throw new Error("invalid private key");
      const seedArgs = [int2octets(d), int2octets(h1int)];
      if (extraEntropy != null && extraEntropy !== false) {
        const e = extraEntropy === true ? randomBytes3(lengths.secretKey) : extraEntropy;
        seedArgs.push(abytes2(e, void 0, "extraEntropy"));
      }
      const seed = concatBytes2(...seedArgs);
      const m = h1int;
      function k2sig(kBytes) {
        const k = bits2int(kBytes);
        if (!Fn.isValidNot0(k))
          return;
        const q = Point.BASE.multiply(k).toAffine();
        const r = Fn.create(q.x);
        if (r === _0n6)
          return;
        let s;
        if (csprng !== void 0) {
          const b = bytesToNumberBE(mapHashToField(csprng(blindLength), CURVE_ORDER));
          const ibk = Fn.inv(Fn.mul(b, k));
          const bm = Fn.mul(b, m);
          const bd = Fn.mul(b, d);
          s = Fn.create(ibk * Fn.create(bm + bd * r));
        } else {
          const ik = invertCt(k, CURVE_ORDER);
          s = Fn.create(ik * Fn.create(m + r * d));
        }
        if (s === _0n6)
          return;
        let recovery = getRecoveryBit(q.x, q.y, r);
        let normS = s;
        if (lowS && isBiggerThanHalfOrder(s)) {
          normS = Fn.neg(s);
          recovery ^= 1;
        }
        return new Signature(r, normS, hasLargeRecoveryLifts ? void 0 : recovery);
      }
      return { seed, k2sig };
    }
    function sign(message, secretKey, opts2 = {}) {
      const { seed, k2sig } = prepSig(message, secretKey, opts2);
      const drbg = createHmacDrbg(hash_.outputLen, Fn.BYTES, hmac2);
      const sig = drbg(seed, k2sig);
      return sig.toBytes(opts2.format);
    }
    function verify2(signature2, message, publicKey, opts2 = {}) {
      const { lowS, prehash, format } = validateSigOpts(opts2, defaultSigOpts);
      publicKey = abytes2(publicKey, void 0, "publicKey");
      message = validateMsgAndHash(message, prehash);
      if (!isBytes2(signature2)) {
        const end = signature2 instanceof Signature ? ", use sig.toBytes()" : "";
        throw new Error("verify expects Uint8Array signature" + end);
      }
      validateSigLength(signature2, format);
      try {
        const sig = Signature.fromBytes(signature2, format);
        const P = Point.fromBytes(publicKey);
        if (P.is0())
          return false;
        if (lowS && sig.hasHighS())
          return false;
        const { r, s } = sig;
        const h = bits2int_modN(message);
        const is = Fn.inv(s);
        const u1 = Fn.create(h * is);
        const u2 = Fn.create(r * is);
        const R = Point.BASE.mulAddUnsafe(u1, P, u2);
        if (R.is0())
          return false;
        const q = R.toAffine();
        const v = Fn.create(q.x);
        if (v !== r)
          return false;
        if (format === "recovered" && sig.recovery !== getRecoveryBit(q.x, q.y, r))
          return false;
        return true;
      } catch (e) {
        return false;
      }
    }
    function recoverPublicKey(signature2, message, opts2 = {}) {
      const { prehash } = validateSigOpts(opts2, defaultSigOpts);
      message = validateMsgAndHash(message, prehash);
      return Signature.fromBytes(signature2, "recovered").recoverPublicKey(message).toBytes();
    }
    return Object.freeze({
      keygen,
      getPublicKey,
      getSharedSecret,
      utils,
      lengths,
      Point,
      sign,
      verify: verify2,
      recoverPublicKey,
      Signature,
      hash: hash_
    });
  }

  // node_modules/@noble/curves/secp256k1.js
  var secp256k1_CURVE = {
    p: BigInt("0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"),
    n: BigInt("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"),
    h: BigInt(1),
    a: BigInt(0),
    b: BigInt(7),
    Gx: BigInt("0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
    Gy: BigInt("0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")
  };
  var secp256k1_ENDO = {
    beta: BigInt("0x7ae96a2b657c07106e64479eac3434e99cf0497512f58995c1396c28719501ee"),
    basises: [
      [BigInt("0x3086d221a7d46bcde86c90e49284eb15"), -BigInt("0xe4437ed6010e88286f547fa90abfe4c3")],
      [BigInt("0x114ca50f7a8e2f3f657c1108d9d44cfd8"), BigInt("0x3086d221a7d46bcde86c90e49284eb15")]
    ]
  };
  var _2n4 = /* @__PURE__ */ BigInt(2);
  function sqrtMod(y) {
    const P = secp256k1_CURVE.p;
    const _3n3 = BigInt(3), _6n = BigInt(6), _11n = BigInt(11), _22n = BigInt(22);
    const _23n = BigInt(23), _44n = BigInt(44), _88n = BigInt(88);
    const b2 = y * y * y % P;
    const b3 = b2 * b2 * y % P;
    const b6 = pow2(b3, _3n3, P) * b3 % P;
    const b9 = pow2(b6, _3n3, P) * b3 % P;
    const b11 = pow2(b9, _2n4, P) * b2 % P;
    const b22 = pow2(b11, _11n, P) * b11 % P;
    const b44 = pow2(b22, _22n, P) * b22 % P;
    const b88 = pow2(b44, _44n, P) * b44 % P;
    const b176 = pow2(b88, _88n, P) * b88 % P;
    const b220 = pow2(b176, _44n, P) * b44 % P;
    const b223 = pow2(b220, _3n3, P) * b3 % P;
    const t1 = pow2(b223, _23n, P) * b22 % P;
    const t2 = pow2(t1, _6n, P) * b2 % P;
    const root = pow2(t2, _2n4, P);
    if (!Fpk1.eql(Fpk1.sqr(root), y))
      throw new Error("Cannot find square root");
    return root;
  }
  var Fpk1 = /* @__PURE__ */ Field(secp256k1_CURVE.p, { sqrt: sqrtMod });
  var Pointk1 = /* @__PURE__ */ weierstrass(secp256k1_CURVE, {
    Fp: Fpk1,
    endo: secp256k1_ENDO
  });
  var secp256k1 = /* @__PURE__ */ ecdsa(Pointk1, sha256);

  // webui/client/verify/signed.js
  var LAST_TYPED = 127;
  var SIGNED = {
    0: { fields: 6, chainId: null, nonce: 0, to: 3, data: 5 },
    1: { fields: 8, chainId: 0, nonce: 1, to: 4, data: 6 },
    2: { fields: 9, chainId: 0, nonce: 1, to: 5, data: 7 },
    3: { fields: 11, chainId: 0, nonce: 1, to: 5, data: 7 },
    4: { fields: 10, chainId: 0, nonce: 1, to: 5, data: 7 }
  };
  var refused3 = (why) => new Refused("EncodingError", { what: "transaction", why });
  var unsigned = () => refused3("the transaction in it is not a signed transaction");
  function parseSigned(raw) {
    const kind = raw.length > 0 && raw[0] <= LAST_TYPED ? raw[0] : 0;
    const prefix = raw.subarray(0, raw.length > 0 && raw[0] <= LAST_TYPED ? 1 : 0);
    const layout = kind === 0 && prefix.length > 0 ? void 0 : SIGNED[kind];
    const items = layout === void 0 ? null : itemsOf(raw.slice(prefix.length));
    if (!Array.isArray(items) || items.length !== layout.fields + 3) {
      throw unsigned();
    }
    const [v, r, s] = items.slice(-3).map(numeral);
    const body = items.slice(0, -3);
    const { chainId, parity, more } = kind > 0 ? { chainId: numeral(body[layout.chainId]), parity: v, more: [] } : oldForm(v);
    const account2 = recovered(keccak_256(concat(prefix, rlp([...body, ...more]))), parity, r, s);
    const [to, data] = [body[layout.to], body[layout.data]];
    if (Array.isArray(to) || Array.isArray(data)) {
      throw unsigned();
    }
    return { account: account2, chainId, nonce: numeral(body[layout.nonce]), to: to.length > 0 ? toHex(to) : null, data };
  }
  function itemsOf(bytes) {
    try {
      return decode(bytes);
    } catch {
      throw unsigned();
    }
  }
  function numeral(item) {
    if (Array.isArray(item) || item[0] === 0) {
      throw unsigned();
    }
    return toInteger(item);
  }
  function oldForm(v) {
    if (v < 35n) {
      return { chainId: null, parity: v - 27n, more: [] };
    }
    const chainId = v - 35n >> 1n;
    return { chainId, parity: v - 35n & 1n, more: [shortest(chainId), new Uint8Array(), new Uint8Array()] };
  }
  function recovered(digest2, parity, r, s) {
    if (parity !== 0n && parity !== 1n) {
      throw unsigned();
    }
    try {
      const point = new secp256k1.Signature(r, s, Number(parity)).recoverPublicKey(digest2);
      return toHex(keccak_256(point.toBytes(false).subarray(1)).slice(-20));
    } catch {
      throw unsigned();
    }
  }
  function strange(record, contract, call, chainId) {
    if (call.account !== record.fields.sender) {
      return "another account signed the transaction";
    }
    if (call.chainId !== null && call.chainId !== chainId) {
      return "the transaction was signed for another chain";
    }
    if (record.name === "ConsortiumFounded") {
      const { consortium } = record.fields;
      const created = toHex(keccak_256(rlp([fromHex(call.account, "account"), shortest(call.nonce)])).slice(-20));
      const founds = equal(call.data.slice(-consortium.length), consortium);
      return call.to === null && created === contract && founds ? null : "the transaction deploys another contract";
    }
    return call.to === contract && makes(call.data, record) ? null : "the transaction does not make this record";
  }

  // webui/client/verify/trie.js
  var [BRANCH, SHORT, HASH] = [17, 2, 32];
  var [LEAF, ODD] = [2, 1];
  var otherForm = () => unbound("the path in the block is wrong");
  function valueAt2(root, index, nodes) {
    let [key, want] = [nibbles(rlp(shortest(BigInt(index)))), root];
    const rest = [...nodes];
    for (let value = null; ; ) {
      const node = fetched(want, rest);
      if (node.length === BRANCH) {
        [value, want] = key.length === 0 ? [node[BRANCH - 1], null] : [null, node[key[0]]];
        key = key.slice(1);
      } else {
        const { path, isLeaf } = parted(node[0]);
        const leads = node.length === SHORT && path.every((digit, at) => digit === key[at]) && (!isLeaf || path.length === key.length);
        if (!leads) {
          throw unbound("the path in the block is wrong");
        }
        [key, want, value] = [key.slice(path.length), node[1], isLeaf ? node[1] : null];
      }
      if (value !== null) {
        if (rest.length > 0 || Array.isArray(value) || value.length === 0) {
          throw unbound("the path in the block is wrong");
        }
        return value;
      }
    }
  }
  function fetched(want, rest) {
    if (Array.isArray(want)) {
      return want;
    }
    if (want.length !== HASH || rest.length === 0 || !equal(keccak_256(rest[0]), want)) {
      throw unbound("the path in the block is wrong");
    }
    let node;
    try {
      node = decode(rest.shift());
    } catch {
      throw otherForm();
    }
    if (!Array.isArray(node)) {
      throw otherForm();
    }
    return node;
  }
  var nibbles = (bytes) => Array.from(bytes, (byte) => [byte >> 4, byte & 15]).flat();
  function parted(raw) {
    if (!(raw instanceof Uint8Array) || raw.length === 0) {
      throw otherForm();
    }
    const digits = nibbles(raw);
    const isOdd = (digits[0] & ODD) === 1;
    if (digits[0] >= 2 * LEAF || !isOdd && digits[1] !== 0) {
      throw otherForm();
    }
    return { path: digits.slice(isOdd ? 1 : 2), isLeaf: digits[0] >= LEAF };
  }

  // webui/client/verify/binding.js
  var HEADER_CAP = 64 * 1024;
  var [FEWEST, MOST] = [15, 21];
  var [TRANSACTIONS, RECEIPTS, NUMBER, TIME, EXTRA] = [4, 5, 8, 11, 12];
  var LAST_TYPED2 = 127;
  var QBFT = "qbft";
  var notHeader = () => unbound("the header has another form");
  function boundEvent(binding, chainId, consensus) {
    return reading(() => {
      const header = parseHeader(binding.header, consensus);
      const receipt = valueAt2(header.receiptsRoot, binding.transactionIndex, binding.receipts);
      const call = parseSigned(valueAt2(header.transactionsRoot, binding.transactionIndex, binding.transactions));
      const { contract, topics, data } = eventOf(receipt, binding.event);
      const record = recordOf("FederationLedger", topics, data);
      const why = strange(record, contract, call, chainId);
      if (why !== null) {
        throw unbound(why);
      }
      return { record, contract, block: header.number, time: header.time, sealers: header.sealers };
    }, ({ facts }) => unbound(facts.why, facts));
  }
  function parseHeader(raw, consensus) {
    if (raw.length > HEADER_CAP) {
      throw unbound("the header has another form");
    }
    const fields = decode(raw);
    if (!Array.isArray(fields) || fields.length < FEWEST || fields.length > MOST || fields.some(Array.isArray)) {
      throw notHeader();
    }
    if ([TRANSACTIONS, RECEIPTS].some((place) => fields[place].length !== 32)) {
      throw unbound("the header has another form");
    }
    if ([NUMBER, TIME].some((place) => fields[place].length > 8)) {
      throw unbound("the header has another form");
    }
    return {
      transactionsRoot: fields[TRANSACTIONS],
      receiptsRoot: fields[RECEIPTS],
      number: toInteger(fields[NUMBER]),
      time: toInteger(fields[TIME]),
      sealers: consensus === QBFT ? sealersOf(fields) : /* @__PURE__ */ new Set()
    };
  }
  function sealersOf(fields) {
    const extra = decode(fields[EXTRA]);
    if (!Array.isArray(extra) || extra.length !== 5 || !Array.isArray(extra[4])) {
      throw unbound("the header has another form");
    }
    const [vanity, validators, vote, turn, seals] = extra;
    if (!Array.isArray(validators) || validators.some((each) => Array.isArray(each) || each.length !== 20)) {
      throw unbound("the header has another form");
    }
    const unsealed = rlp([vanity, validators, vote, turn, []]);
    const digest2 = keccak_256(rlp([...fields.slice(0, EXTRA), unsealed, ...fields.slice(EXTRA + 1)]));
    return new Set(seals.map((seal) => signerOf(seal, digest2)));
  }
  function signerOf(seal, digest2) {
    if (Array.isArray(seal) || seal.length !== 65) {
      throw unbound("the header has another form");
    }
    return recovered(digest2, BigInt(seal[64]), toInteger(seal.slice(0, 32)), toInteger(seal.slice(32, 64)));
  }
  function eventOf(receipt, place) {
    const parts = decode(receipt[0] <= LAST_TYPED2 ? receipt.slice(1) : receipt);
    if (!Array.isArray(parts) || parts.length !== 4 || toHex(parts[0]) !== "01") {
      throw unbound("the receipt in it has another form, or no such event");
    }
    const event = Array.isArray(parts[3]) ? parts[3][place] : void 0;
    const isRight = Array.isArray(event) && event.length === 3 && event[0].length === 20 && Array.isArray(event[1]) && event[1].every((topic) => topic.length === 32) && !Array.isArray(event[2]);
    if (!isRight) {
      throw unbound("the receipt in it has another form, or no such event");
    }
    return { contract: toHex(event[0]), topics: event[1], data: event[2] };
  }

  // webui/client/verify/entry.js
  var ENTRY_CAP = 65535;
  var MOST_TOPICS = 4;
  var [WHOLE, HASHED] = [0, 1];
  var WHAT = "log entry";
  var refused4 = (why) => new Refused("EncodingError", { what: WHAT, why });
  function parseEntry(raw, given) {
    if (raw.length > ENTRY_CAP) {
      throw refused4("it is too long");
    }
    const reader = new Reader(raw, WHAT);
    const label = domain("logentry");
    if (!equal(raw.subarray(0, label.length), label)) {
      throw refused4("it has another form");
    }
    reader.raw(label.length);
    const entry = {
      consortium: reader.raw(32),
      chainId: reader.u64(),
      contract: toHex(reader.raw(20)),
      block: reader.u64(),
      index: reader.u32(),
      time: reader.u64(),
      blockHash: reader.raw(32),
      transaction: reader.raw(32)
    };
    const count = reader.u8();
    if (count > MOST_TOPICS) {
      throw refused4("it has another form");
    }
    const topics = Array.from({ length: count }, () => reader.raw(32));
    const { data, form } = dataOf(reader, given);
    const head = raw.length - (form === WHOLE ? data.length + 4 : 32);
    if (head + 4 + data.length > ENTRY_CAP !== (form === HASHED)) {
      throw refused4("it has another form");
    }
    return { ...entry, topics, data };
  }
  function dataOf(reader, given) {
    const form = reader.u8();
    let data = given;
    if (form === WHOLE) {
      if (given.length > 0) {
        throw refused4("it has another form");
      }
      data = reader.raw(reader.u32());
    } else if (form !== HASHED) {
      throw refused4("it has another form");
    } else if (!equal(sha2562(given), reader.raw(32))) {
      throw refused4("it has another form");
    }
    reader.end();
    return { data, form };
  }

  // webui/client/verify/text.js
  var NUMBER2 = /^(?:0|[1-9][0-9]*)$/;
  var MOST2 = 2n ** 63n - 1n;
  var NAME_CAP = 255;
  var NOT_IN_NAMES = /[+\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
  var utf8 = (text2) => new TextEncoder().encode(text2);
  var letters = (bytes) => {
    let text2 = "";
    for (let at = 0; at < bytes.length; at += 4096) {
      text2 += String.fromCharCode(...bytes.subarray(at, at + 4096));
    }
    return text2;
  };
  function textOf(bytes, what) {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw malformed(what, "it is not UTF-8");
    }
  }
  var encode64 = (bytes) => btoa(letters(bytes));
  function decode64(text2, what) {
    let found;
    try {
      found = atob(text2);
    } catch {
      throw malformed(what, "it has another form");
    }
    if (btoa(found) !== text2) {
      throw malformed(what, "it is not in canonical form");
    }
    return Uint8Array.from(found, (letter) => letter.charCodeAt(0));
  }
  function number(text2, what) {
    if (text2.length > 19 || !NUMBER2.test(text2)) {
      throw malformed(what, "it has another form");
    }
    const value = BigInt(text2);
    if (value > MOST2) {
      throw malformed(what, "it has another form");
    }
    return value;
  }
  var isName = (name) => {
    const length = utf8(name).length;
    return length > 0 && length <= NAME_CAP && !NOT_IN_NAMES.test(name);
  };

  // webui/client/verify/json.js
  var MOST_LEVELS2 = 64;
  var MOST_VALUES = 5e5;
  var MOST_DIGITS = 128;
  var TOKEN = /[ \t\n\r]*(?:([[\]{},:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(true|false|null))/y;
  var BLANK = /[ \t\n\r]*$/y;
  var LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
  var Numeral = class {
    /** @param {string} text */
    constructor(text2) {
      this.isInteger = /^-?[0-9]+$/.test(text2);
      this.value = this.isInteger ? BigInt(text2) : Number(text2);
    }
    /** Return the number as Python writes it. */
    toString() {
      return this.isInteger ? String(this.value) : floatText(this.value);
    }
  };
  function floatText(value) {
    if (value === 0) {
      return Object.is(value, -0) ? "-0.0" : "0.0";
    }
    const [, sign, whole, part2 = "", power] = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(value.toExponential());
    const [digits, exponent] = [whole + part2, Number(power)];
    if (exponent < -4 || exponent >= 16) {
      const size = String(Math.abs(exponent)).padStart(2, "0");
      return `${sign}${whole}${part2 && `.${part2}`}e${exponent < 0 ? "-" : "+"}${size}`;
    }
    if (exponent < 0) {
      return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
    }
    const padded2 = digits.padEnd(exponent + 2, "0");
    return `${sign}${padded2.slice(0, exponent + 1)}.${padded2.slice(exponent + 1)}`;
  }
  function parseJson(bytes, what, cap) {
    if (bytes.length > cap) {
      throw malformed(what, "it is too long");
    }
    const reader = new Tokens(textOf(bytes, what), what);
    const value = valueOf(reader, 0);
    reader.end();
    return value;
  }
  var Tokens = class {
    #text;
    #at = 0;
    #count = 0;
    constructor(text2, what) {
      this.#text = text2;
      this.what = what;
    }
    /** Return the next token: `{mark}`, `{string}`, `{number}` or `{word}`. */
    next() {
      TOKEN.lastIndex = this.#at;
      const found = TOKEN.exec(this.#text);
      this.#count += 1;
      if (found === null || this.#count > 4 * MOST_VALUES) {
        throw this.wrong();
      }
      this.#at = TOKEN.lastIndex;
      return { mark: found[1], string: found[2], number: found[3], word: found[4] };
    }
    end() {
      BLANK.lastIndex = this.#at;
      if (!BLANK.test(this.#text)) {
        throw this.wrong();
      }
    }
    wrong() {
      return malformed(this.what, "it has another form");
    }
  };
  function valueOf(tokens, level, token = tokens.next()) {
    if (token.string !== void 0) {
      return stringOf(tokens, token.string);
    }
    if (token.number !== void 0) {
      return numeralOf(tokens, token.number);
    }
    if (token.word !== void 0) {
      return { true: true, false: false, null: null }[token.word];
    }
    if (level >= MOST_LEVELS2) {
      throw tokens.wrong();
    }
    if (token.mark === "[") {
      return listOf(tokens, level);
    }
    if (token.mark === "{") {
      return objectOf(tokens, level);
    }
    throw tokens.wrong();
  }
  function stringOf(tokens, quoted2) {
    const text2 = JSON.parse(quoted2);
    if (LONE.test(text2)) {
      throw tokens.wrong();
    }
    return text2;
  }
  function numeralOf(tokens, text2) {
    if (text2.length > MOST_DIGITS) {
      throw tokens.wrong();
    }
    const found = new Numeral(text2);
    if (!found.isInteger && !Number.isFinite(found.value)) {
      throw tokens.wrong();
    }
    return found;
  }
  function listOf(tokens, level) {
    const items = [];
    let token = tokens.next();
    while (token.mark !== "]") {
      items.push(valueOf(tokens, level + 1, token));
      const { mark } = tokens.next();
      if (mark === "]") {
        break;
      }
      if (mark !== ",") {
        throw tokens.wrong();
      }
      token = tokens.next();
      if (token.mark === "]") {
        throw tokens.wrong();
      }
    }
    return items;
  }
  function objectOf(tokens, level) {
    const fields = /* @__PURE__ */ new Map();
    let token = tokens.next();
    while (token.mark !== "}") {
      if (token.string === void 0 || tokens.next().mark !== ":") {
        throw tokens.wrong();
      }
      const name = stringOf(tokens, token.string);
      if (fields.has(name)) {
        throw tokens.wrong();
      }
      fields.set(name, valueOf(tokens, level + 1));
      const { mark } = tokens.next();
      if (mark === "}") {
        break;
      }
      if (mark !== ",") {
        throw tokens.wrong();
      }
      token = tokens.next();
      if (token.mark === "}") {
        throw tokens.wrong();
      }
    }
    return fields;
  }
  var canonical = (value) => ascii(`${written(value)}
`);
  function written(value) {
    if (typeof value === "string") {
      return quoted(value);
    }
    if (Array.isArray(value)) {
      return `[${value.map(written).join(",")}]`;
    }
    if (value instanceof Map) {
      const fields = [...value].sort(([one], [other]) => byCodePoints(one, other));
      return `{${fields.map(([name, inside]) => `${quoted(name)}:${written(inside)}`).join(",")}}`;
    }
    return String(value);
  }
  var quoted = (text2) => JSON.stringify(text2).replace(
    /[\u007f-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`
  );
  function byCodePoints(one, other) {
    const [left, right] = [[...one], [...other]];
    const at = left.findIndex((letter, place) => letter !== right[place]);
    if (at < 0) {
      return left.length - right.length;
    }
    return right.length <= at ? 1 : left[at].codePointAt(0) - right[at].codePointAt(0);
  }

  // node_modules/@noble/curves/abstract/edwards.js
  var _0n7 = /* @__PURE__ */ BigInt(0);
  var _1n6 = /* @__PURE__ */ BigInt(1);
  var _2n5 = /* @__PURE__ */ BigInt(2);
  var _4n4 = /* @__PURE__ */ BigInt(4);
  var _8n2 = /* @__PURE__ */ BigInt(8);
  function isEdValidXY(Fp2, CURVE, x, y) {
    const x2 = Fp2.sqr(x);
    const y2 = Fp2.sqr(y);
    const left = Fp2.add(Fp2.mul(CURVE.a, x2), y2);
    const right = Fp2.add(Fp2.ONE, Fp2.mul(CURVE.d, Fp2.mul(x2, y2)));
    return Fp2.eql(left, right);
  }
  function edwards(params, extraOpts = {}) {
    validateObject(extraOpts, {}, {}, "extraOpts");
    const opts = extraOpts;
    const validated = createCurveFields("edwards", params, opts, opts.FpFnLE);
    const { Fp: Fp2, Fn } = validated;
    let CURVE = validated.CURVE;
    const { h: cofactor } = CURVE;
    if (FpLegendre(Fp2, CURVE.a) !== 1)
      throw new Error("edwards: CURVE.a must be a square in Fp for complete addition formulas");
    if (FpLegendre(Fp2, CURVE.d) !== -1)
      throw new Error("edwards: CURVE.d must be a non-square in Fp for complete addition formulas");
    validateObject(opts, {}, { uvRatio: "function", randomBytes: "function" });
    const randomBytes3 = opts.randomBytes === void 0 ? randomBytes2 : opts.randomBytes;
    const MASK = _2n5 << BigInt(Fp2.BYTES * 8) - _1n6;
    function isOdd(n) {
      if (!Fp2.isOdd)
        throw new Error("Field does not have .isOdd()");
      return Fp2.isOdd(n);
    }
    const uvRatio2 = opts.uvRatio === void 0 ? (u, v) => {
      try {
        return { isValid: true, value: Fp2.sqrt(Fp2.div(u, v)) };
      } catch (e) {
        return { isValid: false, value: _0n7 };
      }
    } : opts.uvRatio;
    if (!isEdValidXY(Fp2, CURVE, CURVE.Gx, CURVE.Gy))
      throw new Error("bad curve params: generator point");
    const mulA = Fp2.eql(CURVE.a, Fp2.neg(Fp2.ONE)) ? (x) => Fp2.neg(x) : Fp2.eql(CURVE.a, Fp2.ONE) ? (x) => x : (x) => Fp2.mul(CURVE.a, x);
    function acoord(title2, n, banZero = false) {
      const min = banZero ? _1n6 : _0n7;
      aInRange("coordinate " + title2, n, min, MASK);
      return n;
    }
    function aedpoint(other) {
      if (!(other instanceof Point))
        throw new Error("EdwardsPoint expected");
    }
    class Point {
      static BASE = new Point(CURVE.Gx, CURVE.Gy, Fp2.ONE, Fp2.mul(CURVE.Gx, CURVE.Gy));
      static ZERO = new Point(Fp2.ZERO, Fp2.ONE, Fp2.ONE, Fp2.ZERO);
      static Fp = Fp2;
      static Fn = Fn;
      X;
      Y;
      Z;
      T;
      constructor(X, Y, Z, T) {
        this.X = acoord("x", X);
        this.Y = acoord("y", Y);
        this.Z = acoord("z", Z, true);
        this.T = acoord("t", T);
        Object.freeze(this);
      }
      static CURVE() {
        return CURVE;
      }
      /**
       * Create one extended Edwards point from affine coordinates.
       * Does NOT validate that the point is on-curve or torsion-free.
       * Use `.assertValidity()` on adversarial inputs.
       */
      static fromAffine(p) {
        if (p instanceof Point)
          throw new Error("extended point not allowed");
        const { x, y } = p || {};
        acoord("x", x);
        acoord("y", y);
        return new Point(x, y, Fp2.ONE, Fp2.mul(x, y));
      }
      // Uses algo from RFC8032 5.1.3.
      static fromBytes(bytes, zip215 = false) {
        const len = Fp2.BYTES;
        const { a, d } = CURVE;
        bytes = copyBytes(abytes2(bytes, len, "point"));
        abool2(zip215, "zip215");
        const normed = copyBytes(bytes);
        const lastByte = bytes[len - 1];
        normed[len - 1] = lastByte & ~128;
        const y = bytesToNumberLE(normed);
        const max = zip215 ? MASK : Fp2.ORDER;
        aInRange("point.y", y, _0n7, max);
        const y2 = Fp2.sqr(y);
        const u = Fp2.sub(y2, Fp2.ONE);
        const v = Fp2.sub(Fp2.mulN(d, y2), a);
        let { isValid, value: x } = uvRatio2(u, v);
        if (!isValid)
          throw new Error("bad point: invalid y coordinate");
        const isXOdd = isOdd(x);
        const isLastByteOdd = (lastByte & 128) !== 0;
        if (!zip215 && Fp2.is0(x) && isLastByteOdd)
          throw new Error("bad point: x=0 and x_0=1");
        if (isLastByteOdd !== isXOdd)
          x = Fp2.neg(x);
        return Point.fromAffine({ x, y });
      }
      static fromHex(hex, zip215 = false) {
        return Point.fromBytes(hexToBytes2(hex), zip215);
      }
      get x() {
        return this.toAffine().x;
      }
      get y() {
        return this.toAffine().y;
      }
      precompute(windowSize = 6, isLazy = true) {
        wnaf.setWindowSize(this, windowSize);
        if (!isLazy)
          this.multiply(_2n5);
        return this;
      }
      // Useful in fromAffine() - not for fromBytes(), which always created valid points.
      assertValidity() {
        const p = this;
        const { a, d } = CURVE;
        if (p.is0())
          throw new Error("bad point: ZERO");
        const { X, Y, Z, T } = p;
        const X2 = Fp2.sqr(X);
        const Y2 = Fp2.sqr(Y);
        const Z2 = Fp2.sqr(Z);
        const Z4 = Fp2.sqr(Z2);
        const aX2 = Fp2.mul(X2, a);
        const left = Fp2.mul(Fp2.add(aX2, Y2), Z2);
        const right = Fp2.add(Z4, Fp2.mul(d, Fp2.mul(X2, Y2)));
        if (!Fp2.eql(left, right))
          throw new Error("bad point: equation left != right (1)");
        const XY = Fp2.mul(X, Y);
        const ZT = Fp2.mul(Z, T);
        if (!Fp2.eql(XY, ZT))
          throw new Error("bad point: equation left != right (2)");
      }
      // Compare one point to another.
      equals(other) {
        aedpoint(other);
        const { X: X1, Y: Y1, Z: Z1 } = this;
        const { X: X2, Y: Y2, Z: Z2 } = other;
        const X1Z2 = Fp2.mul(X1, Z2);
        const X2Z1 = Fp2.mul(X2, Z1);
        const Y1Z2 = Fp2.mul(Y1, Z2);
        const Y2Z1 = Fp2.mul(Y2, Z1);
        return Fp2.eql(X1Z2, X2Z1) && Fp2.eql(Y1Z2, Y2Z1);
      }
      is0() {
        return this.equals(Point.ZERO);
      }
      negate() {
        return new Point(Fp2.neg(this.X), this.Y, this.Z, Fp2.neg(this.T));
      }
      // Fast algo for doubling Extended Point.
      // https://hyperelliptic.org/EFD/g1p/auto-twisted-extended.html#doubling-dbl-2008-hwcd
      // Cost: 4M + 4S + 1*a + 6add + 1*2.
      double() {
        const { X: X1, Y: Y1, Z: Z1 } = this;
        const A = Fp2.sqr(X1);
        const B2 = Fp2.sqr(Y1);
        const C = Fp2.mul(Fp2.sqr(Z1), _2n5);
        const D = mulA(A);
        const x1y1 = Fp2.addN(X1, Y1);
        const E = Fp2.sub(Fp2.subN(Fp2.sqr(x1y1), A), B2);
        const G = Fp2.addN(D, B2);
        const F = Fp2.subN(G, C);
        const H = Fp2.subN(D, B2);
        const X3 = Fp2.mul(E, F);
        const Y3 = Fp2.mul(G, H);
        const T3 = Fp2.mul(E, H);
        const Z3 = Fp2.mul(F, G);
        return new Point(X3, Y3, Z3, T3);
      }
      // Fast algo for adding 2 Extended Points.
      // https://hyperelliptic.org/EFD/g1p/auto-twisted-extended.html#addition-add-2008-hwcd
      // Cost: 9M + 1*a + 1*d + 7add.
      add(other) {
        aedpoint(other);
        const { d } = CURVE;
        const { X: X1, Y: Y1, Z: Z1, T: T1 } = this;
        const { X: X2, Y: Y2, Z: Z2, T: T2 } = other;
        const A = Fp2.mul(X1, X2);
        const B2 = Fp2.mul(Y1, Y2);
        const C = Fp2.mul(Fp2.mulN(T1, d), T2);
        const D = Fp2.mul(Z1, Z2);
        const E = Fp2.sub(Fp2.subN(Fp2.mulN(Fp2.addN(X1, Y1), Fp2.addN(X2, Y2)), A), B2);
        const F = Fp2.subN(D, C);
        const G = Fp2.addN(D, C);
        const H = Fp2.sub(B2, mulA(A));
        const X3 = Fp2.mul(E, F);
        const Y3 = Fp2.mul(G, H);
        const T3 = Fp2.mul(E, H);
        const Z3 = Fp2.mul(F, G);
        return new Point(X3, Y3, Z3, T3);
      }
      subtract(other) {
        aedpoint(other);
        return this.add(other.negate());
      }
      // Constant-time multiplication.
      multiply(scalar) {
        if (!Fn.isValidNot0(scalar))
          throw new RangeError("invalid scalar: expected 1 <= sc < curve.n");
        const { p, f } = wnaf.mulSecret(this, scalar, cofactor, normalize);
        return normalize([p, f])[0];
      }
      // Non-constant-time multiplication. Uses double-and-add algorithm.
      // It's faster, but should only be used when you don't care about
      // an exposed private key e.g. sig verification.
      // Keeps the same subgroup-scalar contract: 0 is allowed for public-scalar callers, but
      // n and larger values are rejected instead of being reduced mod n to the identity point.
      multiplyUnsafe(scalar) {
        if (!Fn.isValid(scalar))
          throw new RangeError("invalid scalar: expected 0 <= sc < curve.n");
        if (scalar === _0n7)
          return Point.ZERO;
        if (this.is0() || scalar === _1n6)
          return this;
        return wnaf.mulUnsafe(this, scalar, normalize);
      }
      // Checks if point is of small order.
      // If you add something to small order point, you will have "dirty"
      // point with torsion component.
      // Clears cofactor and checks if the result is 0.
      isSmallOrder() {
        return this.clearCofactor().is0();
      }
      // Multiplies point by curve order and checks if the result is 0.
      // Returns `false` is the point is dirty.
      isTorsionFree() {
        return wnaf.mulUnsafe(this, CURVE.n).is0();
      }
      // Converts Extended point to default (x, y) coordinates.
      // Can accept precomputed Z^-1 - for example, from invertBatch.
      toAffine(invertedZ) {
        const p = this;
        let iz = invertedZ;
        if (iz != null && typeof iz !== "bigint")
          throw new TypeError('"invertedZ" expected bigint, got type=' + typeof iz);
        const { X, Y, Z } = p;
        const is0 = p.is0();
        if (iz == null)
          iz = is0 ? Fp2.create(_8n2) : Fp2.inv(Z);
        const x = Fp2.mul(X, iz);
        const y = Fp2.mul(Y, iz);
        const zz = Fp2.mul(Z, iz);
        if (is0)
          return { x: Fp2.ZERO, y: Fp2.ONE };
        if (!Fp2.eql(zz, Fp2.ONE))
          throw new Error("invZ was invalid");
        return { x, y };
      }
      clearCofactor() {
        if (cofactor === _1n6)
          return this;
        if (cofactor === _2n5)
          return this.double();
        if (cofactor === _4n4)
          return this.double().double();
        if (cofactor === _8n2)
          return this.double().double().double();
        return this.multiplyUnsafe(cofactor);
      }
      toBytes() {
        const { x, y } = this.toAffine();
        const bytes = Fp2.toBytes(y);
        bytes[bytes.length - 1] |= isOdd(x) ? 128 : 0;
        return bytes;
      }
      toHex() {
        return bytesToHex2(this.toBytes());
      }
      toString() {
        return `<Point ${this.is0() ? "ZERO" : this.toHex()}>`;
      }
    }
    const normalize = (points) => normalizeZ(Point, points);
    const wnaf = new ScalarMultiplier(Point, randomBytes3);
    if (wnaf.bits >= 6)
      Point.BASE.precompute(6);
    Object.freeze(Point.prototype);
    Object.freeze(Point);
    return Point;
  }
  function eddsa(Point, cHash, eddsaOpts = {}) {
    validatePointCons(Point);
    if (typeof cHash !== "function")
      throw new Error('"hash" function param is required');
    const hash = cHash;
    const opts = eddsaOpts;
    validateObject(opts, {}, {
      adjustScalarBytes: "function",
      randomBytes: "function",
      domain: "function",
      prehash: "function",
      zip215: "boolean",
      mapToCurve: "function",
      toMontgomery: "function",
      toMontgomerySecret: "function"
    });
    const { prehash } = opts;
    const { BASE, Fp: Fp2, Fn } = Point;
    const outputLen = hash.outputLen;
    const expectedLen = 2 * Fp2.BYTES;
    if (outputLen !== void 0) {
      asafenumber(outputLen, "hash.outputLen");
      if (outputLen !== expectedLen)
        throw new Error(`hash.outputLen must be ${expectedLen}, got ${outputLen}`);
    }
    const randomBytes3 = opts.randomBytes === void 0 ? randomBytes2 : opts.randomBytes;
    const toMontgomery2 = opts.toMontgomery;
    const toMontgomerySecret2 = opts.toMontgomerySecret;
    const adjustScalarBytes2 = opts.adjustScalarBytes === void 0 ? (bytes) => bytes : opts.adjustScalarBytes;
    const domain2 = opts.domain === void 0 ? (data, ctx, phflag) => {
      abool2(phflag, "phflag");
      if (ctx.length || phflag)
        throw new Error("Contexts/pre-hash are not supported");
      return data;
    } : opts.domain;
    function modN_LE(hash2) {
      return Fn.create(bytesToNumberLE(hash2));
    }
    function getPrivateScalar(key) {
      const len = lengths.secretKey;
      abytes2(key, lengths.secretKey, "secretKey");
      const hashed = abytes2(hash(key), 2 * len, "hashedSecretKey");
      const head = adjustScalarBytes2(hashed.slice(0, len));
      const prefix = hashed.slice(len, 2 * len);
      const scalar = modN_LE(head);
      return { head, prefix, scalar };
    }
    function getExtendedPublicKey(secretKey) {
      const { head, prefix, scalar } = getPrivateScalar(secretKey);
      const point = BASE.multiply(scalar);
      const pointBytes = point.toBytes();
      return { head, prefix, scalar, point, pointBytes };
    }
    function getPublicKey(secretKey) {
      return getExtendedPublicKey(secretKey).pointBytes;
    }
    function hashDomainToScalar(context = Uint8Array.of(), ...msgs) {
      const msg = concatBytes2(...msgs);
      return modN_LE(hash(domain2(msg, abytes2(context, void 0, "context"), !!prehash)));
    }
    function sign(msg, secretKey, options = {}) {
      validateObject(options, {}, {}, "options");
      msg = copyBytes(abytes2(msg, void 0, "message"));
      if (prehash)
        msg = prehash(msg);
      const { prefix, scalar, pointBytes } = getExtendedPublicKey(secretKey);
      const r = hashDomainToScalar(options.context, prefix, msg);
      const R = BASE.multiply(r).toBytes();
      const k = hashDomainToScalar(options.context, R, pointBytes, msg);
      const s = Fn.create(r + k * scalar);
      if (!Fn.isValid(s))
        throw new Error("sign failed: invalid s");
      const rs = concatBytes2(R, Fn.toBytes(s));
      return abytes2(rs, lengths.signature, "result");
    }
    const verifyOpts = {
      zip215: opts.zip215
    };
    function verify2(sig, msg, publicKey, options = verifyOpts) {
      validateObject(options);
      const { context } = options;
      const zip215 = options.zip215 === void 0 ? !!verifyOpts.zip215 : options.zip215;
      const len = lengths.signature;
      sig = abytes2(sig, len, "signature");
      msg = abytes2(msg, void 0, "message");
      publicKey = abytes2(publicKey, lengths.publicKey, "publicKey");
      if (zip215 !== void 0)
        abool2(zip215, "zip215");
      if (prehash)
        msg = prehash(msg);
      const mid = len / 2;
      const r = sig.subarray(0, mid);
      const s = bytesToNumberLE(sig.subarray(mid, len));
      let A, R, SB;
      try {
        A = Point.fromBytes(publicKey, zip215);
        R = Point.fromBytes(r, zip215);
        SB = BASE.multiplyUnsafe(s);
      } catch (error) {
        return false;
      }
      if (!zip215 && A.isSmallOrder())
        return false;
      const k = hashDomainToScalar(context, r, publicKey, msg);
      const RkA = R.add(A.multiplyUnsafe(k));
      return RkA.subtract(SB).clearCofactor().is0();
    }
    const _size = Fp2.BYTES;
    const lengths = {
      secretKey: _size,
      publicKey: _size,
      signature: 2 * _size,
      seed: _size
    };
    function randomSecretKey(seed) {
      seed = seed === void 0 ? randomBytes3(lengths.seed) : seed;
      return abytes2(seed, lengths.seed, "seed");
    }
    function isValidSecretKey(key) {
      return isBytes2(key) && key.length === lengths.secretKey;
    }
    function isValidPublicKey(key, zip215) {
      try {
        return !!Point.fromBytes(key, zip215 === void 0 ? verifyOpts.zip215 : zip215);
      } catch (error) {
        return false;
      }
    }
    const utils = {
      getExtendedPublicKey,
      randomSecretKey,
      isValidSecretKey,
      isValidPublicKey,
      /** Converts an Edwards public key to a companion Montgomery public key. */
      toMontgomery(publicKey) {
        if (toMontgomery2 === void 0)
          throw new Error("Montgomery conversion is not supported for this curve");
        return toMontgomery2(Point.fromBytes(publicKey));
      },
      toMontgomerySecret(secretKey) {
        if (toMontgomerySecret2 === void 0)
          throw new Error("Montgomery conversion is not supported for this curve");
        return toMontgomerySecret2(secretKey);
      }
    };
    Object.freeze(lengths);
    Object.freeze(utils);
    return Object.freeze({
      keygen: createKeygen(randomSecretKey, getPublicKey),
      getPublicKey,
      sign,
      verify: verify2,
      utils,
      Point,
      lengths
    });
  }

  // node_modules/@noble/curves/ed25519.js
  var _1n7 = /* @__PURE__ */ BigInt(1);
  var _2n6 = /* @__PURE__ */ BigInt(2);
  var _5n2 = /* @__PURE__ */ BigInt(5);
  var _8n3 = /* @__PURE__ */ BigInt(8);
  var ed25519_CURVE_p = /* @__PURE__ */ BigInt("0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");
  var ed25519_CURVE = /* @__PURE__ */ (() => ({
    p: ed25519_CURVE_p,
    n: BigInt("0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed"),
    h: _8n3,
    a: BigInt("0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec"),
    d: BigInt("0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3"),
    Gx: BigInt("0x216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51a"),
    Gy: BigInt("0x6666666666666666666666666666666666666666666666666666666666666658")
  }))();
  function ed25519_pow_2_252_3(x) {
    const _10n = BigInt(10), _20n = BigInt(20), _40n = BigInt(40), _80n = BigInt(80);
    const P = ed25519_CURVE_p;
    const x2 = x * x % P;
    const b2 = x2 * x % P;
    const b4 = pow2(b2, _2n6, P) * b2 % P;
    const b5 = pow2(b4, _1n7, P) * x % P;
    const b10 = pow2(b5, _5n2, P) * b5 % P;
    const b20 = pow2(b10, _10n, P) * b10 % P;
    const b40 = pow2(b20, _20n, P) * b20 % P;
    const b80 = pow2(b40, _40n, P) * b40 % P;
    const b160 = pow2(b80, _80n, P) * b80 % P;
    const b240 = pow2(b160, _80n, P) * b80 % P;
    const b250 = pow2(b240, _10n, P) * b10 % P;
    const pow_p_5_8 = pow2(b250, _2n6, P) * x % P;
    return { pow_p_5_8, b2 };
  }
  function adjustScalarBytes(bytes) {
    bytes[0] &= 248;
    bytes[31] &= 127;
    bytes[31] |= 64;
    return bytes;
  }
  var ED25519_SQRT_M1 = /* @__PURE__ */ BigInt("19681161376707505956807079304988542015446066515923890162744021073123829784752");
  function uvRatio(u, v) {
    const P = ed25519_CURVE_p;
    const v3 = mod(v * v * v, P);
    const v7 = mod(v3 * v3 * v, P);
    const pow3 = ed25519_pow_2_252_3(u * v7).pow_p_5_8;
    let x = mod(u * v3 * pow3, P);
    const vx2 = mod(v * x * x, P);
    const root1 = x;
    const root2 = mod(x * ED25519_SQRT_M1, P);
    const useRoot1 = vx2 === u;
    const useRoot2 = vx2 === mod(-u, P);
    const noRoot = vx2 === mod(-u * ED25519_SQRT_M1, P);
    if (useRoot1)
      x = root1;
    if (useRoot2 || noRoot)
      x = root2;
    if (isNegativeLE(x, P))
      x = mod(-x, P);
    return { isValid: useRoot1 || useRoot2, value: x };
  }
  var ed25519_Point = /* @__PURE__ */ edwards(ed25519_CURVE, { uvRatio });
  var Fp = /* @__PURE__ */ (() => ed25519_Point.Fp)();
  function toMontgomery(point) {
    const { y } = point;
    return Fp.toBytes(Fp.div(_1n7 + y, _1n7 - y));
  }
  function toMontgomerySecret(secretKey) {
    const size = ed25519_Point.Fp.BYTES;
    abytes(secretKey, size);
    return adjustScalarBytes(sha512(secretKey.subarray(0, size))).subarray(0, size);
  }
  function ed(opts) {
    return eddsa(ed25519_Point, sha512, Object.assign({ adjustScalarBytes, toMontgomery, toMontgomerySecret, zip215: true }, opts));
  }
  var ed25519 = /* @__PURE__ */ ed({});

  // webui/client/verify/note.js
  var ED25519 = 1;
  var COSIGNATURE = 4;
  var KEY_BYTES = 32;
  var SIGNATURE_BYTES = 64;
  var ID_BYTES = 4;
  var TIME_BYTES = 8;
  var MOST_SIGNATURES = 64;
  var NOTE_CAP = 64 * 1024;
  var LAST_TIME = 253402300799n;
  function parseKey(text2) {
    const [name, id] = text2.split("+", 2);
    if (id === void 0 || text2.length <= name.length + id.length + 1 || !isName(name)) {
      throw malformed("key", "it has another form");
    }
    const raw = decode64(text2.slice(name.length + id.length + 2), "key");
    if (raw.length <= 1) {
      throw malformed("key", "it has another form");
    }
    const key = { name, type: raw[0], key: raw.slice(1), id: idOf(name, raw) };
    const known = key.type === ED25519 || key.type === COSIGNATURE;
    if (known && key.key.length !== KEY_BYTES) {
      throw malformed("key", "it has {count} bytes, not {wanted}", { count: key.key.length, wanted: KEY_BYTES });
    }
    if (known && id !== toHex(key.id)) {
      throw malformed("key", "it has another form");
    }
    return key;
  }
  var idOf = (name, raw) => sha2562(concat(utf8(name), ascii("\n"), raw)).slice(0, ID_BYTES);
  var keyText = (key) => `${key.name}+${toHex(key.id)}+${encode64(concat(Uint8Array.of(key.type), key.key))}`;
  function parseNote(data) {
    if (data.length > NOTE_CAP) {
      throw malformed("note", "it is too long");
    }
    const whole = textOf(data, "note");
    const gap = whole.lastIndexOf("\n\n");
    const rest = whole.slice(gap + 2);
    if (gap < 0 || !rest.endsWith("\n")) {
      throw malformed("note", "it has another form");
    }
    const lines = rest.split("\n").slice(0, -1);
    if (lines.length > MOST_SIGNATURES) {
      throw malformed("note", "it is too long");
    }
    return { text: `${whole.slice(0, gap)}
`, lines: lines.map(parseLine) };
  }
  function parseLine(line) {
    const parts = line.split(" ");
    if (parts.length !== 3 || parts[0] !== "—" || !isName(parts[1])) {
      throw malformed("note", "it has another form");
    }
    const raw = decode64(parts[2], "note");
    if (raw.length <= ID_BYTES) {
      throw malformed("note", "it has another form");
    }
    return { name: parts[1], id: raw.slice(0, ID_BYTES), payload: raw.slice(ID_BYTES) };
  }
  function parseCheckpoint(text2) {
    const lines = text2.split("\n");
    if (lines.length !== 4 || lines[3] !== "" || !isName(lines[0])) {
      throw malformed("checkpoint", "it has another form");
    }
    const root = decode64(lines[2], "checkpoint");
    if (root.length !== 32) {
      throw malformed("checkpoint", "it has another form");
    }
    return { origin: lines[0], size: number(lines[1], "checkpoint"), root };
  }
  var isOf = (line, key) => line.name === key.name && equal(line.id, key.id);
  var logSigned = (line, key, text2) => key.type === ED25519 && isOf(line, key) && line.payload.length === SIGNATURE_BYTES && signed(key.key, line.payload, utf8(text2));
  function cosignedAt(line, key, text2) {
    if (key.type !== COSIGNATURE || !isOf(line, key) || line.payload.length !== TIME_BYTES + SIGNATURE_BYTES) {
      return null;
    }
    const time = toInteger(line.payload.slice(0, TIME_BYTES));
    const message = utf8(`cosignature/v1
time ${time}
${text2}`);
    return time <= LAST_TIME && signed(key.key, line.payload.slice(TIME_BYTES), message) ? Number(time) : null;
  }
  function signed(key, signature2, message) {
    const { Point } = ed25519;
    const least = (bytes) => toInteger(Uint8Array.from(bytes).reverse());
    try {
      const point = Point.fromBytes(key, true);
      const scalar = least(signature2.subarray(32));
      if (point.isSmallOrder() || scalar >= Point.Fn.ORDER) {
        return false;
      }
      const challenge = least(sha512(concat(signature2.subarray(0, 32), key, message))) % Point.Fn.ORDER;
      const found = Point.BASE.multiplyUnsafe(scalar).subtract(point.multiplyUnsafe(challenge));
      return equal(found.toBytes(), signature2.subarray(0, 32));
    } catch {
      return false;
    }
  }

  // webui/client/verify/policy.js
  var NONE = "none";
  var POLICY_CAP = 128 * 1024;
  var MOST_LINES = 2e3;
  function parsePolicy(text2) {
    if ([...text2].length > POLICY_CAP || text2.split("\n").length - 1 > MOST_LINES) {
      throw malformed("policy", "it is too long");
    }
    const policy = { logs: [], witnesses: /* @__PURE__ */ new Map(), groups: /* @__PURE__ */ new Map(), quorum: null };
    const keys = /* @__PURE__ */ new Set();
    for (const line of text2.split("\n")) {
      const words = line.replaceAll("	", " ").split(" ").filter((word) => word !== "");
      if (words.length > 0 && !words[0].startsWith("#")) {
        take(policy, keys, words);
      }
    }
    if (policy.quorum === null) {
      throw malformed("policy", "it has another form");
    }
    return policy;
  }
  function take(policy, keys, words) {
    const [kind, name, ...rest] = words;
    const known = (each) => policy.witnesses.has(each) || policy.groups.has(each);
    const isFree = () => {
      if (name === NONE || known(name)) {
        throw malformed("policy", "it has another form");
      }
    };
    if (kind === "log" && (words.length === 2 || words.length === 3)) {
      policy.logs.push(newKey(keys, name, ED25519));
    } else if (kind === "witness" && (words.length === 3 || words.length === 4)) {
      isFree();
      policy.witnesses.set(name, newKey(keys, rest[0], COSIGNATURE));
    } else if (kind === "group" && rest.length > 1) {
      isFree();
      policy.groups.set(name, groupOf(rest[0], rest.slice(1), known));
    } else if (kind === "quorum" && words.length === 2 && policy.quorum === null && (name === NONE || known(name))) {
      policy.quorum = name;
    } else {
      throw malformed("policy", "it has another form");
    }
  }
  function newKey(keys, text2, kind) {
    const key = parseKey(text2);
    if (key.type !== kind) {
      throw malformed("policy", "it has another form");
    }
    if (keys.has(toHex(key.key))) {
      throw malformed("policy", "it has another form");
    }
    keys.add(toHex(key.key));
    return key;
  }
  function groupOf(needed, members, known) {
    if (new Set(members).size !== members.length || !members.every(known)) {
      throw malformed("policy", "it has another form");
    }
    const counts = /* @__PURE__ */ new Map([["all", BigInt(members.length)], ["any", 1n]]);
    const count = counts.get(needed) ?? number(needed, "policy");
    if (count < 1n || count > BigInt(members.length)) {
      throw malformed("policy", "it has another form");
    }
    return { needed: Number(count), members };
  }
  function isMet(policy, cosigned) {
    if (policy.quorum === NONE) {
      return true;
    }
    const holds = new Map([...policy.witnesses.keys()].map((name) => [name, cosigned.has(name)]));
    for (const [name, { needed, members }] of policy.groups) {
      holds.set(name, members.filter((each) => holds.get(each)).length >= needed);
    }
    return holds.get(policy.quorum);
  }
  var policyText = (policy) => [
    ...policy.logs.map((key) => `log ${keyText(key)}`),
    ...[...policy.witnesses].map(([name, key]) => `witness ${name} ${keyText(key)}`),
    ...[...policy.groups].map(([name, { needed, members }]) => `group ${name} ${needed} ${members.join(" ")}`),
    `quorum ${policy.quorum}`,
    ""
  ].join("\n");

  // webui/client/verify/proof.js
  var FIRST_LINE = "c2sp.org/tlog-proof@v1";
  var PROOF_CAP = 64 * 1024;
  var MOST_NODES = 63;
  var MOST_TRIE_NODES = 64;
  var SEAL = 32;
  var WHAT2 = "proof";
  function parseProof(data) {
    if (data.length > PROOF_CAP) {
      throw malformed(WHAT2, "it is too long");
    }
    const whole = letters(data);
    const gap = whole.indexOf("\n\n");
    const head = gap < 0 ? whole : whole.slice(0, gap);
    if (/[^\x00-\x7f]/.test(head)) {
      throw malformed(WHAT2, "it has another form");
    }
    const lines = head.split("\n");
    if (gap < 0 || lines[0] !== FIRST_LINE) {
      throw malformed(WHAT2, "it does not begin with {first}", { first: FIRST_LINE });
    }
    if (lines.length < 3 || !lines[1].startsWith("extra ") || !lines[2].startsWith("index ")) {
      throw malformed(WHAT2, "it has another form");
    }
    const sealed = decode64(lines[1].slice(6), WHAT2);
    const raw = sealed.slice(0, Math.max(sealed.length - SEAL, 0));
    const standard = concat(data.subarray(0, lines[0].length + 1), data.subarray(lines[0].length + lines[1].length + 2));
    if (!equal(sealed.slice(-SEAL), sha2562(concat(raw, standard)))) {
      throw changed(1, "it was changed since it was made, or was not copied whole");
    }
    const extra = reading(() => parseExtra(raw), ({ facts }) => malformed(WHAT2, facts.why, facts));
    const note = parseNote(data.slice(gap + 2));
    return {
      extra,
      index: number(lines[2].slice(6), WHAT2),
      path: pathOf(lines.slice(3)),
      note,
      checkpoint: parseCheckpoint(note.text)
    };
  }
  function pathOf(lines) {
    if (lines.length > MOST_NODES) {
      throw malformed(WHAT2, "it is too long");
    }
    return lines.map((line) => {
      const node = decode64(line, WHAT2);
      if (node.length !== 32) {
        throw malformed(WHAT2, "it has another form");
      }
      return node;
    });
  }
  function parseExtra(raw) {
    const reader = new Reader(raw, WHAT2);
    const label = domain("extra");
    if (!equal(raw.subarray(0, label.length), label)) {
      throw refused5("it has another form");
    }
    reader.raw(label.length);
    const extra = {
      entry: sized(reader),
      data: sized(reader),
      transaction: sized(reader),
      inner: innerOf(reader),
      binding: bindingOf(reader)
    };
    reader.end();
    return extra;
  }
  var refused5 = (why) => new Refused("EncodingError", { what: WHAT2, why });
  var sized = (reader) => reader.raw(reader.u32());
  function several(reader, most, take2) {
    const count = reader.u8();
    if (count > most) {
      throw refused5("it is too long");
    }
    return Array.from({ length: count }, take2);
  }
  var treePath = (reader) => ({
    index: reader.u32(),
    size: reader.u32(),
    nodes: several(reader, MOST_NODES, () => reader.raw(32))
  });
  function innerOf(reader) {
    switch (reader.u8()) {
      case 0:
        return null;
      case 1:
        return { kind: "step", step: sized(reader), goesOn: reader.u8(), path: treePath(reader) };
      case 2:
        return { kind: "leaf", leaf: reader.raw(32), path: treePath(reader) };
      case 3:
        return { kind: "line", line: sized(reader), path: treePath(reader), batch: sized(reader), above: treePath(reader) };
      case 4:
        return { kind: "clusterStep", step: sized(reader), goesOn: reader.u8(), path: treePath(reader), above: treePath(reader) };
      default:
        throw refused5("it has another form");
    }
  }
  function bindingOf(reader) {
    const kind = reader.u8();
    if (kind === 0) {
      return null;
    }
    if (kind !== 1) {
      throw refused5("it has another form");
    }
    const nodes = () => several(reader, MOST_TRIE_NODES, () => sized(reader));
    return { header: sized(reader), transactionIndex: reader.u32(), event: reader.u8(), receipts: nodes(), transactions: nodes() };
  }

  // webui/client/verify/step.js
  var BODY_CAP = 1 << 18;
  var SIGNATURE_BYTES2 = 65;
  var POINT_BYTES = 33;
  var PROPOSED = 9n;
  var LENGTHS = { mask_key: POINT_BYTES, transport_key: POINT_BYTES, signature: SIGNATURE_BYTES2 };
  var refused6 = (why) => new Refused("EncodingError", { what: "step", why });
  function parseStep(bytes) {
    const reader = new Reader(bytes, "step");
    const [account2, length] = [toHex(reader.raw(20)), reader.u32()];
    if (length > BODY_CAP) {
      throw refused6("it is too long");
    }
    const body = reader.raw(length);
    reader.raw(SIGNATURE_BYTES2);
    reader.end();
    return { account: account2, body };
  }
  var stepLeaf = (bytes, goesOn) => new Writer("stepleaf").u8(goesOn).raw(sha2562(bytes), 32).digest();
  function stepRecord({ account: account2, body }, phase, round) {
    const name = STEPS[String(phase ?? PROPOSED)];
    if (name === void 0) {
      throw refused6("it has another form");
    }
    const names = RECORDS[name].event.slice(2).map(([field]) => field);
    const reader = new Reader(body, "step");
    const parts = lengthsOf(name, names, body.length).map((length) => reader.raw(length));
    reader.end();
    return { name, fields: { sender: account2, round, ...Object.fromEntries(names.map((field, at) => [field, parts[at]])) } };
  }
  function lengthsOf(name, names, length) {
    if (name === "SharesChecked") {
      return [length];
    }
    if (name === "SharesDealt") {
      const half = (length - 32) / 2;
      if (half < 0 || !Number.isInteger(half)) {
        throw refused6("it has another form");
      }
      return [half, half, 32];
    }
    return names.map((field) => LENGTHS[field] ?? 32);
  }

  // webui/client/verify/tree.js
  var LEAF2 = Uint8Array.of(0);
  var NODE = Uint8Array.of(1);
  var leafHash = (bytes) => sha2562(concat(LEAF2, bytes));
  var nodeHash = (left, right) => sha2562(concat(NODE, left, right));
  function rootFrom(leaf, index, size, path, step = 5) {
    if (index >= size) {
      throw changed(step, "the path from the record does not lead to the root that the log signed");
    }
    let [at, last, digest2] = [index, size - 1n, leaf];
    for (const node of path) {
      if (last === 0n) {
        throw changed(step, "the path from the record does not lead to the root that the log signed");
      }
      if ((at & 1n) === 1n || at === last) {
        digest2 = nodeHash(node, digest2);
        while ((at & 1n) === 0n && at !== 0n) {
          [at, last] = [at >> 1n, last >> 1n];
        }
      } else {
        digest2 = nodeHash(digest2, node);
      }
      [at, last] = [at >> 1n, last >> 1n];
    }
    if (last !== 0n) {
      throw changed(step, "the path from the record does not lead to the root that the log signed");
    }
    return digest2;
  }
  function checkUnder(leaf, path, root) {
    const found = () => rootFrom(leafHash(leaf), BigInt(path.index), BigInt(path.size), path.nodes, 8);
    const why = "what it shows inside the record is not under the record's root";
    try {
      if (!equal(found(), root)) {
        throw changed(8, why);
      }
    } catch (error) {
      throw error.name === "ProofChanged" ? changed(8, why) : error;
    }
  }

  // webui/client/verify/check.js
  var QBFT2 = "qbft";
  var ACCESS_LINE = "hemaledger-access-line-1\n";
  var ACCESS_BATCH = "hemaledger-access-batch-1\n";
  var BATCH_FIELDS = 5;
  var BATCH_CAP = 4096;
  var FEWEST_CLUSTERS = 2;
  function verify(data, trust) {
    const proof = parseProof(data);
    checkLog(proof, trust);
    const cosigned = checkWitnesses(proof, trust);
    const { event, record } = checkEntry(proof, trust);
    checkInclusion(proof);
    checkAuthor(event, record, proof.extra.transaction);
    const bound = checkBinding(proof, trust);
    const inner = checkInner(proof.extra.inner, record);
    return { record, event, index: proof.index, checkpoint: proof.checkpoint, cosigned, bound, ...inner };
  }
  function checkLog({ note, checkpoint }, trust) {
    const wrong = (why) => new Failed("LogSignatureInvalid", { why });
    if (checkpoint.origin !== trust.origin) {
      throw wrong("the checkpoint is of another log than that of your trust file");
    }
    let signed2 = false;
    for (const line of note.lines) {
      for (const key of trust.policy.logs) {
        if (key.name === checkpoint.origin && isOf(line, key)) {
          if (!logSigned(line, key, note.text)) {
            throw wrong("its signature is not of this checkpoint");
          }
          if (signed2) {
            throw wrong("it has two signatures of the log");
          }
          signed2 = true;
        }
      }
    }
    if (!signed2) {
      throw wrong("no log of your trust file signed the checkpoint");
    }
  }
  function checkWitnesses({ note }, { policy }) {
    const cosigned = /* @__PURE__ */ new Map();
    for (const line of note.lines) {
      for (const [witness, key] of policy.witnesses) {
        if (isOf(line, key)) {
          const time = cosignedAt(line, key, note.text);
          const wrong = (why) => new Failed("CosignatureInvalid", { witness, why });
          if (time === null) {
            throw wrong("its signature is not of this checkpoint and time");
          }
          if (cosigned.has(witness)) {
            throw wrong("it is there twice");
          }
          cosigned.set(witness, time);
        }
      }
    }
    if (!isMet(policy, cosigned)) {
      throw new Failed("WitnessesMissing", { cosigned: cosigned.size, known: policy.witnesses.size, quorum: policy.quorum });
    }
    return cosigned;
  }
  function checkEntry({ extra }, trust) {
    return reading(() => {
      const event = parseEntry(extra.entry, extra.data);
      const ours = equal(event.consortium, trust.consortium) && event.chainId === trust.chainId;
      if (!ours || ![trust.authority, ...trust.ledgers].includes(event.contract)) {
        throw changed(4, "its record is of another consortium, chain or contract than your trust file names");
      }
      const contract = event.contract === trust.authority ? "KeyAuthority" : "FederationLedger";
      return { event, record: recordOf(contract, event.topics, event.data) };
    }, ({ facts }) => malformed("proof", facts.why, facts));
  }
  function checkInclusion({ extra, index, path, checkpoint }) {
    if (!equal(rootFrom(leafHash(extra.entry), index, checkpoint.size, path), checkpoint.root)) {
      throw changed(5, "the path from the record does not lead to the root that the log signed");
    }
  }
  function checkAuthor(event, record, transaction) {
    const call = reading(() => parseSigned(transaction), ({ facts }) => changed(6, facts.why));
    if (!equal(keccak_256(transaction), event.transaction)) {
      throw changed(6, "the transaction in it is not the one that the entry names");
    }
    const why = strange(record, event.contract, call, event.chainId);
    if (why !== null) {
      throw new Failed("ProofChanged", { step: 6, why: "its sender did not sign this record: {reason}", reason: why });
    }
  }
  function checkBinding({ extra, checkpoint }, trust) {
    if (extra.binding === null) {
      return null;
    }
    const bound = boundEvent(extra.binding, trust.chainId, trust.consensus);
    const { name, fields } = bound.record;
    if (!trust.ledgers.includes(bound.contract) || name !== "CheckpointAnchored") {
      throw unbound("the event in it is not a checkpoint on a ledger of your trust file");
    }
    if (fields.size !== checkpoint.size || !equal(fields.root, checkpoint.root)) {
      throw unbound("the ledger holds another checkpoint than this one");
    }
    if (!trust.keepers.includes(fields.sender)) {
      throw unbound("who put the checkpoint on the ledger is not a keeper of your trust file");
    }
    const validators = new Set(trust.validators);
    bound.sealed = [...bound.sealers].filter((each) => validators.has(each)).length;
    if (trust.consensus === QBFT2 && 3 * bound.sealed <= 2 * trust.validators.length) {
      throw unbound("only {sealed} of the {known} validators sealed the block", { sealed: bound.sealed, known: trust.validators.length });
    }
    return bound;
  }
  function checkInner(inner, { name, fields }) {
    const nothing = { step: null, leaf: null, line: null, path: null };
    if (inner === null) {
      return nothing;
    }
    return reading(() => {
      if (inner.kind === "step" && (name === "StepsAnchored" || name === "WideFinalised")) {
        return { ...nothing, step: checkStep(inner, { name, fields }) };
      }
      if (inner.kind === "clusterStep" && name === "StepsAnchored") {
        return { ...nothing, step: checkClusterStep(inner, fields) };
      }
      if (inner.kind === "leaf" && name === "RecordsAnchored") {
        checkUnder(inner.leaf, inner.path, fields.root);
        return { ...nothing, leaf: inner.leaf, path: inner.path };
      }
      if (inner.kind === "line" && name === "RecordsAnchored") {
        checkUnder(sha2562(inner.line), inner.path, accessRoot(inner));
        checkUnder(sha2562(inner.batch), inner.above, fields.root);
        return { ...nothing, line: inner.line };
      }
      throw changed(8, "what it shows inside the record is not what such a record holds");
    }, ({ facts }) => malformed("proof", facts.why, facts));
  }
  function checkStep(inner, { name, fields }) {
    const step = steppedBy(inner);
    if (BigInt(inner.path.size) !== fields.count) {
      throw changed(8, "the record holds another number of steps");
    }
    checkUnder(stepLeaf(inner.step, inner.goesOn), inner.path, fields.root);
    return stepRecord(step, name === "StepsAnchored" ? fields.phase : null, fields.round);
  }
  function checkClusterStep(inner, fields) {
    const step = steppedBy(inner);
    const { path, above } = inner;
    if (above.size < FEWEST_CLUSTERS || BigInt(Math.max(path.size, above.size)) > fields.count) {
      throw changed(8, "the record holds another number of steps");
    }
    const leaf = leafHash(stepLeaf(inner.step, inner.goesOn));
    checkUnder(rootFrom(leaf, BigInt(path.index), BigInt(path.size), path.nodes, 8), above, fields.root);
    return stepRecord(step, fields.phase, fields.round);
  }
  function steppedBy({ step, goesOn }) {
    if (goesOn > 1) {
      throw malformed("proof", "it has another form");
    }
    return parseStep(step);
  }
  function accessRoot({ line, batch }) {
    const begins = (bytes, label) => equal(bytes.subarray(0, label.length), ascii(label));
    if (!begins(line, ACCESS_LINE) || !begins(batch, ACCESS_BATCH)) {
      throw malformed("proof", "it has another form");
    }
    const fields = parseJson(batch.slice(ACCESS_BATCH.length), "proof", BATCH_CAP);
    const root = Array.isArray(fields) && fields.length === BATCH_FIELDS ? fields.at(-1) : null;
    if (typeof root !== "string") {
      throw malformed("proof", "it has another form");
    }
    return fromHex(root.replace(/^0x/, "").toLowerCase(), "proof", 32);
  }

  // webui/client/verify/receipt.js
  var RECEIPT_CAP = 256 * 1024;
  var FORMATS = ["hemaledger-receipt-1", "hemaledger-receipt-2"];
  var FIELDS = ["format", "core", "salt", "leaf", "ledger", "proof", "software", "issued_at", "model_now"];
  var WHAT3 = "receipt";
  var otherForm2 = () => malformed(WHAT3, "it has another form");
  var differs = (why) => new Failed("ReceiptChanged", { why });
  function verifyReceipt(data, trust) {
    const fields = parseJson(data, WHAT3, RECEIPT_CAP);
    if (!(fields instanceof Map)) {
      throw otherForm2();
    }
    if (!FORMATS.includes(fields.get("format"))) {
      throw malformed(WHAT3, "its format is unknown");
    }
    if ([...fields.keys()].some((name) => !FIELDS.includes(name))) {
      throw otherForm2();
    }
    const [core, salt, leaf] = [fields.get("core"), digest(fields.get("salt")), digest(fields.get("leaf"))];
    if (!(core instanceof Map)) {
      throw otherForm2();
    }
    if (!equal(salted("leaf", salt, canonical(core)), leaf)) {
      throw differs("what it says is not what its fingerprint stands for");
    }
    const text2 = proofText(fields.get("proof"));
    const superseded = fields.has("model_now");
    return { core, salt, leaf, superseded, proven: text2 === null ? null : provenOf(utf8(text2), fields, leaf, trust) };
  }
  function proofText(proof) {
    if (proof === void 0) {
      return null;
    }
    if (!(proof instanceof Map)) {
      throw otherForm2();
    }
    const text2 = proof.get("tlog_proof");
    if (proof.get("state") === "there" && typeof text2 === "string") {
      return text2;
    }
    if (proof.get("state") === "waits") {
      return null;
    }
    throw otherForm2();
  }
  function provenOf(bytes, fields, leaf, trust) {
    const proven = verify(bytes, trust);
    if (proven.leaf === null || !equal(proven.leaf, leaf)) {
      throw differs("its proof is of another answer");
    }
    const { sender, batch, root } = proven.record.fields;
    if (toHex(digest(fields.get("core").get("hospital"), 20)) !== sender) {
      throw differs("another hospital than the one that it names recorded it");
    }
    const { index, size, nodes } = proven.path;
    const told = fields.get("ledger");
    if (!(told instanceof Map)) {
      throw otherForm2();
    }
    const facts = {
      consortium: trust.consortium,
      chain_id: trust.chainId,
      key_authority: fromHex(trust.authority, WHAT3),
      batch,
      root,
      index,
      size,
      hospital: fromHex(sender, WHAT3),
      block: proven.event.block,
      transaction: proven.event.transaction
    };
    const isSame = told.size === Object.keys(facts).length + 1 && Object.entries(facts).every(([name, value]) => isTold(told.get(name), value)) && Array.isArray(told.get("path")) && told.get("path").length === nodes.length && nodes.every((node, at) => isTold(told.get("path")[at], node));
    if (!isSame) {
      throw differs("its place on the ledger is not the one that its proof shows");
    }
    return proven;
  }
  var isTold = (value, wanted) => wanted instanceof Uint8Array ? value === `0x${toHex(wanted)}` : value instanceof Numeral && value.toString() === String(wanted);
  function digest(value, length = 32) {
    if (typeof value !== "string" || !value.startsWith("0x")) {
      throw otherForm2();
    }
    return reading(() => fromHex(value.slice(2), WHAT3, length), ({ facts }) => malformed(WHAT3, facts.why, facts));
  }
  var salted = (label, salt, bytes) => saltedDigest(label, salt, sha2562(bytes));
  var saltedDigest = (label, salt, inside) => sha2562(concat(domain(label), salt, inside));
  function pictureOf({ core, salt }, found) {
    const pictures = core.get("pictures");
    const wanted = `0x${toHex(saltedDigest("picture", salt, found))}`;
    return Array.isArray(pictures) ? pictures.findIndex((one) => one instanceof Map && one.get("digest") === wanted) + 1 : 0;
  }

  // webui/client/verify/trust.js
  var TRUST_CAP = 256 * 1024;
  var FORMAT = "hemaledger-trust-1";
  var FIELDS2 = ["authority", "chain_id", "consensus", "consortium", "format", "keepers", "ledgers", "made_at", "members", "policy", "validators"];
  var MOST_ACCOUNTS = 4096;
  var CODE_DIGITS = 20;
  var WHAT4 = "trust file";
  function parseTrust(data) {
    const fields = parseJson(data, WHAT4, TRUST_CAP);
    if (!(fields instanceof Map) || [...fields.keys()].join() !== FIELDS2.join() || !equal(canonical(fields), data)) {
      throw malformed(WHAT4, "it is not in canonical form");
    }
    return reading(() => trustOf(fields, data), ({ facts }) => malformed(WHAT4, facts.why, facts));
  }
  function trustOf(fields, data) {
    if (fields.get("format") !== FORMAT) {
      throw malformed(WHAT4, "its format is unknown");
    }
    const consensus = fields.get("consensus");
    if (consensus !== "none" && consensus !== "qbft") {
      throw malformed(WHAT4, "it has another form");
    }
    const consortium = fromHex(shown(fields.get("consortium")), WHAT4, 32);
    const policy = parsePolicy(text(fields.get("policy")));
    if (policyText(policy) !== fields.get("policy")) {
      throw malformed(WHAT4, "it is not in canonical form");
    }
    return {
      consortium,
      chainId: integer(fields.get("chain_id")),
      authority: account(fields.get("authority")),
      ledgers: list(fields, "ledgers").map(account),
      policy,
      keepers: list(fields, "keepers").map(account),
      members: firstOnes(list(fields, "members").map(member)),
      consensus,
      validators: list(fields, "validators").map(account),
      origin: `hemaledger/${toHex(consortium)}`,
      madeAt: Number(integer(fields.get("made_at"))),
      code: toHex(sha2562(data)).slice(0, CODE_DIGITS)
    };
  }
  function firstOnes(members) {
    const found = /* @__PURE__ */ new Map();
    for (const [account2, one] of members) {
      if (!found.has(account2)) {
        found.set(account2, one);
      }
    }
    return found;
  }
  function member(value) {
    if (!(value instanceof Map) || [...value.keys()].join() !== "account,name,role") {
      throw malformed(WHAT4, "it has another form");
    }
    const role = NAMES.Role[String(integer(value.get("role")))];
    if (role === void 0) {
      throw malformed(WHAT4, "it has another form");
    }
    return [account(value.get("account")), { name: text(value.get("name")), role }];
  }
  function list(fields, name) {
    const found = fields.get(name);
    if (!Array.isArray(found) || found.length > MOST_ACCOUNTS) {
      throw malformed(WHAT4, "it has another form");
    }
    return found;
  }
  function integer(value) {
    if (!(value instanceof Numeral) || !value.isInteger) {
      throw malformed(WHAT4, "it has another form");
    }
    return value.value;
  }
  function text(value) {
    if (typeof value !== "string") {
      throw malformed(WHAT4, "it has another form");
    }
    return value;
  }
  function shown(value) {
    if (!text(value).startsWith("0x")) {
      throw malformed(WHAT4, "it is not in canonical form");
    }
    return value.slice(2);
  }
  var account = (value) => toHex(fromHex(shown(value), WHAT4, 20));

  // webui/client/verify/words.js
  var UNSEEN = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;
  var SHORT2 = 12;
  var LONGEST = 200;
  var NEWLINE = 10;
  var [LINE_FIELDS, LINE_CAP] = [10, 4096];
  var ROLES = { OPERATOR: "operator", HOSPITAL: "hospital", COORDINATOR: "coordinator", AUDITOR: "auditor", TRUSTEE: "trustee" };
  var SENTENCES3 = {
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
    StatementMade: "{who} stated {kind}: {text} ({digest})."
  };
  var LABELS = {
    digest: "Digest",
    model_digest: "Model digest",
    report_digest: "Digest of the report",
    file_digest: "Digest of the file",
    envelope_digest: "Digest of the sealed file",
    root: "Root",
    public_key: "Public key",
    proof: "Proof of the key"
  };
  var labelOf = (voice, field) => voice.say(LABELS[field] ?? field);
  var Voice = class {
    /**
     * @param {string} language As in `<html lang>`.
     * @param {Record<string, string>} words By the English text; empty for English.
     * @param {string} [zone] A time zone; without it, that of the device.
     */
    constructor(language, words, zone) {
      this.words = words;
      this.language = language === "en" ? "en-GB" : language;
      this.zone = zone;
    }
    /** Return a text with facts in it; a fact is put in as it is, for it may come from a file. */
    say(text2, facts = {}) {
      return inWords(this.words, text2).replace(/\{(\w+)\}/g, (place, name) => Object.hasOwn(facts, name) ? String(facts[name]) : place);
    }
    /** Return a time, given in seconds since 1970, with its zone. */
    time(seconds) {
      const form = { dateStyle: "long", timeStyle: "long", timeZone: this.zone };
      return new Intl.DateTimeFormat(this.language, form).format(new Date(Number(seconds) * 1e3));
    }
    percent(share) {
      return new Intl.NumberFormat(this.language, { style: "percent", maximumFractionDigits: 1 }).format(share);
    }
    number(value) {
      return new Intl.NumberFormat(this.language).format(value);
    }
  };
  var shown2 = (text2) => {
    const seen = [...text2.replace(UNSEEN, "�")];
    return seen.length > LONGEST ? `${seen.slice(0, LONGEST).join("")}…` : seen.join("");
  };
  var short = (bytes) => bytes.length * 2 > SHORT2 + 4 ? `${toHex(bytes).slice(0, SHORT2)}…` : toHex(bytes);
  function named(voice, trust, account2) {
    const member2 = trust.members.get(account2);
    return member2 === void 0 ? `0x${account2}` : `${shown2(member2.name)} (${voice.say(ROLES[member2.role])})`;
  }
  function whatOf(voice, trust, { name, fields }) {
    const facts = Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, fact(value)]));
    if (name === "StatementMade") {
      facts.kind = NAMES.StatementKind[facts.kind] ?? facts.kind;
    }
    const who = named(voice, trust, fields.sender);
    return voice.say(SENTENCES3[name] ?? "{who} recorded the event {event}.", { ...facts, who, event: name });
  }
  function fact(value) {
    if (value instanceof Uint8Array) {
      return short(value);
    }
    return typeof value === "string" ? shown2(value) : String(value);
  }
  var digestsOf = ({ record, step }) => [record, step].filter((each) => each !== null).flatMap(({ fields }) => Object.values(fields)).filter((value) => value instanceof Uint8Array && value.length === 32);
  function insideOf(voice, trust, { step, leaf, line }) {
    if (step !== null) {
      return voice.say("Inside: {what} The coordinator's batch holds this step.", { what: whatOf(voice, trust, step) });
    }
    if (leaf !== null) {
      return voice.say("Inside: the salted fingerprint {leaf} of one patient record or answer.", { leaf: short(leaf) });
    }
    return line === null ? null : lineOf(voice, line);
  }
  function lineOf(voice, line) {
    const text2 = new TextDecoder().decode(line.subarray(line.indexOf(NEWLINE) + 1));
    const fields = fieldsOf(text2);
    if (fields === null) {
      return voice.say("Inside: a line of the access log: {line}", { line: shown2(text2) });
    }
    const [number2, when, account2, role, event, page, about, , name] = fields.map((field) => shown2(String(field)));
    const facts = { number: number2, time: voice.time(when), account: account2, role, event, page, about, name: name || voice.say("somebody") };
    return voice.say("Inside: line {number} of the access log. On {time}, {name} ({role}, account {account} of this hospital): {event} {page}, {about}.", facts);
  }
  function fieldsOf(text2) {
    try {
      const fields = parseJson(utf8(text2), "proof", LINE_CAP);
      return Array.isArray(fields) && fields.length === LINE_FIELDS && isTime(fields[1]) ? fields : null;
    } catch {
      return null;
    }
  }
  var isTime = (value) => value instanceof Numeral && value.isInteger && value.value >= 0n && value.value < 2n ** 33n;
  var cosigners = (voice, trust, { cosigned }) => [...cosigned].map(([witness, time]) => {
    const account2 = /\/0x([0-9a-f]{40})$/.exec(trust.policy.witnesses.get(witness).name)?.[1] ?? "";
    return `${named(voice, trust, account2)}, ${voice.time(time)}`;
  });
  function tieOf(voice, trust, { bound }) {
    if (bound === null) {
      return voice.say("Nothing in it ties the checkpoint to the chain: the log and its witnesses vouch for it.");
    }
    const facts = {
      keeper: named(voice, trust, bound.record.fields.sender),
      block: bound.block,
      sealed: bound.sealed,
      known: trust.validators.length
    };
    return voice.say(bound.sealed > 0 ? "{keeper} recorded the checkpoint in block {block} of the chain; {sealed} of the {known} validators sealed this block." : "{keeper} signed the transaction that records the checkpoint. That block {block} with it is on the chain cannot be checked offline: the witnesses looked before they cosigned.", facts);
  }
  function limitsOf(voice, trust, { record, step }) {
    const limits = [];
    if (record.name === "RoundFinalised" || record.name === "WideFinalised") {
      limits.push(voice.say("The contract itself wrote the model's digest; the sender did not sign it. For it the log and the witnesses vouch."));
    }
    if (step !== null) {
      limits.push(voice.say("The step's own signature was not checked."));
    }
    return [
      ...limits,
      voice.say("It shows that this was recorded, never that something else was not: for example not that a key was never revoked."),
      voice.say(trust.policy.witnesses.size > 0 ? "If all these witnesses lie together, or all ask one computer that lies, it shows nothing." : "Your trust file names no witnesses: only the log's own signature was checked.")
    ];
  }
  var limitsOfReceipt = (voice) => [
    voice.say("It does not show that the answer is right. Only a doctor makes a diagnosis."),
    voice.say("It does not show whose picture or values these are: it names nobody.")
  ];
  function coreFacts(voice, core) {
    const found = [];
    const add2 = (name, text2, isLong = false) => {
      if (text2 !== null) {
        found.push([voice.say(name), text2, isLong]);
      }
    };
    const [answer, model, classes] = [part(core, "answer"), part(core, "model"), part(core, "classes")];
    const className = (code2) => shown2(voice.say(String(classes.get(code2) ?? code2)));
    add2("Checked", isTime(core.get("checked_at")) ? voice.time(core.get("checked_at")) : null);
    if (core.has("row")) {
      const risk = ["probability", "low", "high"].map((name) => numeral2(answer.get(name), (value) => voice.percent(value)));
      add2("Answer", risk.includes(null) ? null : `${shown2(voice.say(String(core.get("about"))))}: ${risk[0]} (${risk[1]} – ${risk[2]})`);
      add2("Looked at", voice.say("one row of the table {table}", { table: shown2(String(core.get("table"))) }));
    } else {
      add2("Answer", typeof answer.get("label") === "string" ? className(answer.get("label")) : null);
      const shares = [...part(answer, "shares")].map(([code2, share]) => [className(code2), numeral2(share, (value) => voice.percent(value))]);
      const isWhole = shares.length > 0 && shares.every(([, share]) => share !== null);
      add2("Share of each class", isWhole ? shares.map((each) => each.join(" ")).join(", ") : null);
      const kept = answer.get("kept");
      add2("Still possible", Array.isArray(kept) && kept.length > 0 ? kept.map((code2) => className(String(code2))).join(", ") : null);
      add2("Pictures", Array.isArray(core.get("pictures")) ? voice.number(core.get("pictures").length) : null);
    }
    add2("Program", textIn(part(core, "pipeline"), "software"));
    add2("Answered by the server of", textIn(part(core, "route"), "server"));
    const trustees = part(core, "private").get("trustees");
    add2("Came by the private way", Array.isArray(trustees) ? trustees.map((one) => shown2(String(one))).join(", ") : null);
    add2("Model", numeral2(model.get("round"), (round) => voice.say("of round {round}", { round })));
    add2("Model digest", textIn(model, "model_digest"), true);
    return found;
  }
  var part = (map, name) => map.get(name) instanceof Map ? map.get(name) : /* @__PURE__ */ new Map();
  var textIn = (map, name) => typeof map.get(name) === "string" ? shown2(map.get(name)) : null;
  var numeral2 = (value, write) => value instanceof Numeral ? write(Number(value.value)) : null;

  // webui/client/verify/verdict.js
  var MOST_NAMES = 12;
  function made(tag, className, ...inside) {
    const element = document.createElement(tag);
    if (className !== "") {
      element.className = className;
    }
    element.append(...inside.filter((each) => each !== null));
    return element;
  }
  var heading = (text2) => made("h3", "h5", text2);
  var listOf2 = (className, texts) => made("ul", className, ...texts.map((text2) => made("li", "", text2)));
  var factList = (pairs) => made("dl", "facts", ...pairs.map(([name, value, wide]) => made("div", wide ? "wide" : "", made("dt", "", name), made("dd", "", value))));
  var code = (text2) => made("code", "digest-text", text2);
  function fill(place, tone, ...inside) {
    place.className = `panel result result-${tone}`;
    place.replaceChildren(...inside.filter((each) => each !== null));
  }
  function showFailure(voice, place, { name, error }) {
    const titles = {
      ProofMalformed: ["wait", "This cannot be checked"],
      TrustMissing: ["wait", "This cannot be checked"],
      WitnessesMissing: ["wait", "This is not enough"]
    };
    const [tone, title2] = titles[error.name] ?? ["bad", "This does not hold"];
    const bad = tone === "bad" ? voice.say("Do not rely on this file. Ask who gave it to you for another copy; keep this one as evidence.") : null;
    place.dataset.verdict = error.name;
    fill(
      place,
      tone,
      made("p", "eyebrow", shown2(name)),
      made("h2", "h4", voice.say(title2)),
      made("p", "lead-2", error.inLanguage(voice.words)),
      bad === null ? null : made("p", "mb-0", bad)
    );
  }
  function showVerdict(voice, place, said) {
    const { proven, shown: shown3, name } = said;
    if (proven === void 0 && shown3 === void 0) {
      return;
    }
    const tone = proven === null ? "wait" : said.compared.some(({ fits }) => fits !== true) ? "bad" : "good";
    place.dataset.verdict = proven === null ? "waits" : tone === "bad" ? "other-file" : "holds";
    fill(
      place,
      tone,
      made("p", "eyebrow", shown2(name)),
      made("h2", "h4", title(voice, said, tone)),
      ...comparisons(voice, said),
      ...shown3 === void 0 ? [] : receiptParts(voice, shown3),
      ...proven === null ? [] : proofParts(voice, said),
      heading(voice.say("What it does not show")),
      listOf2("mb-0", [
        ...shown3 === void 0 ? [] : limitsOfReceipt(voice),
        ...proven === null ? [] : limitsOf(voice, said.trust, proven)
      ])
    );
  }
  function title(voice, { proven, shown: shown3 }, tone) {
    if (proven === null) {
      return voice.say("The receipt fits its fingerprint, but it has no proof yet");
    }
    if (shown3 === void 0) {
      return voice.say(tone === "bad" ? "The proof holds, but it is about another file" : "The proof holds");
    }
    return voice.say(tone === "bad" ? "The receipt holds, but it is about another picture" : "The receipt is unchanged, and its proof holds");
  }
  function comparisons(voice, { compared: compared2, shown: shown3 }) {
    const text2 = (one) => {
      const facts = { name: shown2(one.name), digest: one.digest, picture: one.picture };
      if (one.fits === null) {
        return voice.say("{name} is too large to compare here.", facts);
      }
      if (shown3 === void 0) {
        return voice.say(one.fits ? "{name} is the recorded file: its SHA-256 is in the record." : "{name} is another file: its SHA-256 is {digest}.", facts);
      }
      return voice.say(one.fits ? "{name} is picture {picture} of the receipt." : "{name} is not a picture of this receipt, bit for bit. Take the picture that you saved from the page of the result.", facts);
    };
    return compared2.map((one) => made("p", one.fits ? "note note-good compared" : "note note-bad compared", text2(one)));
  }
  function receiptParts(voice, { core, leaf, superseded, proven }) {
    const waits = proven === null ? made("p", "", voice.say("Nobody can tell from this file alone who made it. Download the receipt again on another day, or compare it with the ledger on the site of the hospital.")) : null;
    const old = superseded ? made("p", "note note-bad", voice.say("The hospital's site says that the model of this answer is no longer in use: ask for a new check. The proof does not cover this sentence.")) : null;
    return [
      old,
      waits,
      heading(voice.say("What it says")),
      factList([...coreFacts(voice, core).map(([name, text2, isLong]) => [name, isLong ? code(text2) : text2, isLong]), [voice.say("Fingerprint"), code(toHex(leaf)), true]])
    ];
  }
  function proofParts(voice, { proven, shown: shown3, trust }) {
    const { record, event, checkpoint, index } = proven;
    const names = cosigners(voice, trust, proven);
    const facts = { count: names.length, known: trust.policy.witnesses.size, size: voice.number(checkpoint.size) };
    const inside = shown3 === void 0 ? insideOf(voice, trust, proven) : null;
    return [
      heading(voice.say("What was recorded")),
      made("p", "lead-2", whatOf(voice, trust, record)),
      inside === null ? null : made("p", "", inside),
      factList([[voice.say("Recorded"), voice.time(event.time)], [voice.say("Block"), voice.number(event.block)]]),
      heading(voice.say("Who cosigned")),
      made("p", "", voice.say("{count} of {known} witnesses cosigned the checkpoint over {size} entries. Each replayed the ledger by its own computer.", facts)),
      listOf2("", names),
      made("p", "", tieOf(voice, trust, proven)),
      made("details", "details", made("summary", "", voice.say("Facts for experts")), factList([
        [voice.say("Entry of the log"), voice.say("{index} of {size}", { index: voice.number(index), size: facts.size })],
        [voice.say("Signed transaction"), code(toHex(event.transaction)), true],
        ...[record, proven.step].flatMap((each) => Object.entries(each?.fields ?? {})).filter(([, value]) => value instanceof Uint8Array).map(([name, value]) => [labelOf(voice, name), code(toHex(value)), true])
      ]))
    ];
  }
  function showTrust(voice, place, { trust, own, error }, hospital) {
    place.dataset.code = trust?.code ?? "";
    if (trust === null) {
      const text2 = own && error !== void 0 ? error.inLanguage(voice.words) : voice.say("This page has no trust file. Choose one that a member of the consortium gave you.");
      place.replaceChildren(made("p", own ? "note note-bad" : "note note-wait", text2));
      return;
    }
    const from = own ? voice.say("You chose this trust file.") : voice.say("This trust file comes from the site of {hospital}. If your proof or receipt comes from there too, this site could have made up both. Compare the code by phone with another member, or choose a trust file that you got elsewhere.", { hospital });
    const names = [...trust.members.values()].map(({ name }) => shown2(name));
    const members = [...names.slice(0, MOST_NAMES), ...names.length > MOST_NAMES ? ["…"] : []].join(", ");
    place.replaceChildren(
      made("p", "", from),
      made("p", "code-line", `${voice.say("Code of the trust file")} `, made("strong", "trust-code", trust.code.replace(/(.{4})(?=.)/g, "$1 "))),
      made("p", "fine", voice.say("As of {time}. Members: {members}.", { time: voice.time(trust.madeAt), members }))
    );
  }

  // webui/client/verify/page.js
  var FILE_CAP = 4 * 1024 ** 3;
  var MOST_FILES = 32;
  function control(place) {
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
      if (mine !== turn) {
        return;
      }
      showTrust(voice, one("trusted"), said, place.dataset.hospital);
      if (said.error !== void 0) {
        showFailure(voice, result, said);
      } else {
        showVerdict(voice, result, said);
      }
      result.hidden = proof.files.length === 0;
      if (!result.hidden) {
        result.focus();
      }
    };
    for (const input of [proof, files, trust]) {
      input.addEventListener("change", judge);
    }
    acceptDrops(place, (dropped) => {
      proof.files = dropped;
      judge();
    });
    one("form").addEventListener("submit", (event) => event.preventDefault());
    one("form").hidden = false;
    judge();
  }
  async function verdictOf({ proof, files, trust: chosen, site }) {
    const said = { name: proof?.name ?? "", own: chosen !== void 0, trust: null, compared: [] };
    try {
      said.trust = await trustOf2(chosen, site);
      if (proof === void 0) {
        return said;
      }
      const data = await bytesOf(proof, RECEIPT_CAP);
      if (said.trust === null) {
        throw new Failed("TrustMissing");
      }
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
  async function trustOf2(chosen, site) {
    if (chosen !== void 0) {
      return parseTrust(await bytesOf(chosen, TRUST_CAP));
    }
    return site === null ? null : parseTrust(new TextEncoder().encode(site));
  }
  var bytesOf = async (file, cap) => new Uint8Array(await file.slice(0, Math.max(cap, PROOF_CAP) + 1).arrayBuffer());
  async function compared(files, { proven, shown: shown3 }) {
    const found = [];
    for (const file of files.slice(0, MOST_FILES)) {
      const digest2 = file.size > FILE_CAP ? null : await digestOf(file);
      if (digest2 === null) {
        found.push({ name: file.name, digest: "", fits: null });
      } else if (shown3 !== void 0) {
        const picture = pictureOf(shown3, digest2);
        found.push({ name: file.name, digest: toHex(digest2), fits: picture > 0, picture });
      } else {
        found.push({ name: file.name, digest: toHex(digest2), fits: digestsOf(proven).some((each) => equal(each, digest2)) });
      }
    }
    return found;
  }
  async function digestOf(file) {
    const state = sha256.create();
    const reader = file.stream().getReader();
    for (let part2 = await reader.read(); !part2.done; part2 = await reader.read()) {
      state.update(part2.value);
    }
    return state.digest();
  }
  function acceptDrops(place, take2) {
    const over = (event, on) => {
      if (![...event.dataTransfer?.types ?? []].includes("Files") || event.target.closest?.("input[type=file]")) {
        return;
      }
      event.preventDefault();
      place.querySelector("[data-drop]").classList.toggle("drop-over", on);
    };
    window.addEventListener("dragover", (event) => over(event, true));
    window.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) {
        over(event, false);
      }
    });
    window.addEventListener("drop", (event) => {
      over(event, false);
      if (event.target.closest?.("input[type=file]") || event.dataTransfer.files.length === 0) {
        return;
      }
      const first = new DataTransfer();
      first.items.add(event.dataTransfer.files[0]);
      take2(first.files);
    });
  }

  // webui/client/verify/main.js
  if (typeof document !== "undefined") {
    const place = document.querySelector("[data-verifier]");
    if (place !== null) {
      control(place);
    }
  }
  return __toCommonJS(main_exports);
})();

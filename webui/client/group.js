/**
 * P-256 as the protocol uses it: strict parsing, a few operations, hashing to scalars and points.
 *
 * Invariant: only this module makes points and scalars from bytes, strictly; a point is never the identity.
 *
 * Source: PROTOCOL.md 2; SEC 1 v2.0, 2.3; RFC 9380 (P256_XMD:SHA-256_SSWU_RO_); RFC 9497, 4.3.
 * @noble/curves does the arithmetic. It tries to take the same time for all secrets, as far as a browser allows; nobody else
 * computes on the doctor's machine.
 */

import { p256, p256_hasher as hasher } from "@noble/curves/nist.js";

import { integerBytes, toInteger } from "./encoding.js";
import { Refused } from "./errors.js";

const { Point } = p256;
const FIELD = Point.Fp.ORDER;
/** n, the prime number of points. */
export const ORDER = Point.Fn.ORDER;
export const GENERATOR = Point.BASE;
export const SCALAR_BYTES = 32;
export const POINT_BYTES = 33;
export const UNCOMPRESSED_BYTES = 65;

const refuse = (why, facts = {}) => { throw new Refused("InvalidPoint", { ...facts, why }); };

/** Parse 32 bytes as a scalar of 0..n-1, or refuse with InvalidScalar. */
export function parseScalar(bytes) {
  const scalar = toInteger(bytes);
  if (bytes.length !== SCALAR_BYTES || scalar >= ORDER) {
    throw new Refused("InvalidScalar", { why: "it is not 32 bytes below the order of the group" });
  }
  return scalar;
}

/** Parse 32 bytes as a scalar of 1..n-1, or refuse with InvalidScalar. */
export function parseKey(bytes) {
  const scalar = parseScalar(bytes);
  if (scalar === 0n) {
    throw new Refused("InvalidScalar", { why: "a key is never 0" });
  }
  return scalar;
}

/** Return the 32 bytes of a scalar of 0..n-1. */
export const scalarBytes = (scalar) => integerBytes(scalar, SCALAR_BYTES);

/** Return a uniform scalar of 1..n-1 from the browser's randomness. */
export const randomScalar = () => toInteger(p256.utils.randomSecretKey());

/** Return the point of 33 compressed bytes, or refuse with InvalidPoint. */
export function decodePoint(bytes) {
  if (bytes.length !== POINT_BYTES) {
    refuse("it has {count} bytes, not {wanted}", { count: bytes.length, wanted: POINT_BYTES });
  }
  if (bytes[0] !== 2 && bytes[0] !== 3) {
    refuse("its tag is {tag}, not 2 or 3", { tag: bytes[0] });
  }
  return onCurve(bytes);
}

/** Return the point of 65 bytes 4 ‖ x ‖ y, or refuse with InvalidPoint. */
export function decodeUncompressed(bytes) {
  if (bytes.length !== UNCOMPRESSED_BYTES || bytes[0] !== 4) {
    refuse("it is not the byte 4 with two coordinates");
  }
  if (toInteger(bytes.subarray(POINT_BYTES)) >= FIELD) {
    refuse("a coordinate is not below p");
  }
  return onCurve(bytes);
}

function onCurve(bytes) {
  if (toInteger(bytes.subarray(1, POINT_BYTES)) >= FIELD) {
    refuse("a coordinate is not below p");
  }
  try {
    const point = Point.fromBytes(bytes);
    point.assertValidity();
    return point;
  } catch {
    return refuse("it is not on the curve");
  }
}

/** Return the 33 compressed bytes of a point. */
export const encodePoint = (point) => point.toBytes(true);

/** Return the 65 bytes 4 ‖ x ‖ y of a point. */
export const encodeUncompressed = (point) => point.toBytes(false);

/** Return scalar·point for a secret scalar of 1..n-1. */
export const mult = (scalar, point) => point.multiply(scalar);

/** Return scalar·point for a public scalar of 0..n-1. */
export const publicMult = (scalar, point) => point.multiplyUnsafe(scalar);

export const isIdentity = (point) => point.is0();

/** Return a scalar of 0..n-1 from a message and a domain separation tag. */
export const hashToScalar = (message, tag) => hasher.hashToScalar(message, { DST: tag });

/** Return a point whose discrete logarithm nobody knows. */
export const hashToCurve = (message, tag) => hasher.hashToCurve(message, { DST: tag });

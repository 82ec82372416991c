import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { AosError } from "../../kernel/index.ts";

/** An Ed25519 key that signs exports. @see RFC 8032 */
export interface SigningKey {
  /** The public key: SPKI DER in hex. */
  readonly publicKey: string;
  /** `sha256:` and the hash of the public key, by which others trust it. */
  readonly fingerprint: string;
  /** Signs UTF-8 text; hex. */
  sign(text: string): string;
}

/** Makes a new key, and the PEM (PKCS 8) to keep it in: a secret. */
export function newSigningKey(): { readonly key: SigningKey; readonly pem: string } {
  const { privateKey } = generateKeyPairSync("ed25519");
  return { key: keyOf(privateKey), pem: String(privateKey.export({ type: "pkcs8", format: "pem" })) };
}

/**
 * Reads a kept key.
 * @throws AosError CONFIG_INVALID where it is none; the message never shows it.
 */
export function readSigningKey(pem: string, where: string): SigningKey {
  let privateKey: KeyObject | undefined;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    privateKey = undefined;
  }
  if (privateKey?.asymmetricKeyType === "ed25519") return keyOf(privateKey);
  throw new AosError("CONFIG_INVALID", `${where} holds no Ed25519 private key; put the right file back, or remove it for a new key`, {
    details: { file: where },
  });
}

/** The fingerprint of a public key in hex. */
export function fingerprintOf(publicKey: string): string {
  return `sha256:${createHash("sha256").update(Buffer.from(publicKey, "hex")).digest("hex")}`;
}

/** Whether a public key in hex signed a text; false for whatever is no key or signature. */
export function hasSigned(publicKey: string, text: string, signature: string): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey, "hex"), format: "der", type: "spki" });
    return key.asymmetricKeyType === "ed25519" && verify(null, Buffer.from(text), key, Buffer.from(signature, "hex"));
  } catch {
    return false;
  }
}

function keyOf(privateKey: KeyObject): SigningKey {
  const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "der" }).toString("hex");
  return {
    publicKey,
    fingerprint: fingerprintOf(publicKey),
    sign: (text) => sign(null, Buffer.from(text), privateKey).toString("hex"),
  };
}

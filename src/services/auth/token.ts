/** Secrets have so many random bytes: 256 bits, so that a plain SHA-256 is enough to store them. */
const SECRET_BYTES = 32;

/** Fills and answers that many bytes from a generator that is fit for secrets. */
export type RandomBytes = (length: number) => Uint8Array;

/** Makes a token with a prefix: the credential of a local operator. `random` must be fit for secrets. */
export function newToken(prefix: string, random: RandomBytes): string {
  return `${prefix}_${newSecret(random)}`;
}

/** Makes the secret half of a key: 43 characters of base64url. */
export function newSecret(random: RandomBytes): string {
  return Buffer.from(random(SECRET_BYTES)).toString("base64url");
}

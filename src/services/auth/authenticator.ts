import { timingSafeEqual } from "node:crypto";
import { AosError, type Clock, type Hasher } from "../../kernel/index.ts";
import type { ApiKeys } from "./api-keys.ts";
import type { Principal } from "./principal.ts";

/** A credential that the system was given or made at its start: `AOS_API_KEY`, `operator.token`. */
export interface GivenCredential {
  readonly secret: string;
  readonly principal: Principal;
}

interface Known {
  readonly principal: Principal;
  readonly expiresAt: number;
}

const CACHE_MAX = 1_024;
const HEADER_MAX = 1_024;
const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;

/** Tells who calls from the Authorization header; who was seen before is found without hashing or reading. */
export class CachedAuthenticator {
  readonly #keys: ApiKeys;
  readonly #clock: Pick<Clock, "now">;
  readonly #hasher: Hasher;
  readonly #given: readonly { readonly hash: Uint8Array; readonly principal: Principal }[];
  /** By the whole header, the longest unused first. */
  readonly #cache = new Map<string, Known>();
  /** Rises with each revocation: what was read before one is not cached after it. */
  #epoch = 0;

  constructor(options: {
    readonly keys: ApiKeys;
    readonly clock: Pick<Clock, "now">;
    readonly hasher: Hasher;
    readonly given?: readonly GivenCredential[];
  }) {
    this.#keys = options.keys;
    this.#clock = options.clock;
    this.#hasher = options.hasher;
    this.#given = (options.given ?? []).map(({ secret, principal }) => ({
      hash: Buffer.from(options.hasher.sha256(secret)),
      principal,
    }));
    options.keys.onRevoked(() => {
      this.#epoch++;
      this.#cache.clear();
    });
  }

  /**
   * The principal of an Authorization header; at once where it was seen before.
   * @throws AosError UNAUTHENTICATED.
   */
  authenticate(header: string | undefined): Principal | Promise<Principal> {
    if (header === undefined) throw refused("this needs a credential: Authorization: Bearer <key>");
    const known = this.#cache.get(header);
    if (known === undefined) return this.#find(header);
    if (known.expiresAt > this.#clock.now()) return known.principal;
    this.#cache.delete(header);
    throw refused("the key has expired");
  }

  async #find(header: string): Promise<Principal> {
    const secret = header.length > HEADER_MAX ? undefined : BEARER.exec(header)?.[1];
    if (secret === undefined) throw refused("the Authorization header is not of the form: Bearer <key>");
    const hash = Buffer.from(this.#hasher.sha256(secret));
    const given = this.#given.find((each) => timingSafeEqual(each.hash, hash));
    if (given !== undefined)
      return this.#remember(header, {
        principal: given.principal,
        expiresAt: Number.POSITIVE_INFINITY,
      });
    const epoch = this.#epoch;
    const found = await this.#keys.find(secret);
    if (found === undefined) throw refused("the credential is unknown, revoked or expired");
    const known: Known = {
      principal: found.principal,
      expiresAt: found.expiresAt ?? Number.POSITIVE_INFINITY,
    };
    return epoch === this.#epoch ? this.#remember(header, known) : known.principal;
  }

  #remember(header: string, known: Known): Principal {
    if (this.#cache.size >= CACHE_MAX) {
      for (const oldest of this.#cache.keys()) {
        this.#cache.delete(oldest);
        break;
      }
    }
    this.#cache.set(header, known);
    return known.principal;
  }
}

function refused(message: string): AosError {
  return new AosError("UNAUTHENTICATED", message);
}

import { timingSafeEqual } from "node:crypto";
import { AosError, type Clock, type Hasher, type Ledger, type LedgerEntry } from "../../kernel/index.ts";
import { type Principal, type Scope, SCOPES } from "./principal.ts";
import { newSecret, type RandomBytes } from "./token.ts";

/** What a new key is to be. */
export interface NewApiKey {
  /** `default` unless given. */
  readonly tenant?: string | undefined;
  readonly scopes: readonly Scope[];
  /** Whether it may name another tenant with `AOS-Tenant`. */
  readonly isFleet?: boolean | undefined;
  /** What it is for, in the owner's words; at most 200 characters. */
  readonly note?: string | undefined;
  /** Epoch ms; for ever unless given. */
  readonly expiresAt?: number | undefined;
}

/** A key as it is listed: all but its secret. */
export interface ApiKeyInfo extends Principal {
  readonly note?: string | undefined;
  readonly createdAt: number;
  readonly expiresAt?: number | undefined;
}

/** What keys are made and kept with. */
export interface ApiKeysOptions {
  readonly ledger: Ledger;
  readonly clock: Pick<Clock, "now">;
  readonly hasher: Hasher;
  /** A generator that is fit for secrets. */
  readonly random: RandomBytes;
}

interface StoredKey extends ApiKeyInfo {
  /** SHA-256 of the whole key, hex. */
  readonly hash: string;
}

const CLASS = "api-key";
const KEY = /^aos_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;
const NOTE_MAX = 200;
const PAGE = 1_000;

/** API keys in the ledger: `aos_<id>_<secret>`, shown once, stored as a hash. */
export class ApiKeys {
  readonly #options: ApiKeysOptions;
  readonly #onChange = new Set<() => void>();

  constructor(options: ApiKeysOptions) {
    this.#options = options;
  }

  /**
   * Makes a key; its text is not kept and cannot be shown again.
   * @throws AosError USAGE where it has no scope or a note that is too long.
   */
  async create(wanted: NewApiKey): Promise<{ readonly key: string; readonly info: ApiKeyInfo }> {
    const { ledger, clock, hasher, random } = this.#options;
    if (wanted.scopes.length === 0 || !wanted.scopes.every((scope) => SCOPES.includes(scope))) {
      throw new AosError("USAGE", `a key needs one or more of the scopes ${SCOPES.join(", ")}`);
    }
    if ((wanted.note ?? "").length > NOTE_MAX) throw new AosError("USAGE", `a key's note has at most ${NOTE_MAX} characters`);
    const id = Buffer.from(random(8)).toString("hex");
    const key = `aos_${id}_${newSecret(random)}`;
    const info: ApiKeyInfo = {
      id,
      tenant: wanted.tenant ?? "default",
      scopes: [...wanted.scopes],
      isFleet: wanted.isFleet ?? false,
      note: wanted.note,
      createdAt: clock.now(),
      expiresAt: wanted.expiresAt,
    };
    const stored: StoredKey = { ...info, hash: hasher.sha256(key) };
    await ledger.apply([
      {
        op: "put",
        class: CLASS,
        key: id,
        bytes: Buffer.from(JSON.stringify(stored)),
        expectedVersion: 0,
      },
    ]);
    return { key, info };
  }

  /** Ends a key at once. @throws AosError NOT_FOUND. */
  async revoke(id: string): Promise<void> {
    const { ledger } = this.#options;
    if (id === "" || (await ledger.get(CLASS, id.slice(0, 100))) === undefined)
      throw new AosError("NOT_FOUND", `there is no API key ${id.slice(0, 80)}`, {
        details: { id: id.slice(0, 80) },
      });
    await ledger.apply([{ op: "delete", class: CLASS, key: id }]);
    for (const changed of this.#onChange) changed();
  }

  /** Every key, without its secret. */
  async list(): Promise<readonly ApiKeyInfo[]> {
    const found: ApiKeyInfo[] = [];
    let after: string | undefined;
    while (true) {
      const page: readonly LedgerEntry[] = await this.#options.ledger.list(CLASS, after, PAGE);
      for (const entry of page) found.push(withoutHash(read(entry)));
      if (page.length < PAGE) return found;
      after = page.at(-1)?.key;
    }
  }

  /** Whoever holds a key, and until when; undefined where the key is none, revoked or expired. */
  async find(key: string): Promise<{ readonly principal: Principal; readonly expiresAt?: number | undefined } | undefined> {
    const { ledger, clock, hasher } = this.#options;
    const id = KEY.exec(key)?.[1];
    const entry = id === undefined ? undefined : await ledger.get(CLASS, id);
    if (entry === undefined) return undefined;
    const stored = read(entry);
    if (!timingSafeEqual(Buffer.from(stored.hash), Buffer.from(hasher.sha256(key)))) return undefined;
    if (stored.expiresAt !== undefined && stored.expiresAt <= clock.now()) return undefined;
    const { tenant, scopes, isFleet, expiresAt } = stored;
    return { principal: { id: stored.id, tenant, scopes, isFleet }, expiresAt };
  }

  /** Calls back whenever a key was revoked; answers how to stop that. */
  onRevoked(changed: () => void): () => void {
    this.#onChange.add(changed);
    return () => void this.#onChange.delete(changed);
  }
}

function read(entry: LedgerEntry): StoredKey {
  return JSON.parse(Buffer.from(entry.bytes).toString("utf8")) as StoredKey;
}

function withoutHash({ hash: _hash, ...info }: StoredKey): ApiKeyInfo {
  return info;
}

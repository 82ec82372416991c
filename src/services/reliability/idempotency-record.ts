import { AosError, ERROR_CODES } from "../../kernel/index.ts";
import type { AosErrorCode, Ledger } from "../../kernel/index.ts";

/** The ledger class of idempotency records. */
export const IDEMPOTENCY_CLASS = "idempotency";

/** An error as a record keeps it. */
export interface StoredError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;
}

interface RecordBase {
  readonly fingerprint?: string | undefined;
  /** Epoch ms after which the record counts as absent; one that is `started` never does. */
  readonly expiresAt: number;
}

/**
 * What is known of a key: `started` under a lease, `done` with a result as JSON text, `failed` for good, or `released`
 * after a failure that may be tried again.
 */
export type IdempotencyRecord =
  | (RecordBase & {
      readonly state: "started";
      readonly owner: string;
      readonly startedAt: number;
      readonly leaseUntil: number;
    })
  | (RecordBase & { readonly state: "done"; readonly result?: string | undefined })
  | (RecordBase & { readonly state: "failed"; readonly error: StoredError })
  | (RecordBase & { readonly state: "released" });

/** A record with the version under which it stands; version 0 and no record where the key is unknown. */
export interface Versioned {
  readonly version: number;
  readonly record: IdempotencyRecord | undefined;
}

/** Reads a key's record. */
export async function readRecord(ledger: Ledger, key: string): Promise<Versioned> {
  const entry = await ledger.get(IDEMPOTENCY_CLASS, key);
  return { version: entry?.version ?? 0, record: entry && parseRecord(entry.bytes) };
}

/**
 * Writes a key's record over the given version and returns the new one.
 * @throws AosError LEDGER_CONFLICT where somebody else wrote meanwhile.
 */
export async function writeRecord(ledger: Ledger, key: string, expectedVersion: number, record: IdempotencyRecord): Promise<number> {
  const bytes = new TextEncoder().encode(JSON.stringify(record));
  await ledger.apply([{ op: "put", class: IDEMPOTENCY_CLASS, key, bytes, expectedVersion }]);
  return expectedVersion + 1;
}

/** Reads a record from its bytes. */
export function parseRecord(bytes: Uint8Array): IdempotencyRecord {
  const record: IdempotencyRecord = JSON.parse(new TextDecoder().decode(bytes));
  return record;
}

/** Whether the record is past its time. One that is `started` is not: that would repeat what may have happened. */
export function isExpired(record: IdempotencyRecord, now: number): boolean {
  return record.state !== "started" && record.expiresAt <= now;
}

/** The stored form of an error. */
export function storeError(error: AosError, detailsBytesMax: number): StoredError {
  const { code, message, retryable } = error;
  return {
    code,
    message: message.slice(0, 2_000),
    retryable,
    details: kept(error, detailsBytesMax),
  };
}

/** The error again, as it was thrown first. */
export function restoreError(stored: StoredError): AosError {
  const { message, retryable, details } = stored;
  // A code that a newer version wrote keeps its name in the details.
  if (!isCode(stored.code))
    return new AosError("INTERNAL", message, {
      retryable,
      details: { ...details, code: stored.code },
    });
  return new AosError(stored.code, message, { retryable, details });
}

function kept(error: AosError, bytesMax: number): Readonly<Record<string, unknown>> {
  try {
    const text = JSON.stringify(error.details);
    const details: Readonly<Record<string, unknown>> = JSON.parse(text);
    if (text.length <= bytesMax) return details;
  } catch {
    // A cycle or a bigint: details are for people, and the code and the message say what happened.
  }
  return { detailsLeftOut: true };
}

function isCode(code: string): code is AosErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

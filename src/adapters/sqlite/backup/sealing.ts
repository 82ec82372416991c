import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { type BackupManifest, encodeManifest } from "./manifest.ts";

/** What whoever takes a backup knows of it. */
export interface SealOrder {
  readonly path: string;
  readonly version: string;
  readonly at: string;
}

const FAULTS_MAX = 5;
const CHUNK_BYTES = 1 << 20;

/**
 * Checks a fresh copy of a database, writes its manifest behind it and syncs it. Takes as long as reading all of it: not for the
 * thread in which turns run.
 * @throws Error where the copy is not sound.
 * @public called by the thread below.
 */
export function seal({ path, version, at }: SealOrder): BackupManifest {
  const db = new DatabaseSync(path);
  let told: Pick<BackupManifest, "schema" | "incarnation" | "counts">;
  try {
    // Without this the copy would want a log beside it.
    db.exec("PRAGMA journal_mode = DELETE");
    told = { ...examineCopy(db) };
  } finally {
    db.close();
  }
  const manifest: BackupManifest = {
    format: 1,
    version,
    at,
    ...told,
    bytes: statSync(path).size,
    sha256: digest(path, statSync(path).size),
  };
  const file = openSync(path, "r+");
  try {
    writeSync(file, encodeManifest(manifest), manifest.bytes, "latin1");
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return manifest;
}

/**
 * Reads all of a database, holds it against its own rules, and counts its rows.
 * @throws Error that says what is wrong with it.
 */
export function examineCopy(db: DatabaseSync): Pick<BackupManifest, "schema" | "incarnation" | "counts"> {
  const [fault] = integrityFaults(db);
  if (fault !== undefined) throw new Error(`the copy is not sound: ${fault}`);
  const one = (sql: string): unknown => Object.values(db.prepare(sql).get() ?? {})[0];
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name").all();
  const counts = Object.fromEntries(tables.map(({ name }) => [String(name), Number(one(`SELECT count(*) FROM "${String(name)}"`))]));
  const incarnation = one("SELECT json_extract(value, '$.id') FROM facts WHERE name = 'incarnation'");
  return { schema: Number(one("PRAGMA user_version")), incarnation: typeof incarnation === "string" ? incarnation : "none", counts };
}

/** SHA-256 of the first bytes of a file, in hexadecimal; `each` is told of every piece. */
export function digest(path: string, bytes: number, each: (piece: Uint8Array) => void = () => undefined): string {
  const hash = createHash("sha256");
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    for (let at = 0; at < bytes;) {
      const read = readSync(file, buffer, 0, Math.min(CHUNK_BYTES, bytes - at), at);
      if (read === 0) break;
      const piece = buffer.subarray(0, read);
      hash.update(piece);
      each(piece);
      at += read;
    }
  } finally {
    closeSync(file);
  }
  return hash.digest("hex");
}

/** What a database does not keep of its own rules, in its own words: the first few. */
export function integrityFaults(db: DatabaseSync): readonly string[] {
  try {
    const found = db.prepare(`PRAGMA integrity_check(${FAULTS_MAX})`).all();
    return found.map((row) => String(Object.values(row)[0])).filter((text) => text !== "ok");
  } catch (thrown) {
    return [thrown instanceof Error ? thrown.message : String(thrown)];
  }
}

/**
 * Looks for faults of a database that nobody else has open.
 * @public called by the thread below.
 */
export function inspectCopy(path: string): readonly string[] {
  const db = new DatabaseSync(path);
  try {
    return integrityFaults(db);
  } finally {
    db.close();
  }
}

/** Seals a copy in a thread of its own. */
export function sealAside(order: SealOrder): Promise<BackupManifest> {
  return aside<BackupManifest>("seal", order);
}

/** Looks for faults of a copy in a thread of its own. */
export function inspectAside(path: string): Promise<readonly string[]> {
  return aside<readonly string[]>("inspectCopy", path);
}

function aside<T>(job: "seal" | "inspectCopy", order: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(THREAD, { eval: true, workerData: { module: import.meta.url, job, order } });
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("the thread that checks the copy ended without an answer")));
  });
}

const THREAD = `
const { parentPort, workerData } = require("node:worker_threads");
const { module, job, order } = workerData;
import(module).then((jobs) => parentPort.postMessage(jobs[job](order)));
`;

/** What a power loss leaves: writes as strace recorded them, of which only the synced ones are sure to be on the disk. */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

/** A system call, as far as it changes what a power loss leaves. */
export type Call =
  | { readonly op: "write"; readonly file: string; readonly at: number; readonly bytes: Buffer }
  | { readonly op: "truncate"; readonly file: string; readonly size: number }
  | { readonly op: "sync"; readonly file: string }
  | { readonly op: "unlink"; readonly file: string }
  | { readonly op: "ack"; readonly n: number };

const SECTOR = 512;
const LINE = /^(pwrite64|write|fsync|ftruncate|unlink)\((?:(\d+)<((?:\\x..)*)>|"((?:\\x..)*)")(?:, )?(.*)$/;
const text = (hex: string): Buffer => Buffer.from(hex.replaceAll("\\x", ""), "hex");

/** Reads the trace of the thread that wrote most, of those that `strace -ff -o PREFIX` left. */
export function readTrace(dir: string, prefix: string): readonly Call[] {
  const files = readdirSync(dir).filter((name) => name.startsWith(prefix));
  const [busiest = ""] = files.toSorted((left, right) => statSync(join(dir, right)).size - statSync(join(dir, left)).size);
  return readFileSync(join(dir, busiest), "latin1").split("\n").flatMap(readLine);
}

function readLine(line: string): readonly Call[] {
  const [, call = "", fd, named, path, rest = ""] = LINE.exec(line) ?? [];
  if (/ = -1 E/.test(rest)) throw new Error(`a call failed while it was recorded: ${line.slice(0, 80)}`);
  if (call === "write" && fd === "1") {
    const [, n] = /^ack (\d+)/.exec(text(/"([^"]*)"/.exec(rest)?.[1] ?? "").toString()) ?? [];
    return n === undefined ? [] : [{ op: "ack", n: Number(n) }];
  }
  const file = basename(text(named ?? path ?? "").toString());
  if (call === "fsync") return [{ op: "sync", file }];
  // The index of the log is no part of what is durable.
  if (!file.startsWith("aos.db") || file.endsWith("-shm")) return [];
  if (call === "unlink") return [{ op: "unlink", file }];
  if (call === "ftruncate") return [{ op: "truncate", file, size: Number.parseInt(rest, 10) }];
  if (call !== "pwrite64") return [];
  const [, hex = "", length, at] = /^"([^"]*)", (\d+), (\d+)/.exec(rest) ?? [];
  const bytes = text(hex);
  if (bytes.length !== Number(length)) throw new Error(`strace has cut a write of ${length} bytes`);
  return [{ op: "write", file, at: Number(at), bytes }];
}

interface Kept {
  synced: Buffer;
  pending: Exclude<Call, { op: "sync" | "unlink" | "ack" }>[];
  /** Removed, and no sync has followed yet. */
  isGoing: boolean;
}

/** The files of the first `count` calls after a power loss, in a folder; what was acknowledged by then. */
export function leave(calls: readonly Call[], count: number, dir: string, random: () => number): readonly number[] {
  const files = new Map<string, Kept>();
  const acked: number[] = [];
  for (const call of calls.slice(0, count)) {
    if (call.op === "ack") acked.push(call.n);
    else take(files, call);
  }
  for (const [file, kept] of files) {
    if (kept.isGoing && random() < 0.5) continue;
    writeFileSync(join(dir, file), torn(kept, random));
  }
  return acked;
}

function take(files: Map<string, Kept>, call: Exclude<Call, { op: "ack" }>): void {
  if (call.op === "sync") {
    // File systems with a journal of metadata write earlier removals with any later sync.
    for (const [name, { isGoing }] of files) if (isGoing) files.delete(name);
    const kept = files.get(call.file);
    if (kept === undefined) return;
    kept.synced = kept.pending.reduce(apply, kept.synced);
    kept.pending = [];
    return;
  }
  const known = files.get(call.file);
  if (call.op === "unlink") {
    if (known !== undefined) known.isGoing = true;
    return;
  }
  // A file of a name that was removed is another file.
  const kept = known === undefined || known.isGoing ? { synced: Buffer.alloc(0), pending: [], isGoing: false } : known;
  files.set(call.file, kept);
  kept.pending.push(call);
}

function apply(before: Buffer, call: Kept["pending"][number]): Buffer {
  if (call.op === "truncate") return Buffer.concat([before.subarray(0, call.size), Buffer.alloc(Math.max(0, call.size - before.length))]);
  const after = Buffer.alloc(Math.max(before.length, call.at + call.bytes.length));
  before.copy(after);
  call.bytes.copy(after, call.at);
  return after;
}

/** Sectors of unsynced writes, some of them, in any order; truncations stay where they are among them, or did not happen. */
function torn({ synced, pending }: Kept, random: () => number): Buffer {
  const share = random();
  const pieces = pending.flatMap((call, at): { readonly order: number; readonly call: Kept["pending"][number] }[] => {
    if (call.op === "truncate") return random() < 0.5 ? [{ order: at, call }] : [];
    const cut: { readonly order: number; readonly call: Kept["pending"][number] }[] = [];
    for (let from = 0; from < call.bytes.length; from += SECTOR) {
      if (random() >= share) continue;
      cut.push({ order: at + random() * 4 - 2, call: { ...call, at: call.at + from, bytes: call.bytes.subarray(from, from + SECTOR) } });
    }
    return cut;
  });
  return pieces.toSorted((left, right) => left.order - right.order).reduce((image, { call }) => apply(image, call), synced);
}

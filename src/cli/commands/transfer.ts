import { createHash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Command } from "commander";
import { type AosClient, problemError, ProblemError } from "../../client/index.ts";
import { readAddress } from "../arguments.ts";
import { connect } from "../connection.ts";
import { notFound } from "../failure.ts";
import { type Io, writeJson } from "../io.ts";
import { commonOf } from "../program.ts";

const EXPORT_BYTES_MAX = 64 << 20;
/** Tries of a move whose agent still changes, and the time between them. */
const TRIES = 40;
const PAUSE_MS = 250;

/** Adds `export` and `import`. */
export function addTransfer(program: Command, io: Io): void {
  program
    .command("export <TYPE/ID> <FILE>")
    .description(
      "Write one agent, with its state, journal, mail, timers, effects and dead letters, to a signed file; it goes on as it was.",
    )
    .option("--move", "pause it, and terminate it once the file is safe; the same command again finishes a move that was cut off")
    .addHelpText("after", "\nExample:\n  aos export cfo/main cfo.aosx --move")
    .action(async (given: string, path: string, options: { readonly move?: boolean }, command: Command) => {
      const address = readAddress(given);
      const file = resolve(path);
      const common = commonOf(command);
      const client = await connect(common);
      const header = options.move === true ? await move(client, address, file) : await copy(client, address, file);
      if (common.json === true) return writeJson(io, { file, ...header }, true);
      io.out(`${file}: ${header.address} by ${header.mode}, signed by ${header.signer}`);
      if (header.mode === "move") io.out("its source is terminated; `aos import` brings it to life again");
    });

  program
    .command("import <FILE>")
    .description("Make an agent of an exported file, all of it or nothing. It is paused until `aos resume`.")
    .option("--as <TYPE/ID>", "another address than the one that it had")
    .option("--trust <FINGERPRINT>", "trust the key that signed; `aos export` names it")
    .addHelpText("after", "\nExample:\n  aos import cfo.aosx --as cfo/second && aos resume cfo/second")
    .action(async (path: string, options: { readonly as?: string; readonly trust?: string }, command: Command) => {
      const as = options.as === undefined ? undefined : readAddress(options.as);
      const file = resolve(path);
      if (!existsSync(file)) throw notFound(`there is no file ${file}`);
      const { size } = statSync(file);
      if (size > EXPORT_BYTES_MAX)
        throw problemError("EXPORT_TOO_LARGE", 413, `${file} has ${size} bytes; an export may have ${EXPORT_BYTES_MAX}`);
      const common = commonOf(command);
      const made = await (await connect(common)).transfers.import(new Uint8Array(readFileSync(file)), { as, trust: options.trust });
      if (common.json === true) return writeJson(io, made, true);
      io.out(
        `${made.agent}: imported from ${made.from} by ${made.mode}, paused at turn ${made.turn}; \`aos resume ${made.agent}\` lets it go on`,
      );
    });
}

interface Header {
  readonly id: string;
  readonly mode: string;
  readonly address: string;
  readonly at: string;
  readonly signer: string;
}

async function copy(client: AosClient, address: string, file: string): Promise<Header> {
  if (existsSync(file)) throw problemError("FILE_EXISTS", 409, `${file} exists already; choose another name`);
  const text = await client.transfers.export(address);
  keep(file, text);
  return headerOf(text);
}

/** The file is safe before its source is terminated; its last line, without which it is imported nowhere, comes after that. */
async function move(client: AosClient, address: string, file: string): Promise<Header> {
  let text = existsSync(file) ? unfinished(file, address) : undefined;
  for (let tries = 1; ; tries++) {
    try {
      if (text === undefined) keep(file, (text = await client.transfers.export(address, { move: true })));
      const release = await client.transfers.release(address, firstLine(text));
      keep(file, text + release);
      return headerOf(text);
    } catch (thrown) {
      const isChanged = thrown instanceof ProblemError && ["EXPORT_STALE", "LIFECYCLE_ILLEGAL"].includes(thrown.code);
      if (!isChanged || tries === TRIES) throw thrown;
      if (thrown.code === "EXPORT_STALE") text = undefined;
      await pause(PAUSE_MS);
    }
  }
}

/** The file of a move that was cut off; any other file is left alone. */
function unfinished(file: string, address: string): string {
  const text = statSync(file).size > EXPORT_BYTES_MAX ? "" : readFileSync(file, "utf8");
  const lines = text.split("\n");
  const isWhole = lines.length === 3 && lines[2] === "";
  const header = isWhole && text.startsWith("{") ? headerOf(text) : undefined;
  if (header?.mode === "move" && (header.address === address || header.address.endsWith(`/${address}`))) return text;
  throw problemError("FILE_EXISTS", 409, `${file} exists already, and is no unfinished move of ${address}; choose another name`);
}

function firstLine(text: string): string {
  return text.slice(0, text.indexOf("\n"));
}

function headerOf(text: string): Header {
  const { id, mode, address, at, key } = JSON.parse(firstLine(text)) as Omit<Header, "signer"> & { readonly key: string };
  return { id, mode, address, at, signer: fingerprintOf(key) };
}

/** Writes a file so that it is whole under its name, and stays so. */
function keep(path: string, text: string): void {
  const beside = `${path}.partial`;
  try {
    sync(beside, "w", text);
    renameSync(beside, path);
    sync(dirname(path), "r");
  } catch (cause) {
    rmSync(beside, { force: true });
    const why = cause instanceof Error ? cause.message : String(cause);
    throw problemError("USAGE", 400, `${path} cannot be written (${why})`, { cause });
  }
}

function sync(path: string, flags: "r" | "w", text?: string): void {
  // What an agent knows is for its owner's eyes.
  const file = openSync(path, flags, 0o600);
  try {
    if (text !== undefined) writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function fingerprintOf(publicKey: string): string {
  return `sha256:${createHash("sha256").update(Buffer.from(publicKey, "hex")).digest("hex")}`;
}

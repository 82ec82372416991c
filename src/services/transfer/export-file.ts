import { createHash } from "node:crypto";
import { type AgentContent, AosError, canonicalJson, utf8Length } from "../../kernel/index.ts";
import { fingerprintOf, hasSigned, type SigningKey } from "./signing-key.ts";

/** The format of the file. */
const FORMAT = "aos-export/1";
/** UTF-8 bytes of a file. */
export const EXPORT_BYTES_MAX = 64 << 20;
const HEX = /^(?:[0-9a-f]{2})+$/;

/** The first line of a file, but for its signature. */
export interface ExportHeader {
  readonly format: typeof FORMAT;
  /** The export's id. */
  readonly id: string;
  /** A copy leaves its source alone; a move counts only once its source is terminated. */
  readonly mode: "copy" | "move";
  /** When it was exported, RFC 3339. */
  readonly at: string;
  /** The version of AOS that wrote it. */
  readonly aos: string;
  /** The revision of the agent's code; `none` where it was not loaded. */
  readonly revision: string;
  /** `tenant/type/id`. */
  readonly address: string;
  /** The SHA-256 of the second line, without its end, in hex. */
  readonly sha256: string;
  /** Its UTF-8 bytes. */
  readonly bytes: number;
  /** The public key that signed: SPKI DER in hex. */
  readonly key: string;
}

/** A file whose every byte was checked. */
export interface OpenedExport {
  readonly header: ExportHeader;
  readonly content: unknown;
  /** The fingerprint of the key that signed. */
  readonly signer: string;
}

/**
 * Writes a file: a signed header, the content as canonical JSON, and, once its source has ended, the release of a move: a line each.
 * @throws AosError EXPORT_TOO_LARGE.
 */
export function sealExport(
  key: SigningKey,
  given: Pick<ExportHeader, "id" | "mode" | "at" | "aos" | "revision">,
  content: AgentContent,
): { readonly text: string; readonly header: ExportHeader } {
  const body = canonicalJson(content);
  const bytes = utf8Length(body);
  if (bytes > EXPORT_BYTES_MAX - 65_536)
    throw new AosError("EXPORT_TOO_LARGE", `${content.address} takes ${bytes} bytes; an export may have ${EXPORT_BYTES_MAX}`, {
      details: { agent: content.address, bytes, bytesMax: EXPORT_BYTES_MAX },
    });
  const header: ExportHeader = { ...given, format: FORMAT, address: content.address, sha256: sha256(body), bytes, key: key.publicKey };
  const signature = key.sign(`${FORMAT}\n${canonicalJson(header)}`);
  return { text: `${canonicalJson({ ...header, signature })}\n${body}\n`, header };
}

/** The line that ends the file of a move: its signer says that the source is terminated. `at` is RFC 3339. */
export function releaseLine(key: SigningKey, { id, sha256: digest }: ExportHeader, at: string): string {
  const release = { export: id, sha256: digest, releasedAt: at };
  return `${canonicalJson({ ...release, signature: key.sign(released(release)) })}\n`;
}

/**
 * Reads the first line of a file.
 * @throws AosError EXPORT_INVALID, EXPORT_TOO_NEW.
 */
export function openHeader(line: string): ExportHeader {
  const { signature, ...header } = signed(line, "the header");
  const { format } = header;
  if (typeof format !== "string" || !/^aos-export\/\d+$/.test(format)) throw invalid("it is no AOS export");
  if (format !== FORMAT)
    throw new AosError("EXPORT_TOO_NEW", `the export has the format ${format.slice(0, 40)}; this version reads ${FORMAT}: update AOS`, {
      details: { format: format.slice(0, 40) },
    });
  const read = header as unknown as ExportHeader;
  const { id, mode, at, aos, revision, address, key, sha256: digest, bytes } = read;
  const texts = [id, at, aos, revision, address, digest];
  if (texts.some((text) => typeof text !== "string") || (mode !== "copy" && mode !== "move") || !Number.isSafeInteger(bytes))
    throw invalid("its header is malformed");
  if (typeof key !== "string" || !HEX.test(key) || !hasSigned(key, `${FORMAT}\n${canonicalJson(header)}`, signature))
    throw invalid("its signature does not fit its header");
  return read;
}

/**
 * Checks every byte of a file, and who signed it.
 * @param trusted fingerprints of keys, with or without `sha256:`
 * @throws AosError EXPORT_INVALID, EXPORT_TOO_NEW, EXPORT_TOO_LARGE, EXPORT_UNTRUSTED, EXPORT_UNRELEASED.
 */
export function openExport(file: Uint8Array, trusted: readonly string[]): OpenedExport {
  if (file.length > EXPORT_BYTES_MAX)
    throw new AosError("EXPORT_TOO_LARGE", `an export may have ${EXPORT_BYTES_MAX} bytes, not ${file.length}`, {
      details: { bytes: file.length, bytesMax: EXPORT_BYTES_MAX },
    });
  const [first = "", body = "", ...rest] = decode(file).split("\n");
  const header = openHeader(first);
  if (utf8Length(body) !== header.bytes || sha256(body) !== header.sha256) throw invalid("its content is not what was signed");
  const signer = fingerprintOf(header.key);
  if (!trusted.some((each) => each === signer || `sha256:${each}` === signer))
    throw new AosError("EXPORT_UNTRUSTED", `the export is signed by ${signer}, which is not trusted here; --trust ${signer} trusts it`, {
      details: { signer },
    });
  const end = header.mode === "move" && rest.length === 2 ? rest[1] : rest.length === 1 ? rest[0] : undefined;
  if (end !== "") throw invalid("its end is cut off, or something follows it");
  if (header.mode === "move") assertReleased(header, rest);
  return { header, content: JSON.parse(body) as unknown, signer };
}

function assertReleased(header: ExportHeader, rest: readonly string[]): void {
  if (rest.length < 2)
    throw new AosError(
      "EXPORT_UNRELEASED",
      `the export moves ${header.address}, which may live on where it was: run \`aos export ${header.address} FILE --move\` there again`,
      { details: { agent: header.address, export: header.id } },
    );
  const { signature, ...release } = signed(rest[0] ?? "", "the release");
  if (release["export"] !== header.id || release["sha256"] !== header.sha256 || !hasSigned(header.key, released(release), signature))
    throw invalid("its release is not that of this export");
}

function released(release: Readonly<Record<string, unknown>>): string {
  return `aos-export-release/1\n${canonicalJson(release)}`;
}

/** A line that is exactly the canonical form of what it says. */
function signed(line: string, what: string): { readonly signature: string; readonly [name: string]: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value) || canonicalJson(value) !== line)
    throw invalid(`${what} is malformed`);
  const record = value as Readonly<Record<string, unknown>>;
  const { signature } = record;
  if (typeof signature !== "string" || !HEX.test(signature)) throw invalid(`${what} has no signature`);
  return { ...record, signature };
}

function decode(file: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(file);
  } catch (cause) {
    throw invalid("it is not UTF-8", cause);
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function invalid(why: string, cause?: unknown): AosError {
  return new AosError("EXPORT_INVALID", `the export is not whole or was changed: ${why}`, { cause });
}

import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AosError, type Clock, type Entropy, fullAddress, type Imported, type KernelApi, shortAddress, typeOf } from "../kernel/index.ts";
import {
  type ExportHeader,
  newSigningKey,
  openExport,
  openHeader,
  readSigningKey,
  releaseLine,
  sealExport,
  type SigningKey,
} from "../services/transfer/index.ts";
import { VERSION } from "./version.ts";

const KEY_FILE = "signing.key";

/** Where an import is to go, and whom it trusts beside its own system. */
export interface ImportInto {
  /** `type/id` or `tenant/type/id`; the address that it had, in the given tenant, unless given. */
  readonly as?: string | undefined;
  readonly tenant?: string | undefined;
  /** The fingerprint of a key that is trusted for this import. */
  readonly trust?: string | undefined;
  readonly by?: string | undefined;
}

/** Signed exports of agents, and imports of them. The key is made at the first export; it stays in the data folder. */
export class Transfers {
  readonly #kernel: KernelApi;
  readonly #clock: Pick<Clock, "now">;
  readonly #entropy: Entropy;
  readonly #dir: string | undefined;
  #key: SigningKey | undefined;

  constructor(kernel: KernelApi, clock: Pick<Clock, "now">, entropy: Entropy, dir: string | undefined) {
    this.#kernel = kernel;
    this.#clock = clock;
    this.#entropy = entropy;
    this.#dir = dir;
  }

  /** The fingerprint of the system's own key, which others trust. */
  get fingerprint(): string {
    return this.#ownKey().fingerprint;
  }

  /**
   * The text of an export. One by move pauses the agent, and is imported nowhere until `release` gave its last line.
   * @throws AosError AGENT_NOT_FOUND, AGENT_TERMINATED, LIFECYCLE_ILLEGAL, EXPORT_TOO_LARGE.
   */
  async export(
    address: string,
    options: { readonly isMove?: boolean | undefined; readonly by?: string | undefined } = {},
  ): Promise<{ readonly text: string; readonly header: ExportHeader }> {
    const key = this.#ownKey();
    const content = await this.#kernel.transfer.export(address, options);
    const revision = this.#kernel.types().find(({ name }) => name === typeOf(content.address))?.revision ?? "none";
    const at = this.#timeOf(this.#clock.now());
    const mode = options.isMove === true ? "move" : "copy";
    return sealExport(key, { id: this.#entropy.uuid(), mode, at, aos: VERSION, revision }, content);
  }

  /**
   * Terminates what an export by move has all of. Call it only once the file is durable.
   * @param line the file's first line
   * @returns the line that ends the file.
   * @throws AosError EXPORT_INVALID, EXPORT_UNTRUSTED, AGENT_TERMINATED, EXPORT_STALE, LIFECYCLE_ILLEGAL.
   */
  async release(address: string, line: string, by?: string): Promise<string> {
    const header = openHeader(line);
    const key = this.#ownKey();
    if (header.key !== key.publicKey)
      throw new AosError("EXPORT_UNTRUSTED", "the export was not signed by this system; nothing was terminated");
    if (header.mode !== "move" || header.address !== fullAddress(address))
      throw new AosError("EXPORT_INVALID", `the export does not move ${shortAddress(fullAddress(address))}; nothing was terminated`);
    const at = await this.#kernel.transfer.release(address, { export: header.id, sha256: header.sha256, by });
    return releaseLine(key, header, this.#timeOf(at));
  }

  /**
   * Makes a paused agent of a file, all of it or nothing.
   * @throws AosError EXPORT_INVALID, EXPORT_TOO_NEW, EXPORT_TOO_LARGE, EXPORT_UNTRUSTED, EXPORT_UNRELEASED, EXPORT_IMPORTED, AGENT_EXISTS,
   * ADDRESS_INVALID, STATE_TOO_LARGE.
   */
  async import(file: Uint8Array, { as, tenant, trust, by }: ImportInto = {}): Promise<Imported & { readonly signer: string }> {
    const own = this.#key ?? this.#storedKey();
    const trusted = [own?.fingerprint, trust].filter((each) => each !== undefined);
    const { header, content, signer } = openExport(file, trusted);
    const address = as ?? (tenant === undefined ? header.address : header.address.split("/").slice(1).join("/"));
    const isMove = header.mode === "move";
    const options = { address: fullAddress(address, tenant), export: header.id, isMove, signer, by };
    return { ...(await this.#kernel.transfer.import(content, options)), signer };
  }

  #timeOf(at: number): string {
    return new Date(at).toISOString();
  }

  #ownKey(): SigningKey {
    this.#key ??= this.#storedKey();
    if (this.#key !== undefined) return this.#key;
    const { key, pem } = newSigningKey();
    if (this.#dir !== undefined) writeDurably(join(this.#dir, KEY_FILE), pem);
    return (this.#key = key);
  }

  #storedKey(): SigningKey | undefined {
    if (this.#dir === undefined) return undefined;
    const path = join(this.#dir, KEY_FILE);
    let pem: string;
    try {
      pem = readFileSync(path, "utf8");
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
      throw new AosError("CONFIG_INVALID", `the signing key ${path} cannot be read`, { cause: thrown, details: { file: path } });
    }
    return readSigningKey(pem, path);
  }
}

/** Whoever finds the file finds all of it, for its owner's eyes only. */
function writeDurably(path: string, text: string): void {
  const beside = `${path}.new`;
  const file = openSync(beside, "w", 0o600);
  try {
    chmodSync(beside, 0o600);
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(beside, path);
}

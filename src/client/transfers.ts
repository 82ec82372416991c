import type { Transport } from "./transport.ts";

/** What an import made. */
export interface ImportedAgent {
  readonly agent: string;
  readonly from: string;
  readonly export: string;
  readonly mode: "copy" | "move";
  /** The turn of the import itself. */
  readonly turn: number;
  /** The fingerprint of the key that signed. */
  readonly signer: string;
}

/** Agents taken out of a system, and into one, over HTTP; a tenant may stand in an address. Every method throws `ProblemError`. */
export class TransfersClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The text of a signed file. By move the agent is paused: keep the file safe, then call `release` with its first line. */
  async export(address: string, options: { readonly move?: boolean | undefined } = {}): Promise<string> {
    const response = await this.#transport.send({ method: "POST", ...place(address, ":export"), body: options });
    return response.text();
  }

  /** Terminates the source of a move whose file is durable. @returns the line that ends the file. */
  async release(address: string, header: string): Promise<string> {
    const call = { method: "POST", ...place(address, ":release"), body: { header } } as const;
    return (await this.#transport.json<{ readonly release: string }>(call)).release;
  }

  /** Makes a paused agent of a file. */
  import(
    file: Uint8Array<ArrayBuffer>,
    options: { readonly as?: string | undefined; readonly trust?: string | undefined } = {},
  ): Promise<ImportedAgent> {
    const parts = options.as?.split("/") ?? [];
    return this.#transport.json({
      method: "POST",
      path: "/api/imports",
      tenant: parts.length > 2 ? parts[0] : undefined,
      query: { as: options.as, trust: options.trust },
      bytes: file,
      type: "application/vnd.aos-export",
    });
  }
}

function place(address: string, rest: string): { readonly path: string; readonly tenant: string | undefined } {
  const parts = address.split("/");
  const [type = "", id = ""] = parts.slice(-2);
  return {
    path: `/api/agents/${encodeURIComponent(type)}/${encodeURIComponent(id)}${rest}`,
    tenant: parts.length > 2 ? parts[0] : undefined,
  };
}

import type { ClientSettings, MakeClient, SqlClient, SqlResult, Statement } from "./driver.ts";
import { encodeText } from "./text.ts";

/** One connection. Statements are sent at once and answered in their order. */
export class Connection {
  readonly #client: SqlClient;
  #isLost = false;

  private constructor(client: SqlClient) {
    this.#client = client;
    const lose = (): void => {
      this.#isLost = true;
    };
    client.on("error", lose);
    client.on("end", lose);
  }

  /** Whether the server cannot be reached over it any more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** @throws whatever the client throws. */
  static async open(make: MakeClient, settings: ClientSettings): Promise<Connection> {
    const client = make(settings);
    const connection = new Connection(client);
    await client.connect();
    return connection;
  }

  /** @throws AosError CLOSED; whatever the client throws. */
  async run({ name, text, values }: Statement): Promise<SqlResult> {
    if (this.#isLost) throw new Error("the connection to PostgreSQL is gone");
    return this.#client.query({ name, text, values: values?.map(toParameter) });
  }

  /** The rows of a statement. */
  async all<T>(text: string, ...values: readonly unknown[]): Promise<readonly T[]> {
    const { rows } = await this.run({ text, values });
    return rows as unknown as readonly T[];
  }

  /** Ends it without waiting for long. */
  async close(): Promise<void> {
    this.#isLost = true;
    await this.#client.end().catch(() => undefined);
  }
}

function toParameter(value: unknown): unknown {
  if (typeof value === "string") return encodeText(value);
  if (!Array.isArray(value)) return value instanceof Uint8Array ? toBuffer(value) : (value ?? null);
  return value.map((each: unknown) => {
    if (typeof each === "string") return encodeText(each);
    return each instanceof Uint8Array ? toBuffer(each) : (each ?? null);
  });
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { AosError } from "../../kernel/index.ts";
import type { Connection } from "./connection.ts";
import { isConnectionFault } from "./faults.ts";
import { isCurrentOwner, lastToken, leaveToken, lockedError, takeLock } from "./ownership.ts";

/** How often a lost server is tried again. */
const RETRY_MS = 100;

/** What a writer needs. */
export interface WriterSettings {
  readonly connect: () => Promise<Connection>;
  readonly incarnation: string;
  /** How long a transaction waits for a server that cannot be reached, before it fails. */
  readonly reconnectMs: number;
  readonly lockWaitMs: number;
}

/**
 * The one connection that writes: it holds the owner's lock, and what runs on it runs alone. Where the connection is lost, the
 * transaction is done again over a new one; where it is lost while committing, its token tells first whether it stands.
 */
export class Writer {
  readonly #settings: WriterSettings;
  #connection: Connection | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(settings: WriterSettings, connection: Connection) {
    this.#settings = settings;
    this.#connection = connection;
  }

  /**
   * Runs statements as one transaction, after those before it.
   * @throws AosError CLOSED, DATA_LOCKED where another owner has entered; whatever the server or `work` throws: then nothing of it stands.
   */
  async transact<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => this.#durably(work));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Waits for the transaction that runs, and lets the lock go. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
    await this.#drop();
  }

  async #durably<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
      if (this.#isClosed) throw new AosError("CLOSED", "the store is closed");
      const token = randomUUID();
      const done: { value?: T; isCommitting: boolean } = { isCommitting: false };
      try {
        return await this.#once(work, token, done);
      } catch (thrown) {
        if (!isConnectionFault(thrown)) {
          await this.#rollBack();
          throw thrown;
        }
        await this.#drop();
        if (done.isCommitting && (await this.#stands(token, thrown))) return done.value as T;
        if (waitedMs >= this.#settings.reconnectMs) throw thrown;
        await sleep(RETRY_MS);
      }
    }
  }

  async #once<T>(work: (connection: Connection) => Promise<T>, token: string, done: { value?: T; isCommitting: boolean }): Promise<T> {
    const connection = await this.#writable();
    await Promise.all([connection.run({ text: "BEGIN" }), leaveToken(connection, this.#settings.incarnation, token)]);
    const value = await work(connection);
    done.value = value;
    done.isCommitting = true;
    const { command } = await connection.run({ text: "COMMIT" });
    if (command !== "COMMIT") throw new AosError("STORE_FAILED", "PostgreSQL rolled the transaction back instead of committing it");
    return value;
  }

  async #writable(): Promise<Connection> {
    if (this.#connection?.isLost === false) return this.#connection;
    const connection = await this.#settings.connect();
    try {
      await takeLock(connection, this.#settings.lockWaitMs);
      if (!(await isCurrentOwner(connection, this.#settings.incarnation))) throw lockedError();
    } catch (thrown) {
      await connection.close();
      throw thrown;
    }
    this.#connection = connection;
    return connection;
  }

  /**
   * Whether a commit whose answer was lost stands. There is no answer before the server is back and the old connection's end is
   * certain: its lock is ours again, or another owner has entered. Until then nothing may be said, so this waits for as long as it takes.
   */
  async #stands(token: string, cause: unknown): Promise<boolean> {
    const { connect, incarnation } = this.#settings;
    for (;;) {
      if (this.#isClosed) {
        throw new AosError("STORE_FAILED", "the store was closed before PostgreSQL could say whether the last commit stands", { cause });
      }
      let connection: Connection | undefined;
      try {
        connection = await connect();
        const isOurs = await takeLock(connection, 0).then(
          () => true,
          () => false,
        );
        if (isOurs || !(await isCurrentOwner(connection, incarnation))) return (await lastToken(connection, incarnation)) === token;
      } catch (thrown) {
        if (!isConnectionFault(thrown)) throw thrown;
      } finally {
        await connection?.close();
      }
      await sleep(RETRY_MS);
    }
  }

  async #rollBack(): Promise<void> {
    try {
      if (this.#connection?.isLost === false) await this.#connection.run({ text: "ROLLBACK" });
    } catch {
      // Ending the connection rolls back as well.
      await this.#drop();
    }
  }

  async #drop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }
}

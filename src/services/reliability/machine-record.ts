import { AosError } from "../../kernel/index.ts";
import type { Ledger } from "../../kernel/index.ts";

/** The ledger class of durable state machines. */
const MACHINE_CLASS = "state-machine";

/** What a durable machine remembers. */
export interface MachineRecord {
  readonly state: string;
  /** Epoch ms. */
  readonly enteredAt: number;
  /** When (epoch ms) the state's timeout is due; absent where it has none. */
  readonly deadlineAt?: number | undefined;
}

/** A machine's entry in the ledger: reads it, and writes it only if nobody else did meanwhile. */
export class MachineStore {
  readonly #ledger: Ledger;
  readonly #key: string;
  #version = 0;

  constructor(ledger: Ledger, key: string) {
    this.#ledger = ledger;
    this.#key = key;
  }

  /** Reads the record; undefined where there is none yet. */
  async load(): Promise<MachineRecord | undefined> {
    const entry = await this.#ledger.get(MACHINE_CLASS, this.#key);
    this.#version = entry?.version ?? 0;
    if (entry === undefined) return undefined;
    const record: MachineRecord = JSON.parse(new TextDecoder().decode(entry.bytes));
    return record;
  }

  /**
   * Writes the record over the version that was read or written last.
   * @throws AosError LEDGER_CONFLICT where another machine moved on under the same key.
   */
  async save(record: MachineRecord): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(record));
    await this.#ledger.apply([{ op: "put", class: MACHINE_CLASS, key: this.#key, bytes, expectedVersion: this.#version }]);
    this.#version++;
  }

  /** An error for a record whose state the definition no longer declares. */
  unknownState(state: string): AosError {
    return new AosError(
      "CONFIG_INVALID",
      `state machine ${this.#key} is stored in the state ${state}, which is not declared; declare it and a way out of it`,
      { details: { key: this.#key, state } },
    );
  }
}

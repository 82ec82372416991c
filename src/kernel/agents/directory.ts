import type { Clock } from "../clock.ts";
import type { Envelope } from "../mail/envelope.ts";
import { AgentEntry } from "./entry.ts";
import { laneOf, type Mail } from "../mail/mailbox.ts";
import type { AgentRow, MailRow, MaybePromise, Store } from "../store/store.ts";

/** Reads stored mail. */
export function readMail(row: MailRow): Mail {
  return {
    seq: row.seq,
    envelope: JSON.parse(row.head) as Envelope,
    data: row.data,
    attempts: row.attempts,
    marked: row.marked,
    stored: true,
    parked: row.parked,
  };
}

/** The agents in memory: loaded when something is for them, dropped when idle and memory is short. */
export class Directory {
  readonly #store: Store;
  readonly #bytesMax: number;
  readonly #byAddress = new Map<string, AgentEntry>();
  readonly #byNo = new Map<number, AgentEntry>();
  readonly #loading = new Map<string, Promise<AgentEntry | undefined>>();
  #bytes = 0;
  #sizes = new Map<number, number>();

  #isMakingRoom = false;
  readonly #onMail: (mail: Mail) => void;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock, bytesMax: number, onMail: (mail: Mail) => void) {
    this.#onMail = onMail;
    this.#clock = clock;
    this.#store = store;
    this.#bytesMax = bytesMax;
  }

  /** Agents in memory. */
  get size(): number {
    return this.#byAddress.size;
  }

  get entries(): Iterable<AgentEntry> {
    return this.#byAddress.values();
  }

  cached(address: string): AgentEntry | undefined {
    return this.#byAddress.get(address);
  }

  cachedNo(no: number): AgentEntry | undefined {
    return this.#byNo.get(no);
  }

  /** The agent of an address; undefined where there is none. At once where it is in memory or the store is embedded. */
  get(address: string): MaybePromise<AgentEntry | undefined> {
    const entry = this.#byAddress.get(address);
    if (entry !== undefined) {
      if (entry.isStale) return this.#reload(entry);
      return entry;
    }
    const row = this.#store.agent(address);
    return row instanceof Promise ? this.#once(address, row) : this.#admit(row);
  }

  /** The agent of a number. */
  getNo(no: number): MaybePromise<AgentEntry | undefined> {
    const entry = this.#byNo.get(no);
    if (entry !== undefined) return this.get(entry.address);
    const row = this.#store.agentByNo(no);
    if (row instanceof Promise) return row.then((found) => (found === undefined ? undefined : this.get(found.address)));
    return this.#admit(row);
  }

  /** Takes in an agent that was just created. */
  adopt(row: AgentRow): AgentEntry {
    const known = this.#byAddress.get(row.address);
    if (known !== undefined) return known;
    const entry = new AgentEntry(row);
    this.#insert(entry);
    return entry;
  }

  /** Accounts for an agent that was just used, and drops idle ones where memory is short. */
  touch(entry: AgentEntry): void {
    const before = this.#sizes.get(entry.no) ?? 0;
    const after = entry.bytes;
    if (before === 0) return;
    this.#sizes.set(entry.no, after);
    this.#bytes += after - before;
    if (this.#bytes > this.#bytesMax) this.#makeRoom();
  }

  drop(entry: AgentEntry): void {
    if (this.#byAddress.get(entry.address) !== entry) return;
    this.#byAddress.delete(entry.address);
    this.#byNo.delete(entry.no);
    this.#bytes -= this.#sizes.get(entry.no) ?? 0;
    this.#sizes.delete(entry.no);
  }

  #once(address: string, reading: Promise<AgentRow | undefined>): Promise<AgentEntry | undefined> {
    const running = this.#loading.get(address);
    if (running !== undefined) return running;
    const loading = (async (): Promise<AgentEntry | undefined> => {
      try {
        return await this.#admit(await reading);
      } finally {
        this.#loading.delete(address);
      }
    })();
    this.#loading.set(address, loading);
    return loading;
  }

  #admit(row: AgentRow | undefined): MaybePromise<AgentEntry | undefined> {
    if (row === undefined) return undefined;
    const mail = this.#store.mail(row.no);
    const later = this.#store.delayed(row.no);
    return mail instanceof Promise || later instanceof Promise
      ? Promise.all([mail, later]).then(([rows, delayed]) => this.#fill(row, rows, delayed))
      : this.#fill(row, mail, later);
  }

  #fill(row: AgentRow, mail: readonly MailRow[], later: readonly MailRow[]): AgentEntry {
    const known = this.#byAddress.get(row.address);
    if (known !== undefined && !known.isStale) return known;
    const entry = new AgentEntry(row);
    for (const stored of mail) {
      const read = readMail(stored);
      this.#onMail(read);
      if (read.parked !== undefined) entry.mailbox.park(read, read.parked);
      // A retry that is not due holds its lane.
      else if (stored.dueAt !== undefined) entry.mailbox.hold(laneOf(read.envelope));
    }
    for (const stored of mail) {
      if (stored.parked === undefined && stored.dueAt === undefined) entry.mailbox.add(readMail(stored));
    }
    // What is not due yet stays in the store; only its key must be known.
    for (const stored of later) if (stored.attempts === 0 && stored.timer === undefined) this.#onMail(readMail(stored));
    this.#insert(entry);
    return entry;
  }

  /** Reads an agent again after one of its commits failed and everything of it that was pending has come to an end. */
  async #reload(stale: AgentEntry): Promise<AgentEntry | undefined> {
    await stale.settled();
    const now = this.#byAddress.get(stale.address);
    if (now !== undefined && !now.isStale) return now;
    this.drop(stale);
    return this.get(stale.address);
  }

  #insert(entry: AgentEntry): void {
    const stale = this.#byAddress.get(entry.address);
    if (stale !== undefined) this.drop(stale);
    this.#byAddress.set(entry.address, entry);
    this.#byNo.set(entry.no, entry);
    this.#sizes.set(entry.no, entry.bytes);
    this.#bytes += entry.bytes;
    if (this.#bytes > this.#bytesMax) this.#makeRoom();
  }

  /**
   * Room is made when the event loop comes round: whoever was just read, or is between two steps, would be dropped while
   * somebody works on it, and the same agent would then be read and run a second time.
   */
  #makeRoom(): void {
    if (this.#isMakingRoom) return;
    this.#isMakingRoom = true;
    this.#clock.soon(() => {
      this.#isMakingRoom = false;
      this.#evict();
    });
  }

  /** Drops idle agents, least recently loaded first; those in use move to the end. */
  #evict(): void {
    let looked = 0;
    for (const [address, entry] of this.#byAddress) {
      if (this.#bytes <= this.#bytesMax * 0.9 || ++looked > 1_000) return;
      if (entry.isIdle) {
        this.drop(entry);
        // Whoever still holds it finds that it has no foundation any more.
        entry.invalidate();
      } else {
        this.#byAddress.delete(address);
        this.#byAddress.set(address, entry);
      }
    }
  }
}

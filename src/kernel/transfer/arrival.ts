import { tenantOf, typeOf } from "../address.ts";
import type { AgentMeta } from "../agents/entry.ts";
import { lifecycleBody } from "../agents/spawner.ts";
import type { Core } from "../core.ts";
import { COUNTER_CLASS, counterKey } from "../effects/counters.ts";
import { canonicalJson } from "../json.ts";
import type { Envelope } from "../mail/envelope.ts";
import type { LedgerOp } from "../store/ledger.ts";
import type { Commit, EffectRow, JournalWrite, MailRow } from "../store/store.ts";
import { encodeFull } from "../turn/delta.ts";
import { decodeBody, encodeBody } from "../turn/record.ts";
import { uuidOfHash } from "../turn/seeded.ts";
import { KEPT_CLASS, keptKey } from "../upgrade/kept-state.ts";
import type { AgentContent } from "./content.ts";

/** The ledger class of moves that were imported, by export: none is imported twice. */
export const IMPORTED_CLASS = "transfer.imported";

/** Where an import comes from, and what it is here. */
export interface Arriving {
  readonly content: AgentContent;
  /** The address that it gets, `tenant/type/id`. */
  readonly address: string;
  /** The export's id. */
  readonly export: string;
  readonly isMove: boolean;
  /** The fingerprint of the key that signed. */
  readonly signer: string;
  readonly by: string | undefined;
}

/** Calls of an effect with one input in one turn that are told apart. */
const OCCURRENCES_MAX = 1_000;

/**
 * The one commit that makes an agent of an export, under this store's own numbers. A copy's envelopes get ids of their
 * own, derived from the export and the address, and its effects the memo keys that follow from them.
 */
export function arrivalCommit(
  core: Core,
  arriving: Arriving,
): { readonly no: number; readonly commit: Commit; readonly journal: readonly JournalWrite[] } {
  const { content, address } = arriving;
  const no = ++core.numbers.agentNo;
  const names = new Names(core, arriving);
  const journal = journalOf(core, arriving, no);
  const meta: AgentMeta = {
    ...content.meta,
    reason: `imported from ${content.address}; \`aos resume\` lets it go on`,
    importedFrom: { agent: content.address, export: arriving.export, signer: arriving.signer },
  };
  const status = content.status === "quarantined" ? "quarantined" : "paused";
  const first = journal[0]?.turn ?? 1;
  const { state, stateVersion, createdAt, epoch } = content;
  // The rows of the journal come as one turn after the agent's own row, which stands before the oldest of them.
  const row = { no, address, status, turn: first - 1, head: 0, epoch, stateVersion, state, createdAt, lastAt: 0 } as const;
  const commit: Commit = {
    create: [{ row }],
    turn: { journal, state, stateVersion, status, epoch, meta: JSON.stringify(meta) },
    mailIn: content.mail.map((mail) => names.mail(mail, no)),
    effects: content.effects.map((effect) => names.effect({ ...effect, agent: no })),
    deadIn: content.dead.map((dead) => ({ ...dead, agent: no, id: names.envelope(dead.id), head: names.head(dead.head) })),
    replies: content.replies,
    subscribe: content.subscriptions.map((each) => ({ ...each, agent: no, tenant: tenantOf(address) })),
    ledger: ledgerOf(arriving, no),
  };
  return { no, commit, journal };
}

function journalOf(core: Core, { content, address, export: id, signer, by }: Arriving, no: number): readonly JournalWrite[] {
  const now = core.clock.now();
  const isOther = address !== content.address;
  const note = `imported from ${content.address} (export ${id}, signed by ${signer})`;
  const body = encodeBody(lifecycleBody(address, note, by, core.types.get(typeOf(address))?.revision ?? "none"));
  let prev = 0;
  return [...content.journal, { turn: content.turn + 1, at: now, body, delta: encodeFull(content.state) }].map((row) => {
    const write: JournalWrite = {
      id: ++core.numbers.journalId,
      prev,
      agent: no,
      turn: row.turn,
      // A clock that ran ahead elsewhere is not taken over.
      at: Math.min(row.at, now),
      body: isOther ? withoutKeys(row.body) : row.body,
      delta: row.delta,
    };
    prev = write.id;
    return write;
  });
}

/** Dedupe keys are those of an address: whoever sends to another one sends something else. */
function withoutKeys(body: string): string {
  return body.includes('"k":[') ? encodeBody({ ...decodeBody(body), dedupe: undefined }) : body;
}

function ledgerOf({ content, address, export: id, isMove }: Arriving, no: number): readonly LedgerOp[] {
  const { kept, counters } = content;
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  return [
    ...(isMove ? [{ op: "put", class: IMPORTED_CLASS, key: id, bytes: bytes(address), expectedVersion: 0 } as const] : []),
    ...(kept === null ? [] : [{ op: "put", class: KEPT_CLASS, key: keptKey(no), bytes: bytes(kept) } as const]),
    ...counters.map(({ from, quantity, period, sum }) => {
      const key = counterKey(from, address, quantity, period);
      return { op: "add", class: COUNTER_CLASS, key, delta: sum } as const;
    }),
  ];
}

/** What envelopes and effects are called here. */
class Names {
  readonly #core: Core;
  readonly #arriving: Arriving;
  /** Ids of the envelopes that are the agent's own; what it was told by others keeps the names of their chains. */
  readonly #own: ReadonlySet<string>;
  readonly #effects = new Map<string, string>();

  constructor(core: Core, arriving: Arriving) {
    this.#core = core;
    this.#arriving = arriving;
    const { mail, dead, effects } = arriving.content;
    const heads = mail.map(({ head }) => (JSON.parse(head) as Envelope).id);
    this.#own = new Set(arriving.isMove ? [] : [...heads, ...dead.map(({ id }) => id), ...effects.map(({ envelope }) => envelope)]);
    for (const effect of effects) this.#effects.set(effect.id, this.#memo(effect));
  }

  envelope(id: string): string {
    if (!this.#own.has(id)) return id;
    return uuidOfHash(this.#core.hasher.sha256(`${this.#arriving.export}\n${this.#arriving.address}\n${id}`));
  }

  head(text: string): string {
    const { address, content } = this.#arriving;
    const old = JSON.parse(text) as Envelope;
    const isOther = address !== content.address;
    const envelope: Envelope = {
      ...old,
      id: this.envelope(old.id),
      chain: this.envelope(old.chain),
      correlation: this.envelope(old.correlation),
      target: address,
      sender: old.sender === content.address ? address : old.sender,
      dedupe: isOther ? undefined : old.dedupe,
    };
    return JSON.stringify(envelope);
  }

  mail(row: AgentContent["mail"][number], agent: number): MailRow {
    return { ...row, agent, seq: this.#core.numbers.seq(), marked: 0, parked: this.#condition(row.parked), head: this.head(row.head) };
  }

  /** An intent that must never repeat, or whose key was made of the old name, may have happened elsewhere: a human must say. */
  effect(row: EffectRow): EffectRow {
    const id = this.#effects.get(row.id) ?? row.id;
    const spec = this.#core.types.get(typeOf(this.#arriving.address))?.effects.get(row.name)?.spec;
    const repeat = spec?.repeat ?? "never";
    const isDerived = !this.#arriving.isMove && repeat === "key" && row.key === row.id.slice(0, 32);
    const isDoubtful = row.state === "intent" && (repeat === "never" || isDerived);
    return { ...row, id, envelope: this.envelope(row.envelope), state: isDoubtful ? "in-doubt" : row.state };
  }

  #condition(parked: string | undefined): string | undefined {
    if (parked === undefined) return undefined;
    const condition = JSON.parse(parked) as { readonly on?: string };
    const on = condition.on === undefined ? undefined : this.#effects.get(condition.on);
    return on === undefined ? parked : JSON.stringify({ ...condition, on });
  }

  /** The memo key under the envelope's name here: its occurrence is the one that gave the old key. */
  #memo(effect: AgentContent["effects"][number]): string {
    const sha256 = (text: string): string => this.#core.hasher.sha256(text);
    const envelope = this.envelope(effect.envelope);
    if (envelope === effect.envelope) return effect.id;
    const place = `${effect.name}\n${sha256(canonicalJson(JSON.parse(effect.input)))}`;
    for (let occurrence = 0; occurrence < OCCURRENCES_MAX; occurrence++) {
      if (sha256(`${effect.envelope}\n${place}\n${occurrence}`) === effect.id) return sha256(`${envelope}\n${place}\n${occurrence}`);
    }
    // Nobody will ask for it by a memo key; it only must not take the place of the old one.
    return sha256(`${envelope}\n${effect.id}`);
  }
}

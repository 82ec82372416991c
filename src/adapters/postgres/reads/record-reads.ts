import type { DeadRow, DedupeChunk, DedupeRow, EffectRow, EffectState, ReplyRow, SubscriptionRow } from "../../../kernel/index.ts";
import type { Connection } from "../connection.ts";

const EFFECT = "id, agent, envelope, name, state, key, attempts, at, input, outcome";
const DEAD = "d.id, d.agent, d.at, d.reason, d.attempts, d.head, d.data, d.error";

/** Which effects to list. */
export interface EffectFilter {
  readonly state?: EffectState | undefined;
  readonly agent?: number | undefined;
  readonly limit: number;
}

/** Which dead letters to list. */
export interface DeadFilter {
  readonly agent?: number | undefined;
  readonly tenant?: string | undefined;
  readonly reason?: string | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
}

type StoredEffect = Omit<EffectRow, "outcome"> & { readonly outcome: string | null };

/** The effects of an envelope, in the order of their intents. */
export async function effectsOf(db: Connection, envelope: string): Promise<readonly EffectRow[]> {
  const { rows } = await db.run({
    name: "effects",
    text: `SELECT ${EFFECT} FROM effects WHERE envelope = $1 ORDER BY n`,
    values: [envelope],
  });
  return (rows as unknown as readonly StoredEffect[]).map(toEffect);
}

/** The effect of an id. */
export async function effectById(db: Connection, id: string): Promise<EffectRow | undefined> {
  return (await db.all<StoredEffect>(`SELECT ${EFFECT} FROM effects WHERE id = $1`, id)).map(toEffect)[0];
}

/** Oldest first. */
export async function listEffects(db: Connection, { state, agent, limit }: EffectFilter): Promise<readonly EffectRow[]> {
  const values: unknown[] = [];
  const put = (value: unknown): string => `$${values.push(value)}`;
  const terms = ["true"];
  if (state !== undefined) terms.push(state === "in-doubt" ? "state = 'in-doubt'" : `state = ${put(state)}`);
  if (agent !== undefined) terms.push(`agent = ${put(agent)}`);
  const text = `SELECT ${EFFECT} FROM effects WHERE ${terms.join(" AND ")} ORDER BY n LIMIT ${put(limit)}`;
  return (await db.all<StoredEffect>(text, ...values)).map(toEffect);
}

/** The dead letter of an envelope's id. */
export async function deadById(db: Connection, id: string): Promise<DeadRow | undefined> {
  return (await db.all<DeadRow>(`SELECT ${DEAD} FROM dead d WHERE d.id = $1`, id))[0];
}

/** By id. */
export async function listDead(db: Connection, { agent, tenant, reason, after, limit }: DeadFilter): Promise<readonly DeadRow[]> {
  const values: unknown[] = [];
  const put = (value: unknown): string => `$${values.push(value)}`;
  const terms = [`d.id > ${put(after ?? "")}`];
  if (agent !== undefined) terms.push(`d.agent = ${put(agent)}`);
  if (reason !== undefined) terms.push(`d.reason = ${put(reason)}`);
  if (tenant !== undefined) {
    terms.push(`(SELECT a.address FROM agents a WHERE a.no = d.agent) BETWEEN ${put(`${tenant}/`)} AND ${put(`${tenant}0`)}`);
  }
  return db.all<DeadRow>(`SELECT ${DEAD} FROM dead d WHERE ${terms.join(" AND ")} ORDER BY d.id LIMIT ${put(limit)}`, ...values);
}

/** What is remembered of a dedupe key. */
export async function dedupeRow(db: Connection, hash: string): Promise<DedupeRow | undefined> {
  const { rows } = await db.run({ name: "dedupe", text: "SELECT hash, id, seq, digest, at FROM dedupe WHERE hash = $1", values: [hash] });
  return rows[0] as unknown as DedupeRow | undefined;
}

/** An agent's chunks of dedupe keys, oldest first. */
export async function dedupeChunks(db: Connection, agent: number): Promise<readonly DedupeChunk[]> {
  const rows = await db.all<DedupeChunk>("SELECT agent, chunk, at, keys FROM dedupe_chunks WHERE agent = $1 ORDER BY chunk", agent);
  return rows.map(toChunk);
}

/** An agent's newest chunk. */
export async function lastDedupeChunk(db: Connection, agent: number): Promise<DedupeChunk | undefined> {
  const { rows } = await db.run({
    name: "chunk-last",
    text: "SELECT agent, chunk, at, keys FROM dedupe_chunks WHERE agent = $1 ORDER BY chunk DESC LIMIT 1",
    values: [agent],
  });
  return (rows as unknown as readonly DedupeChunk[]).map(toChunk)[0];
}

/** The reply of a command. */
export async function replyById(db: Connection, id: string): Promise<ReplyRow | undefined> {
  const { rows } = await db.run({ name: "reply", text: "SELECT id, at, body FROM replies WHERE id = $1", values: [id] });
  return rows[0] as unknown as ReplyRow | undefined;
}

/** Patterns that a tenant uses. */
export async function patterns(db: Connection, tenant: string): Promise<readonly string[]> {
  const rows = await db.all<{ readonly pattern: string }>("SELECT DISTINCT pattern FROM subs WHERE tenant = $1 ORDER BY pattern", tenant);
  return rows.map(({ pattern }) => pattern);
}

/** Who subscribes to a pattern. */
export async function subscribers(db: Connection, tenant: string, pattern: string): Promise<readonly SubscriptionRow[]> {
  const rows = await db.all<Omit<SubscriptionRow, "filter"> & { readonly filter: string | null }>(
    "SELECT tenant, pattern, agent, event, filter FROM subs WHERE tenant = $1 AND pattern = $2 ORDER BY agent, event",
    tenant,
    pattern,
  );
  return rows.map((row) => ({ ...row, filter: row.filter ?? undefined }));
}

/** A named fact. */
export async function fact(db: Connection, name: string): Promise<string | undefined> {
  return (await db.all<{ readonly value: string }>("SELECT value FROM facts WHERE name = $1", name))[0]?.value;
}

function toEffect(stored: StoredEffect): EffectRow {
  return { ...stored, outcome: stored.outcome ?? undefined };
}

/** Keys as bytes of their own, so that they may be viewed as numbers. */
function toChunk({ agent, chunk, at, keys }: DedupeChunk): DedupeChunk {
  return { agent, chunk, at, keys: Uint8Array.from(keys) };
}

import type { Commit, DeadRow, DedupeChunk, DedupeRow, EffectRow, ReplyRow, SubscriptionRow } from "../../../kernel/index.ts";
import type { Statement } from "../driver.ts";

/** Effects, dead letters and replies. */
export function recordWrites(units: readonly Commit[]): readonly Statement[] {
  const effects = lastBy(
    units.flatMap((unit) => unit.effects ?? []),
    ({ id }) => id,
  );
  const effectsOut = units.flatMap((unit) => unit.effectsOut ?? []);
  const deadOut = units.flatMap((unit) => unit.deadOut ?? []);
  const deadIn = lastBy(
    units.flatMap((unit) => unit.deadIn ?? []),
    ({ id }) => id,
  );
  const replies = lastBy(
    units.flatMap((unit) => unit.replies ?? []),
    ({ id }) => id,
  );
  return [
    ...(effects.length > 0 ? [effectsIn(effects)] : []),
    ...(effectsOut.length > 0
      ? [
          {
            name: "effects-out",
            text: "DELETE FROM effects WHERE envelope = ANY ($1::text[]) AND state <> 'in-doubt'",
            values: [effectsOut],
          },
        ]
      : []),
    ...(deadOut.length > 0 ? [{ name: "dead-out", text: "DELETE FROM dead WHERE id = ANY ($1::text[])", values: [deadOut] }] : []),
    ...(deadIn.length > 0 ? [deadRows(deadIn)] : []),
    ...(replies.length > 0 ? [replyRows(replies)] : []),
  ];
}

/** Subscriptions, dedupe keys and facts. */
export function factWrites(units: readonly Commit[]): readonly Statement[] {
  const out = units.flatMap((unit) => unit.unsubscribe ?? []);
  const subscribe = lastBy(
    units.flatMap((unit) => unit.subscribe ?? []),
    ({ tenant, pattern, agent, event }) => JSON.stringify([tenant, pattern, agent, event]),
  );
  const rows = units.flatMap(({ dedupe }) => dedupe?.rows ?? []);
  const chunks = lastBy(
    units.flatMap(({ dedupe }) => dedupe?.chunks ?? []),
    ({ agent, chunk }) => `${agent} ${chunk}`,
  );
  const drops = chunks.filter(({ dropTo }) => dropTo !== undefined && dropTo >= 0);
  const facts: Record<string, string> = {};
  for (const { dedupe, facts: given } of units) {
    if (dedupe?.upTo !== undefined) facts["dedupe.upTo"] = String(dedupe.upTo);
    Object.assign(facts, given);
  }
  return [
    ...(out.length > 0 ? [subsOut(out)] : []),
    ...(subscribe.length > 0 ? [subsIn(subscribe)] : []),
    ...(rows.length > 0 ? [dedupeIn(rows)] : []),
    ...(chunks.length > 0 ? [chunksIn(chunks)] : []),
    ...(drops.length > 0 ? [chunksOut(drops)] : []),
    ...(Object.keys(facts).length > 0 ? [factsIn(facts)] : []),
  ];
}

/** One statement changes a row once: the last one of each key, where the first stood. */
function lastBy<T>(rows: readonly T[], keyOf: (row: T) => string): readonly T[] {
  return rows.length < 2 ? rows : [...new Map(rows.map((row) => [keyOf(row), row])).values()];
}

function effectsIn(rows: readonly EffectRow[]): Statement {
  return {
    name: "effects-in",
    text: `INSERT INTO effects (id, agent, envelope, name, state, key, attempts, at, input, outcome)
      SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::text[],
      $10::text[])
      ON CONFLICT (id) DO UPDATE SET state = excluded.state, key = excluded.key, attempts = excluded.attempts, at = excluded.at,
      input = excluded.input, outcome = excluded.outcome`,
    values: [
      rows.map((row) => row.id),
      rows.map((row) => row.agent),
      rows.map((row) => row.envelope),
      rows.map((row) => row.name),
      rows.map((row) => row.state),
      rows.map((row) => row.key),
      rows.map((row) => row.attempts),
      rows.map((row) => row.at),
      rows.map((row) => row.input),
      rows.map((row) => row.outcome),
    ],
  };
}

function deadRows(rows: readonly DeadRow[]): Statement {
  return {
    name: "dead-in",
    text: `INSERT INTO dead (id, agent, at, reason, attempts, head, data, error)
      SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[])
      ON CONFLICT (id) DO UPDATE SET agent = excluded.agent, at = excluded.at, reason = excluded.reason, attempts = excluded.attempts,
      head = excluded.head, data = excluded.data, error = excluded.error`,
    values: [
      rows.map((row) => row.id),
      rows.map((row) => row.agent),
      rows.map((row) => row.at),
      rows.map((row) => row.reason),
      rows.map((row) => row.attempts),
      rows.map((row) => row.head),
      rows.map((row) => row.data),
      rows.map((row) => row.error),
    ],
  };
}

function replyRows(rows: readonly ReplyRow[]): Statement {
  return {
    name: "replies-in",
    text: `INSERT INTO replies (id, at, body) SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])
      ON CONFLICT (id) DO UPDATE SET at = excluded.at, body = excluded.body`,
    values: [rows.map((row) => row.id), rows.map((row) => row.at), rows.map((row) => row.body)],
  };
}

function subsOut(rows: readonly { readonly agent: number; readonly pattern?: string | undefined }[]): Statement {
  return {
    name: "subs-out",
    text: `DELETE FROM subs s USING unnest($1::bigint[], $2::text[]) AS n (agent, pattern)
      WHERE s.agent = n.agent AND (n.pattern IS NULL OR s.pattern = n.pattern)`,
    values: [rows.map(({ agent }) => agent), rows.map(({ pattern }) => pattern)],
  };
}

function subsIn(rows: readonly SubscriptionRow[]): Statement {
  return {
    name: "subs-in",
    text: `INSERT INTO subs (tenant, pattern, agent, event, filter)
      SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[])
      ON CONFLICT (tenant, pattern, agent, event) DO UPDATE SET filter = excluded.filter`,
    values: [
      rows.map((row) => row.tenant),
      rows.map((row) => row.pattern),
      rows.map((row) => row.agent),
      rows.map((row) => row.event),
      rows.map((row) => row.filter),
    ],
  };
}

function dedupeIn(rows: readonly DedupeRow[]): Statement {
  return {
    name: "dedupe-in",
    text: `INSERT INTO dedupe (hash, id, seq, digest, at)
      SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT (hash) DO NOTHING`,
    values: [
      rows.map((row) => row.hash),
      rows.map((row) => row.id),
      rows.map((row) => row.seq),
      rows.map((row) => row.digest),
      rows.map((row) => row.at),
    ],
  };
}

function chunksIn(rows: readonly DedupeChunk[]): Statement {
  return {
    name: "chunks-in",
    text: `INSERT INTO dedupe_chunks (agent, chunk, at, keys) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])
      ON CONFLICT (agent, chunk) DO UPDATE SET at = excluded.at, keys = excluded.keys`,
    values: [rows.map((row) => row.agent), rows.map((row) => row.chunk), rows.map((row) => row.at), rows.map((row) => row.keys)],
  };
}

function chunksOut(rows: readonly DedupeChunk[]): Statement {
  return {
    name: "chunks-out",
    text: `DELETE FROM dedupe_chunks c USING unnest($1::bigint[], $2::bigint[]) AS n (agent, drop_to)
      WHERE c.agent = n.agent AND c.chunk <= n.drop_to`,
    values: [rows.map(({ agent }) => agent), rows.map(({ dropTo }) => dropTo)],
  };
}

function factsIn(facts: Readonly<Record<string, string>>): Statement {
  return {
    name: "facts-in",
    text: `INSERT INTO facts (name, value) SELECT * FROM unnest($1::text[], $2::text[])
      ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    values: [Object.keys(facts), Object.values(facts)],
  };
}

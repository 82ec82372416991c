import { AosError, type Commit, type LedgerOp } from "../../../kernel/index.ts";
import type { Connection } from "../connection.ts";
import type { Statement } from "../driver.ts";
import { isTaken, isUnmet } from "../faults.ts";
import { agentWrites, lateTurn } from "./agent-writes.ts";
import { ledgerWrites } from "./ledger-writes.ts";
import { mailWrites } from "./mail-writes.ts";
import { factWrites, recordWrites } from "./record-writes.ts";

/** What a group of units writes. */
export interface Writes {
  readonly statements: readonly Statement[];
  readonly ops: readonly LedgerOp[];
}

/**
 * What a group of units writes, a statement for each table.
 * @throws AosError STORE_FAILED where turns of one agent do not follow each other.
 */
export function writesOf(units: readonly Commit[]): Writes {
  return {
    statements: [...agentWrites(units), ...mailWrites(units), ...recordWrites(units), ...factWrites(units)],
    ops: units.flatMap(({ ledger }) => ledger ?? []),
  };
}

/** Sends everything at once, inside of the open transaction, and throws what failed first: the later ones failed because of it. */
export async function send(connection: Connection, { statements, ops }: Writes): Promise<void> {
  const answers: Promise<unknown>[] = statements.map(async (statement) => connection.run(statement));
  if (ops.length > 0) answers.push(ledgerWrites(connection, ops));
  for (const answer of await Promise.allSettled(answers)) if (answer.status === "rejected") throw answer.reason;
}

/** Why a unit was refused, in the words of the port; asked after its rows were rolled back. */
export async function explain(connection: Connection, { create = [], turn }: Commit, thrown: unknown): Promise<unknown> {
  const first = turn?.journal[0];
  if (isUnmet(thrown) && first !== undefined) return lateTurn(first);
  if (!isTaken(thrown, "agents_address")) return thrown;
  const addresses = create.map(({ row }) => row.address);
  const [found] = await connection.all<{ readonly address: string }>(
    "SELECT address FROM agents WHERE address = ANY ($1::text[]) LIMIT 1",
    addresses,
  );
  const address = found?.address ?? addresses.find((each, at) => addresses.indexOf(each) !== at) ?? "";
  return new AosError("AGENT_EXISTS", `agent ${address} exists already`, { cause: thrown, details: { agent: address } });
}

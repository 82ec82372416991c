import { AosError, type LedgerOp } from "../../../kernel/index.ts";
import type { Connection } from "../connection.ts";
import type { SqlResult, Statement } from "../driver.ts";
import { isOutOfRange } from "../faults.ts";

/** Whether an operation can be refused for what is stored. */
export function isConditional(op: LedgerOp): boolean {
  if (op.op === "append") return false;
  return op.op === "add" ? op.floor !== undefined : op.expectedVersion !== undefined;
}

/**
 * Does operations in their order; each sees those before it.
 * @throws AosError LEDGER_CONFLICT, LEDGER_FLOOR, LIMIT_EXCEEDED: then the unit must be rolled back.
 */
export async function ledgerWrites(connection: Connection, ops: readonly LedgerOp[]): Promise<void> {
  // Sent at once; what the first refuses is told, whatever became of the ones behind it.
  const answers = ops.map(async (op) =>
    connection.run(statementOf(op)).then(
      (answer) => judge(op, answer),
      (thrown: unknown) => {
        throw isOutOfRange(thrown) && op.op === "add" ? notFinite(op) : thrown;
      },
    ),
  );
  await Promise.allSettled(answers);
  await Promise.all(answers);
}

function statementOf(op: LedgerOp): Statement {
  const cls = Buffer.from(op.class, "utf8");
  switch (op.op) {
    case "put":
      return {
        name: "ledger-put",
        text: `INSERT INTO ledger_entries AS l (class, key, version, bytes) VALUES ($1, $2, 1, $3)
          ON CONFLICT (class, key) DO UPDATE SET version = l.version + 1, bytes = excluded.bytes RETURNING version - 1 AS before`,
        values: [cls, Buffer.from(op.key, "utf8"), op.bytes],
      };
    case "delete":
      return {
        name: "ledger-delete",
        text: "DELETE FROM ledger_entries WHERE class = $1 AND key = $2 RETURNING version AS before",
        values: [cls, Buffer.from(op.key, "utf8")],
      };
    case "add":
      return {
        name: "ledger-add",
        text: `INSERT INTO ledger_sums AS l (class, key, value) VALUES ($1, $2, $3)
          ON CONFLICT (class, key) DO UPDATE SET value = l.value + excluded.value RETURNING value`,
        values: [cls, Buffer.from(op.key, "utf8"), op.delta],
      };
    case "append":
      return {
        name: "ledger-append",
        text: "INSERT INTO ledger_rows (class, idx, bytes) SELECT $1, coalesce(max(idx), 0) + 1, $2 FROM ledger_rows WHERE class = $1",
        values: [cls, op.bytes],
      };
  }
}

function judge(op: LedgerOp, { rows }: SqlResult): void {
  if (op.op === "append") return;
  if (op.op === "add") {
    const value = Number(rows[0]?.["value"]);
    if (!Number.isFinite(value)) throw notFinite(op);
    if (op.floor !== undefined && value < op.floor) {
      throw new AosError("LEDGER_FLOOR", `the sum of ${op.class}/${op.key} would be ${value}, below its floor ${op.floor}`, {
        details: { class: op.class, key: op.key, sum: value, floor: op.floor },
      });
    }
    return;
  }
  const version = Number(rows[0]?.["before"] ?? 0);
  if (op.expectedVersion === undefined || op.expectedVersion === version) return;
  throw new AosError("LEDGER_CONFLICT", `${op.class}/${op.key} has version ${version}, not ${op.expectedVersion}`, {
    details: { class: op.class, key: op.key, version, expectedVersion: op.expectedVersion },
  });
}

function notFinite(op: LedgerOp & { readonly op: "add" }): AosError {
  return new AosError("LIMIT_EXCEEDED", `the sum of ${op.class}/${op.key} is not finite`);
}

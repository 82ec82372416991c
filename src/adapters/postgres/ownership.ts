import { setTimeout as sleep } from "node:timers/promises";
import { AosError } from "../../kernel/index.ts";
import type { Connection } from "./connection.ts";

/** Owners of before that are remembered, so that one that lost the data can still learn what became of its last commit. */
const OWNERS_KEPT = 100;
const LOCK_EVERY_MS = 50;
const LOCK = "hashtextextended('aos ' || current_schema(), 0)";
const IS_CURRENT = "incarnation = $1 AND n = (SELECT max(n) FROM owners)";

/**
 * Takes the lock that makes a connection the one that may write, for as long as it lives. The server lets a dead owner's
 * lock go when it notices its connection's end, for which this waits.
 * @throws AosError DATA_LOCKED where another one keeps it for longer than `waitMs`.
 */
export async function takeLock(connection: Connection, waitMs: number): Promise<void> {
  for (let left = waitMs; ; left -= LOCK_EVERY_MS) {
    const [row] = await connection.all<{ readonly is_ours: boolean }>(`SELECT pg_try_advisory_lock(${LOCK}) AS is_ours`);
    if (row?.is_ours === true) return;
    if (left <= 0) throw lockedError();
    await sleep(LOCK_EVERY_MS);
  }
}

/** Enters a new owner; whoever was one before cannot commit any more. */
export async function enterOwner(connection: Connection, incarnation: string): Promise<void> {
  await connection.run({ text: "INSERT INTO owners (incarnation, token) VALUES ($1, '')", values: [incarnation] });
  await connection.run({ text: `DELETE FROM owners WHERE n <= (SELECT max(n) FROM owners) - ${OWNERS_KEPT}` });
}

/** Whether nobody entered after this owner. */
export async function isCurrentOwner(connection: Connection, incarnation: string): Promise<boolean> {
  return (await connection.all(`SELECT 1 FROM owners WHERE ${IS_CURRENT}`, incarnation)).length === 1;
}

/**
 * Leaves the token of a commit inside of its transaction, which fails where another owner has entered.
 * @throws AosError DATA_LOCKED.
 */
export async function leaveToken(connection: Connection, incarnation: string, token: string): Promise<void> {
  const { rowCount } = await connection.run({
    name: "token",
    text: `UPDATE owners SET token = $2 WHERE ${IS_CURRENT}`,
    values: [incarnation, token],
  });
  if (rowCount !== 1) throw lockedError();
}

/** The token of an owner's last commit that stands. Only certain once the connection of that commit is gone. */
export async function lastToken(connection: Connection, incarnation: string): Promise<string | undefined> {
  const [row] = await connection.all<{ readonly token: string }>("SELECT token FROM owners WHERE incarnation = $1", incarnation);
  return row?.token;
}

/** The error of whoever finds the data owned by another process. */
export function lockedError(): AosError {
  return new AosError("DATA_LOCKED", "another process owns the data in this PostgreSQL schema: stop it first, or use another database");
}

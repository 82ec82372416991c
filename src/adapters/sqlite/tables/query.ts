/* oxlint-disable typescript/no-unnecessary-type-parameters -- SQLite's answer has the shape of the SELECT, which no compiler reads */
import type { SQLInputValue, StatementSync } from "node:sqlite";

/** All rows of a statement. Each table's file names the columns and, beside them, the type `T` that they make. */
export function all<T>(statement: StatementSync, ...values: readonly SQLInputValue[]): readonly T[] {
  return statement.all(...values) as unknown as readonly T[];
}

/** The first row of a statement, if it has one. */
export function first<T>(statement: StatementSync, ...values: readonly SQLInputValue[]): T | undefined {
  return statement.get(...values) as unknown as T | undefined;
}

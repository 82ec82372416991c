/* oxlint-disable typescript/no-unnecessary-type-parameters, typescript/no-unsafe-type-assertion -- SQLite's answer has the shape of the SELECT, which no compiler reads */
import type { SQLInputValue, StatementSync } from "node:sqlite";

/** All rows of a statement. Each table's file names the columns and, beside them, the type `T` that they make. */
export function all<T>(statement: StatementSync, ...values: readonly SQLInputValue[]): readonly T[] {
  return statement.all(...values) as unknown as readonly T[];
}

/** The first row of a statement, if it has one. */
export function first<T>(statement: StatementSync, ...values: readonly SQLInputValue[]): T | undefined {
  return statement.get(...values) as unknown as T | undefined;
}

/** Rows one by one, for as long as they are wanted. */
export function* each<T>(statement: StatementSync, ...values: readonly SQLInputValue[]): Generator<T, undefined> {
  for (const row of statement.iterate(...values)) yield row as unknown as T;
  return undefined;
}

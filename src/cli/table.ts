/** A column: its head, and what a row shows there. */
export type Column<Row> = readonly [head: string, cell: (row: Row) => string | number | undefined | null];

/** Lays rows out in aligned columns, two spaces apart; what is absent shows as `-`. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): readonly string[] {
  const cells = rows.map((row) => columns.map(([, cell]) => clean(cell(row))));
  const lines = [columns.map(([head]) => head), ...cells];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** Control characters in data must not move a terminal's cursor. */
function clean(cell: string | number | undefined | null): string {
  if (cell === undefined || cell === null || cell === "") return "-";
  // oxlint-disable-next-line eslint/no-control-regex
  return String(cell).replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}

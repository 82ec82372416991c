import { z } from "zod";

/** A schema of the wire. */
export type WireSchema = z.ZodType;

/** The JSON Schema (2020-12, as OpenAPI 3.1 takes it) of what a peer sends or gets. */
export function jsonSchema(schema: WireSchema, direction: "input" | "output"): Readonly<Record<string, unknown>> {
  const { $schema: _dialect, ...described } = z.toJSONSchema(schema, {
    io: direction,
    unrepresentable: "any",
  });
  return described;
}

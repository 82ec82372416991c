import { z } from "zod";
import type { StateAt } from "../kernel/index.ts";
import { AnyJson } from "./answers.ts";
import { moment } from "./rows.ts";

const turnNumber = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

/** Which two turns to compare. */
export const DiffTurns = z.object({ from: turnNumber, to: turnNumber });

/** Which turn to go back to, and why. */
export const RewindAgent = z.strictObject({ turn: z.int().min(1), reason: z.string().max(1_000).optional() });

/** What to call a fork, and where it begins. */
export const ForkAgent = z.strictObject({
  id: z.string().min(1).max(128),
  turn: z.int().min(1).optional().describe("the turn to fork at; the newest unless given"),
  start: z.boolean().optional().describe("take mail at once, with effects that are dry until the fork is resumed"),
});

/** A state as a turn left it. */
export const PastStateAnswer = z.object({ state: AnyJson, version: z.int(), turn: z.int(), at: z.iso.datetime() });

/** What made one state the other: a JSON Patch whose members `was` are for people. */
export const DiffAnswer = z.object({
  agent: z.string(),
  from: z.int(),
  to: z.int(),
  patch: z.array(
    z.object({ op: z.enum(["add", "remove", "replace"]), path: z.string(), value: AnyJson.optional(), was: AnyJson.optional() }),
  ),
});

/** What a rewind did. */
export const RewoundAnswer = z.object({
  agent: z.string(),
  to: z.int().describe("the turn whose state the agent has again"),
  from: z.int().describe("the turn that it had before"),
  turn: z.int().describe("the turn of the rewind itself"),
});

/** What a fork made. */
export const ForkedAnswer = z.object({ agent: z.string(), from: z.string(), turn: z.int() });

/** A past state as it goes over the wire. */
export function pastStateRow(found: StateAt): Readonly<Record<string, unknown>> {
  return { ...found, at: moment(found.at) };
}

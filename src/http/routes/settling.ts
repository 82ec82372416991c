import { AosError } from "../../kernel/index.ts";
import {
  AckAnswer,
  Count,
  DeadLetterAnswer,
  DeadLetterFilter,
  deadLetterRow,
  DeadLettersPage,
  EffectAnswer,
  EffectFilter,
  effectRow,
  EffectsAnswer,
  Fresh,
  moment,
  Reason,
  RedrivenAllAnswer,
  RedrivenAnswer,
  RedriveFilter,
  ResolveEffect,
  ScheduleFilter,
  scheduleRow,
  SchedulesAnswer,
  TimesAnswer,
} from "../../protocol/index.ts";
import { addressFor, maySee, tenantFilter } from "../guard.ts";
import { type Call, ok, type Route, route } from "../route.ts";
import { addressOf } from "./agents.ts";

const SCHEDULE = "/api/agents/{type}/{id}/schedules/{name}";
const LETTER = "/api/dead-letters/{id}";
const PAGE = 1_000;

/** Routes for what a human settles and plans: dead letters, effects in doubt, schedules. */
export const settlingRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/dead-letters",
    scope: "read",
    summary: "List dead letters",
    query: DeadLetterFilter,
    answers: { 200: { description: "a page of dead letters", schema: DeadLettersPage } },
    handle: async (call) => {
      const { reason, cursor, limit } = call.query;
      const page = await call.system.api.deadLetters({ agent: named(call), tenant: tenantFilter(call), reason }, { cursor, limit });
      return ok({ items: page.items.map(deadLetterRow), next: page.next });
    },
  }),
  route({
    method: "GET",
    path: LETTER,
    scope: "read",
    summary: "Show a dead letter",
    answers: { 200: { description: "the dead letter", schema: DeadLetterAnswer } },
    errors: ["DEAD_LETTER_NOT_FOUND"],
    handle: async (call) => ok(deadLetterRow(await ownLetter(call))),
  }),
  route({
    method: "DELETE",
    path: LETTER,
    scope: "operate",
    summary: "Drop a dead letter for good",
    answers: { 204: { description: "it is gone" } },
    errors: ["DEAD_LETTER_NOT_FOUND"],
    handle: async (call) => {
      await call.system.api.drop((await ownLetter(call)).id);
      return { status: 204 };
    },
  }),
  route({
    method: "POST",
    path: `${LETTER}:redrive`,
    scope: "operate",
    summary: "Put a dead letter back; `fresh` lets its effects run again",
    body: Fresh,
    isBodyOptional: true,
    answers: { 200: { description: "it is in the mailbox again", schema: RedrivenAnswer } },
    errors: ["DEAD_LETTER_NOT_FOUND", "AGENT_TERMINATED"],
    handle: async (call) =>
      ok(
        await call.system.api.redrive((await ownLetter(call)).id, {
          fresh: call.body.fresh ?? false,
        }),
      ),
  }),
  route({
    method: "POST",
    path: "/api/dead-letters:redrive",
    scope: "operate",
    summary: "Put back every dead letter of a filter",
    body: RedriveFilter,
    isBodyOptional: true,
    answers: { 200: { description: "how many", schema: RedrivenAllAnswer } },
    handle: async (call) => {
      const ids = await lettersOf(call);
      for (const id of ids) await call.system.api.redrive(id, { fresh: call.body.fresh ?? false });
      return ok({ redriven: ids.length });
    },
  }),
  route({
    method: "GET",
    path: "/api/effects",
    scope: "read",
    summary: "List effects, such as those in doubt",
    query: EffectFilter,
    answers: { 200: { description: "effects", schema: EffectsAnswer } },
    handle: async (call) => {
      const { state, limit } = call.query;
      const found = await call.system.api.effects({ state, agent: named(call), limit });
      return ok({ items: found.filter(({ agent }) => maySee(call, agent)).map(effectRow) });
    },
  }),
  route({
    method: "POST",
    path: "/api/effects/{id}:resolve",
    scope: "operate",
    summary: "Say what became of an effect in doubt",
    body: ResolveEffect,
    answers: { 200: { description: "the effect", schema: EffectAnswer } },
    errors: ["EFFECT_NOT_FOUND", "LIFECYCLE_ILLEGAL"],
    handle: async (call) => {
      const id = call.params["id"] ?? "";
      await assertOwnEffect(call, id);
      return ok(effectRow(await call.system.api.resolveEffect(id, call.body)));
    },
  }),
  route({
    method: "GET",
    path: "/api/schedules",
    scope: "read",
    summary: "List schedules with their next times",
    query: ScheduleFilter,
    answers: { 200: { description: "schedules", schema: SchedulesAnswer } },
    handle: async (call) => {
      const found = await call.system.api.schedules(named(call));
      return ok({ items: found.filter(({ agent }) => maySee(call, agent)).map(scheduleRow) });
    },
  }),
  route({
    method: "GET",
    path: `${SCHEDULE}/next`,
    scope: "read",
    summary: "Show when a schedule fires next",
    query: Count,
    answers: { 200: { description: "times", schema: TimesAnswer } },
    errors: ["AGENT_NOT_FOUND", "NOT_FOUND"],
    handle: async (call) =>
      ok({
        items: (await call.system.api.previewSchedule(addressOf(call), call.params["name"] ?? "", call.query.count ?? 5)).map(moment),
      }),
  }),
  route({
    method: "POST",
    path: `${SCHEDULE}:run`,
    scope: "operate",
    summary: "Fire a schedule now",
    body: Reason,
    isBodyOptional: true,
    answers: { 202: { description: "the tick is durable", schema: AckAnswer } },
    errors: ["AGENT_NOT_FOUND", "NOT_FOUND"],
    handle: async (call) => ({
      status: 202,
      body: await call.system.api.runSchedule(addressOf(call), call.params["name"] ?? ""),
    }),
  }),
];

function named(call: Call<{ readonly agent?: string | undefined }, unknown>): string | undefined {
  return call.query.agent === undefined ? undefined : addressFor(call, call.query.agent);
}

async function ownLetter(call: Call<unknown, unknown>): Promise<Awaited<ReturnType<typeof call.system.api.deadLetter>>> {
  const id = call.params["id"] ?? "";
  const letter = await call.system.api.deadLetter(id);
  if (maySee(call, letter.agent)) return letter;
  throw new AosError("DEAD_LETTER_NOT_FOUND", `there is no dead letter ${id.slice(0, 80)}`, {
    details: { id },
  });
}

/** The letters that a filter finds now: those that come while they are put back are left. */
async function lettersOf(
  call: Call<unknown, { readonly agent?: string | undefined; readonly reason?: string | undefined }>,
): Promise<readonly string[]> {
  const agent = call.body.agent === undefined ? undefined : addressFor(call, call.body.agent);
  const filter = { agent, tenant: tenantFilter(call), reason: call.body.reason };
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await call.system.api.deadLetters(filter, { cursor, limit: PAGE });
    ids.push(...page.items.map(({ id }) => id));
    cursor = page.next;
  } while (cursor !== undefined);
  return ids;
}

async function assertOwnEffect(call: Call<unknown, unknown>, id: string): Promise<void> {
  if (call.principal.isFleet) return;
  const inDoubt = await call.system.api.effects({ state: "in-doubt", limit: PAGE });
  if (inDoubt.some((effect) => effect.id === id && maySee(call, effect.agent))) return;
  throw new AosError("EFFECT_NOT_FOUND", `there is no effect ${id.slice(0, 80)} in doubt`, {
    details: { id },
  });
}

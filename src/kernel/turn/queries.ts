import { validate } from "../contract/schema.ts";
import type { AgentEntry } from "../agents/entry.ts";
import { AosError, isAosError, toAosError } from "../errors.ts";
import { deepFreeze, toJson } from "../json.ts";
import { readState } from "./migrate.ts";
import type { LoadedType } from "../agents/types.ts";

/**
 * Answers a query from an agent's last committed state, which it sees frozen: no wake, no journal, no write.
 * @throws AosError EVENT_NOT_ACCEPTED, PAYLOAD_INVALID, QUERY_WROTE, TURN_FAILED.
 */
export async function runQuery(type: LoadedType, entry: AgentEntry, name: string, input: unknown): Promise<unknown> {
  const found = type.queries.get(name);
  if (found === undefined) {
    throw new AosError("EVENT_NOT_ACCEPTED", `type ${type.name} has no query "${name.slice(0, 80)}"`, {
      details: { queries: [...type.queries.keys()] },
    });
  }
  const checked = await validate(found.type.input, input ?? {}, `input of query ${name}`);
  const state = deepFreeze(readState(type, entry));
  const handler = found.handler.run as unknown as (state: unknown, input: unknown) => unknown;
  let answer: unknown;
  try {
    answer = handler(state, checked);
  } catch (thrown) {
    if (thrown instanceof TypeError && /read only|not extensible|Cannot (?:add|delete|assign|redefine|define)/.test(thrown.message)) {
      throw new AosError("QUERY_WROTE", `query ${name} of ${entry.address} tried to change the state`, { cause: thrown });
    }
    throw isAosError(thrown) ? thrown : toAosError(thrown, "TURN_FAILED");
  }
  if (answer instanceof Promise) {
    void answer.catch(() => undefined);
    throw new AosError("QUERY_WROTE", `query ${name} of ${entry.address} is asynchronous; a query is a pure function of the state`);
  }
  const output = await validate(found.type.output, answer, `output of query ${name}`, "TURN_FAILED");
  return JSON.parse(toJson(output ?? null, `output of query ${name}`)) as unknown;
}

import { parseAddress, TYPE_PATTERN } from "../address.ts";
import { parseDuration } from "../time/duration.ts";
import { AosError } from "../errors.ts";
import type { Contract, Period } from "./contract.ts";

const MEMBER_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const PERIODS: ReadonlySet<string> = new Set<Period>(["turn", "chain", "minute", "hour", "day", "month"]);

function refuse(contract: { readonly type?: unknown }, message: string): never {
  throw new AosError("CONTRACT_INVALID", `contract ${String(contract.type)}: ${message}`, {
    details: { type: contract.type },
  });
}

function checkNames(contract: Contract): void {
  const seen = new Map<string, string>();
  for (const part of ["on", "commands", "queries", "schedules"] as const) {
    for (const name of Object.keys(contract[part] ?? {})) {
      if (!MEMBER_NAME.test(name)) refuse(contract, `${part}.${name} is not 1–64 of A-Z a-z 0-9 _ -`);
      const other = seen.get(name);
      if (other !== undefined) refuse(contract, `"${name}" stands in ${other} and in ${part}`);
      seen.set(name, part);
    }
  }
  const events = new Set<string>();
  for (const { name } of Object.values(contract.on ?? {})) {
    if (events.has(name)) refuse(contract, `event ${name} is accepted twice`);
    events.add(name);
  }
  const effects = new Set<string>();
  for (const { name } of contract.uses ?? []) {
    if (effects.has(name)) refuse(contract, `effect ${name} is listed twice`);
    effects.add(name);
  }
}

/**
 * Refuses a contract that contradicts itself.
 * @throws AosError CONTRACT_INVALID naming the part that is wrong.
 */
export function checkContract(contract: Contract): void {
  if (!TYPE_PATTERN.test(contract.type)) refuse(contract, "type is not [a-z][a-z0-9-]{0,62}");
  if (typeof contract.purpose !== "string") refuse(contract, "purpose is missing");
  if (contract.state === undefined) refuse(contract, "state is missing");
  checkNames(contract);
  const accepted = new Set(Object.values(contract.on ?? {}).map(({ name }) => name));
  for (const { topic, event } of contract.topics ?? []) {
    if (!accepted.has(event.name)) refuse(contract, `topic ${topic} brings ${event.name}, which \`on\` does not list`);
  }
  const { supervise } = contract;
  if (supervise !== undefined) {
    parseDuration(supervise.within);
    for (const to of [...(supervise.dependsOn ?? []), ...(supervise.escalate === undefined ? [] : [supervise.escalate])]) parseAddress(to);
    if (!Number.isSafeInteger(supervise.restarts) || supervise.restarts < 0)
      refuse(contract, "supervise.restarts is not a whole number from 0");
  }
  for (const [quantity, periods] of Object.entries(contract.budget ?? {})) {
    for (const [period, limit] of Object.entries(periods)) {
      if (!PERIODS.has(period)) refuse(contract, `budget.${quantity}.${period}: a period is one of ${[...PERIODS].join(", ")}`);
      if (typeof limit !== "number" || !(limit >= 0)) refuse(contract, `budget.${quantity}.${period} is not a number from 0`);
    }
  }
}

import { jsonDifferences } from "../replay/differences.ts";

/** How a type's contract differs from the one that its agents were loaded with last. */
export interface ContractChange {
  readonly type: string;
  readonly part: string;
  /** In words. */
  readonly change: string;
}

const LISTS = ["events", "commands", "queries", "effects", "topics"] as const;
const VALUES = ["stateVersion", "budget", "supervise", "retry", "purpose", "adapter"] as const;

type Described = Readonly<Record<string, unknown>>;

/** What is gone, new or different in a contract, both as `describeContract` tells them. */
export function contractChanges(type: string, was: Described, now: Described): readonly ContractChange[] {
  const found: ContractChange[] = [];
  for (const part of LISTS) found.push(...between(type, part, byName(was[part]), byName(now[part])));
  found.push(...between(type, "schedules", entries(was["schedules"]), entries(now["schedules"])));
  for (const part of VALUES) {
    if (jsonDifferences(was[part] ?? null, now[part] ?? null).length === 0) continue;
    found.push({ type, part, change: `${brief(was[part])} → ${brief(now[part])}` });
  }
  return found;
}

function between(
  type: string,
  part: string,
  was: ReadonlyMap<string, unknown>,
  now: ReadonlyMap<string, unknown>,
): readonly ContractChange[] {
  const found: ContractChange[] = [];
  for (const [name, old] of was) {
    if (!now.has(name)) found.push({ type, part, change: `${name} is gone` });
    else {
      const [first] = jsonDifferences(old, plain(now.get(name)));
      if (first !== undefined) found.push({ type, part, change: `${name}${first.path}: ${brief(first.was)} → ${brief(first.now)}` });
    }
  }
  for (const name of now.keys()) if (!was.has(name)) found.push({ type, part, change: `${name} is new` });
  return found;
}

function byName(list: unknown): ReadonlyMap<string, unknown> {
  const items = Array.isArray(list) ? (list as readonly unknown[]) : [];
  return new Map(
    items.map((item) => {
      if (typeof item === "string") return [item, item];
      const { name, topic } = item as { readonly name?: string; readonly topic?: string };
      return [name ?? topic ?? JSON.stringify(item), item];
    }),
  );
}

function entries(of: unknown): ReadonlyMap<string, unknown> {
  return new Map(Object.entries((of ?? {}) as Readonly<Record<string, unknown>>));
}

function plain(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}

function brief(value: unknown): string {
  return (JSON.stringify(value) ?? "none").slice(0, 80);
}

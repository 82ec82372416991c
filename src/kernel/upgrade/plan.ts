import { shortAddress } from "../address.ts";
import { describeContract, type LoadedType, type TypeRegistry } from "../agents/types.ts";
import type { Hasher } from "../clock.ts";
import { validate } from "../contract/schema.ts";
import { toAosError } from "../errors.ts";
import { checkPayload } from "../mail/intake.ts";
import { replayJournals } from "../replay/replay.ts";
import { explainFailure, upgradedState } from "./check-state.ts";
import { type ContractChange, contractChanges } from "./contract-changes.ts";
import { type AgentSnapshot, typeOfSnapshot } from "./snapshot.ts";

/** What a look at an agent found. `state`, `mail`, `config` and `failure` are failures, the others are worth a look. */
export type PlanCheck = "state" | "mail" | "config" | "failure" | "pure" | "code" | "replay";

/** Agents with the same finding. */
export interface PlanGroup {
  readonly type: string;
  readonly check: PlanCheck;
  readonly isFailure: boolean;
  readonly code: string;
  readonly message: string;
  /** JSON Pointer of the fault. */
  readonly path?: string | undefined;
  readonly count: number;
  /** The first ten. */
  readonly agents: readonly string[];
}

/** What new code would do to the agents that are stored. */
export interface PlanReport {
  readonly agents: number;
  /** Agents whose state would have to be migrated. */
  readonly migrated: number;
  /** Agents that would fail. */
  readonly failing: number;
  readonly groups: readonly PlanGroup[];
  readonly contracts: readonly ContractChange[];
  readonly replay: { readonly replayed: number; readonly differing: number; readonly skipped: Readonly<Record<string, number>> };
}

/** What planning needs. */
export interface PlanParts {
  readonly types: TypeRegistry;
  readonly hasher: Hasher;
  readonly stateBytes: number;
  readonly stored: readonly { readonly name: string; readonly contract: unknown }[];
  /** Told how many agents were looked at. */
  readonly progress?: ((agents: number) => void) | undefined;
}

interface Finding {
  readonly check: PlanCheck;
  readonly code: string;
  readonly message: string;
  readonly path?: string | undefined;
}

const EXAMPLES = 10;
const FAILURES: ReadonlySet<PlanCheck> = new Set<PlanCheck>(["state", "mail", "config", "failure"]);
const PROGRESS_EVERY = 5_000;

/** Looks at copies of stored agents through new code: nothing is changed, nothing leaves. */
export async function planUpgrade(parts: PlanParts, snapshots: AsyncIterable<AgentSnapshot>): Promise<PlanReport> {
  const groups = new Map<string, PlanGroup & { count: number; agents: string[] }>();
  let [agents, failing, migrated, replayed, differing] = [0, 0, 0, 0, 0];
  const skipped: Record<string, number> = {};
  for await (const agent of snapshots) {
    const name = typeOfSnapshot(agent);
    // The system's own agents come with the system.
    if (name === "aos-subscriber") continue;
    const type = parts.types.get(name);
    const findings = type === undefined ? [noCode(name)] : await examine(parts, type, agent);
    if (type !== undefined && agent.stateVersion !== type.contract.state.version) migrated++;
    if (type !== undefined && agent.journal !== undefined) {
      const replay = await replayJournals((each) => parts.types.get(each), parts.hasher, [agent.journal]);
      replayed += replay.replayed;
      for (const [why, count] of Object.entries(replay.skipped)) skipped[why] = (skipped[why] ?? 0) + count;
      differing += new Set(replay.differences.map(({ turn }) => turn)).size;
      // What already fails for its state would fail in every turn as well.
      if (!findings.some(({ check }) => check === "state")) findings.push(...replay.differences.map(ofDifference));
    }
    if (findings.some(({ check }) => FAILURES.has(check))) failing++;
    for (const finding of findings) add(groups, name, shortAddress(agent.address), finding);
    if (++agents % PROGRESS_EVERY === 0) parts.progress?.(agents);
  }
  parts.progress?.(agents);
  const sorted = [...groups.values()].toSorted(
    (left, right) => Number(right.isFailure) - Number(left.isFailure) || right.count - left.count,
  );
  return { agents, migrated, failing, groups: sorted, contracts: contractsOf(parts), replay: { replayed, differing, skipped } };
}

async function examine(parts: PlanParts, type: LoadedType, agent: AgentSnapshot): Promise<Finding[]> {
  const found: Finding[] = [];
  try {
    const once = await upgradedState(type, agent, parts.stateBytes);
    const isOld = agent.stateVersion !== type.contract.state.version;
    if (isOld && once !== (await upgradedState(type, agent, parts.stateBytes)))
      found.push({
        check: "pure",
        code: "MIGRATION_FAILED",
        message: "two runs of its migration give different states: a migration is a pure function",
      });
  } catch (thrown) {
    found.push({ check: "state", ...explainFailure(thrown) });
  }
  try {
    if (type.contract.config !== undefined) await validate(type.contract.config, agent.config ?? {}, "configuration");
  } catch (thrown) {
    found.push({ check: "config", ...explainFailure(thrown) });
  }
  for (const { kind, name, data, version } of agent.mail) {
    if (kind === "schedule") continue;
    try {
      await checkPayload(type, kind, name, data, version);
    } catch (thrown) {
      const why = toAosError(thrown);
      const { message, path } = explainFailure(why);
      found.push({ check: "mail", code: "SCHEMA_MISMATCH", message: `queued ${kind} ${name} would be a dead letter: ${message}`, path });
    }
  }
  return found;
}

function noCode(name: string): Finding {
  return { check: "code", code: "CODE_MISSING", message: `no code for type ${name}: its agents would keep their mail and wait` };
}

function ofDifference({ what, detail, path }: { readonly what: string; readonly detail: string; readonly path: string }): Finding {
  return what === "failure"
    ? { check: "failure", code: "TURN_FAILED", message: `a replayed turn fails: ${detail}` }
    : { check: "replay", code: "DIFFERENT", message: `a replayed turn ${detail}`, path };
}

function add(groups: Map<string, PlanGroup & { count: number; agents: string[] }>, type: string, agent: string, finding: Finding): void {
  const key = JSON.stringify([type, finding.check, finding.code, finding.message, finding.path]);
  const group = groups.get(key) ?? { type, ...finding, isFailure: FAILURES.has(finding.check), count: 0, agents: [] };
  groups.set(key, group);
  if (group.agents.at(-1) === agent) return;
  group.count++;
  if (group.agents.length < EXAMPLES) group.agents.push(agent);
}

function contractsOf({ stored, types }: PlanParts): readonly ContractChange[] {
  return stored.flatMap(({ name, contract }) => {
    const type = types.get(name);
    return type === undefined ? [] : contractChanges(name, contract as Readonly<Record<string, unknown>>, describeContract(type.contract));
  });
}

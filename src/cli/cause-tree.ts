import type { TurnRecord } from "../client/index.ts";

interface Node {
  readonly records: TurnRecord[];
  readonly children: Node[];
}

/** Draws the records of a chain as a tree: what woke whom, and what came of it. A retried event is one node with a line per attempt. */
export function causeTree(records: readonly TurnRecord[]): readonly string[] {
  const nodes = new Map<string, Node>();
  const roots: Node[] = [];
  for (const record of records) {
    const key = `${record.cause.id} ${record.agent}`;
    const known = nodes.get(key);
    if (known !== undefined) {
      known.records.push(record);
      continue;
    }
    const node: Node = { records: [record], children: [] };
    (parentOf(record, nodes) ?? { children: roots }).children.push(node);
    nodes.set(key, node);
  }
  return roots.flatMap((root) => draw(root, "", ""));
}

/** Mail from an agent was sent by that agent's latest turn one hop up the chain. */
function parentOf({ cause }: TurnRecord, nodes: ReadonlyMap<string, Node>): Node | undefined {
  if (cause.depth === 0) return undefined;
  return [...nodes.values()].findLast(({ records: [first] }) => {
    if (first === undefined || first.cause.chain !== cause.chain) return false;
    const isSender = cause.from === undefined || cause.from === first.agent || cause.from.endsWith(`/${first.agent}`);
    return isSender && first.cause.depth === cause.depth - 1;
  });
}

function draw(node: Node, lead: string, below: string): readonly string[] {
  const [first] = node.records;
  if (first === undefined) return [];
  const { cause } = first;
  const isOne = node.records.length === 1;
  const head = `${lead}${cause.type}  ${short(cause.from) ?? cause.source} → ${first.agent}  ${isOne ? ending(first) : ""}`.trimEnd();
  const inner = node.children.length > 0 ? `${below}│  ` : `${below}   `;
  const attempts = isOne ? [] : node.records.map((record) => `${inner}${ending(record)}`);
  const notes = node.records.flatMap((record) => [...noteOf(record)].map((note) => `${inner}${note}`));
  const children = node.children.flatMap((child, at) => {
    const isLast = at === node.children.length - 1;
    return draw(child, `${below}${isLast ? "└─ " : "├─ "}`, `${below}${isLast ? "   " : "│  "}`);
  });
  return [head, ...attempts, ...notes, ...children];
}

/** The default tenant goes without saying. */
function short(address: string | undefined): string | undefined {
  return address?.replace(/^default\//, "");
}

function ending({ turn, outcome, attempts, costMs, effects, sent }: TurnRecord): string {
  const parts = [
    `turn ${turn}`,
    attempts > 1 ? `${outcome} (attempt ${attempts})` : outcome,
    `${Math.round(costMs)} ms`,
    effects.length > 0 ? plural(effects.length, "effect") : undefined,
    sent > 0 ? `${sent} sent` : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(" · ");
}

function* noteOf({ error, decisions, note }: TurnRecord): Generator<string> {
  if (note !== undefined) yield `note: ${note}`;
  if (error !== undefined) yield `${error.code}: ${error.message.replaceAll(/\s*\n\s*/g, "; ")}`;
  for (const decision of decisions) yield `decided: ${describe(decision)}`;
}

function describe(decision: unknown): string {
  const { choice, because } = (typeof decision === "object" && decision !== null ? decision : {}) as {
    readonly choice?: unknown;
    readonly because?: unknown;
  };
  if (typeof choice !== "string") return JSON.stringify(decision) ?? "nothing";
  const why = Array.isArray(because) ? because.join("; ") : because;
  return typeof why === "string" && why !== "" ? `${choice}, because ${why}` : choice;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

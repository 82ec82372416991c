/** Stores with one plausible defect each, over the embedded one; the kit must find every one of them by the case that is named. */
import { SqliteStore } from "../../../src/adapters/sqlite/index.ts";
import type { AosError, Commit, LedgerOp, Store } from "../../../src/kernel/index.ts";

/** A defect, and the title of the case that must fail for it. */
export interface Defect {
  readonly what: string;
  readonly foundBy: string;
  /** What is answered differently; the store without the defect is `store`. */
  readonly change: (store: SqliteStore, path: string) => Partial<Store>;
}

type Outcomes = readonly (AosError | undefined)[];

/** A store that answers as another one does, but for what is changed. */
export function changed(store: SqliteStore, change: Partial<Store>): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const of: unknown = Object.hasOwn(change, name) ? Reflect.get(change, name) : Reflect.get(target, name, target);
      return typeof of === "function" ? of.bind(target) : of;
    },
  });
}

/** Commits other units than it was given. */
function commits(rewrite: (unit: Commit) => Commit): Defect["change"] {
  return (store) => ({ commit: (units) => store.commit(units.map(rewrite)) });
}

/** Commits other operations of the ledger than it was given. */
function ledgerOps(rewrite: (op: LedgerOp) => LedgerOp): Defect["change"] {
  return commits((unit) => (unit.ledger === undefined ? unit : { ...unit, ledger: unit.ledger.map(rewrite) }));
}

const without = (text: string): string => text.replaceAll("\u0000", "");

export const DEFECTS: readonly Defect[] = [
  {
    what: "loses half of a large batch",
    foundBy: "every unit of a large batch is there, in its order, with bad ones among them",
    change: (store) => ({
      commit: (units) =>
        units.length < 100
          ? store.commit(units)
          : [...store.commit(units.slice(0, units.length / 2)), ...units.slice(units.length / 2).map(() => undefined)],
    }),
  },
  {
    what: "acknowledges before what it says is on the disk",
    foundBy: "after every step of a life a death loses nothing that was acknowledged",
    change: writesBehind,
  },
  {
    what: "forgets agents' last turns when its process is killed",
    foundBy: "a death after many turns gives each agent its last one, and the next one follows it",
    change: forgetsTurns,
  },
  {
    what: "stores the units of a batch in another order",
    foundBy: "units of commits that are under way together are stored in their order",
    change: reorders,
  },
  {
    what: "lets a bad unit take its batch with it",
    foundBy: "a bad unit is removed from its batch alone, with what its agent built on it",
    change: (store) => ({
      commit: (units) => {
        const outcomes = units.map((unit) => store.commit([{ turn: unit.turn }])[0]);
        const bad = outcomes.find((outcome) => outcome !== undefined);
        return bad === undefined ? outcomes : outcomes.map(() => bad);
      },
    }),
  },
  {
    what: "writes a unit in two transactions",
    foundBy: "a refused unit leaves nothing of anything that it touches",
    change: (store) => ({
      commit: (units) =>
        units.map(({ mailIn, deadIn, ...rest }): Outcomes[number] => {
          const [first] = store.commit([{ deadIn, mailIn }]);
          return first ?? store.commit([rest])[0];
        }),
    }),
  },
  {
    what: "leaves a page's last entry to nobody",
    foundBy: "agents are listed by address in pages, by tenant, type and status",
    change: (store) => ({ agents: async (filter) => (await store.agents({ ...filter, limit: filter.limit + 1 })).slice(1) }),
  },
  {
    what: "gives one more than was asked for",
    foundBy: "no list gives more than its limit",
    change: (store) => ({ journalWith: async (text, limit) => store.journalWith(text, limit + 1) }),
  },
  {
    what: "begins a page with the entry that it is asked to follow",
    foundBy: "pages of any size cover everything once, though more comes in behind them",
    change: (store) => ({ journal: async (agent, after, limit) => store.journal(agent, Math.max(0, after - 1), limit) }),
  },
  {
    what: "cuts big values at 64 KiB",
    foundBy: "any text comes back from every record as it was, also a mebibyte",
    change: commits((unit) => ({ ...unit, mailIn: unit.mailIn?.map((row) => ({ ...row, data: row.data.slice(0, 65_536) })) })),
  },
  {
    what: "strips U+0000",
    foundBy: "U+0000 comes back from every record as it was",
    change: commits((unit) => ({ ...unit, effects: unit.effects?.map((row) => ({ ...row, input: without(row.input) })) })),
  },
  {
    what: "cuts texts at U+0000",
    foundBy: "ledger: keys are any Unicode text, compared by code point, U+0000 included",
    change: ledgerOps((op) => (op.op === "put" ? { ...op, key: op.key.split("\u0000")[0] || " " } : op)),
  },
  {
    what: "forgets dedupe keys when retention passes",
    foundBy: "a dedupe key is remembered until retention drops it, and no younger one with it",
    change: (store) => ({ prune: async (retention, limit) => store.prune({ ...retention, dedupeBefore: 9e15 }, limit) }),
  },
  {
    what: "takes the last id for a dedupe key in the place of the first",
    foundBy: "a dedupe key that is there stays as it is, also from before a pruning",
    change: takesLastKey,
  },
  {
    what: "ignores the ledger's floor",
    foundBy: "ledger: a sum may touch its floor and never pass it",
    change: ledgerOps((op) => (op.op === "add" ? { ...op, floor: undefined } : op)),
  },
  {
    what: "checks the floor before others' withdrawals are counted",
    foundBy: "ledger: racing withdrawals never take more than there is",
    change: (store) => ({
      commit: async (units) => {
        const ops = units.flatMap(({ ledger }) => ledger ?? []);
        const sums = await Promise.all(ops.map(async (op) => ("key" in op ? store.ledgerSum(op.class, op.key) : 0)));
        const isEnough = ops.every((op, at) => op.op !== "add" || op.floor === undefined || (sums[at] ?? 0) + op.delta >= op.floor);
        const open = units.map((unit) => ({
          ...unit,
          ledger: unit.ledger?.map((op) => (op.op === "add" ? { ...op, floor: undefined } : op)),
        }));
        return store.commit(isEnough ? open : units);
      },
    }),
  },
  {
    what: "ignores expectedVersion",
    foundBy: "ledger: a put passes only at the version that it expects",
    change: ledgerOps((op) => (op.op === "put" ? { ...op, expectedVersion: undefined } : op)),
  },
  {
    what: "gives timers early",
    foundBy: "what is due comes earliest first, at most a limit",
    change: (store) => ({ due: (now, limit) => store.due(now + 1, limit) }),
  },
  {
    what: "never says when the next timer is due",
    foundBy: "a change of mail sets and clears what it names",
    change: () => ({ nextDue: () => undefined }),
  },
  {
    what: "keeps a timer beside the one that takes its place",
    foundBy: "a timer takes the place of its agent's timer of that name",
    change: commits((unit) => ({
      ...unit,
      mailIn: unit.mailIn?.map((row) => ({ ...row, timer: row.timer && `${row.timer}-${row.seq}` })),
    })),
  },
  {
    what: "ignores the fence of the turn",
    foundBy: "of many that claim the same turn at once exactly one gets it",
    change: ignoresFence,
  },
  {
    what: "gives mail that was taken once more",
    foundBy: "mail that was removed is gone, and removing it again passes",
    change: givesTwice,
  },
  {
    what: "puts an agent's mail in the order of its priority",
    foundBy: "mail comes back by seq as it was put",
    change: (store) => ({ mail: (agent) => store.mail(agent).toSorted((left, right) => left.priority - right.priority) }),
  },
  {
    what: "lets mail that is tried again leave its lane",
    foundBy: "mail that is not due yet is left out, unless it is parked or tried again",
    change: (store) => ({ mail: (agent) => store.mail(agent).filter(({ attempts }) => attempts === 0) }),
  },
  {
    what: "prunes an agent's newest journal row",
    foundBy: "retention drops old rows of the journal but never an agent's newest",
    change: (store) => ({
      journalAfter: async (id, limit) => (await store.journalAfter(id, limit)).filter((row) => row.id !== 2),
      journal: async (agent, after, limit) => (await store.journal(agent, after, limit)).filter((row) => row.id !== 2),
    }),
  },
  {
    what: "says that every end was an orderly one",
    foundBy: "after every step of a life a death loses nothing that was acknowledged",
    change: (store) => ({ open: async () => ({ ...(await store.open()), wasClean: true }) }),
  },
  {
    what: "gives the numbers of removed mail again",
    foundBy: "a removed agent's number, a removed seq and a pruned id are not given out again",
    change: (store) => ({ open: async () => ({ ...(await store.open()), lastSeq: 0 }) }),
  },
];

/** Everything is answered from memory and written to the disk when the store is closed. */
function writesBehind(store: SqliteStore): Partial<Store> {
  const memory = new SqliteStore({ path: ":memory:" });
  const waiting: Commit[] = [];
  const reads = [
    "agents",
    "agentByNo",
    "census",
    "mail",
    "delayed",
    "due",
    "nextDue",
    "readyAgents",
    "parked",
    "listEffects",
    "listDead",
  ] as const;
  const more = [
    "dedupe",
    "dedupeChunks",
    "reply",
    "patterns",
    "subscribers",
    "journal",
    "journalAfter",
    "fact",
    "ledgerList",
    "ledgerSum",
    "ledgerRows",
  ] as const;
  const fromMemory = Object.fromEntries([...reads, ...more].map((name) => [name, memory[name].bind(memory)]));
  return {
    ...fromMemory,
    open: async () => {
      await memory.open();
      return store.open();
    },
    commit: (units) => {
      waiting.push(...units);
      return memory.commit(units);
    },
    close: async (isOrderly) => {
      if (isOrderly !== false) store.commit(waiting);
      await store.close(isOrderly);
    },
  };
}

/** The state is kept in memory only: its agent's row says nothing of it until the store is closed. */
function forgetsTurns(store: SqliteStore): Partial<Store> {
  const states = new Map<number, string>();
  return {
    commit: (units) =>
      store.commit(
        units.map((unit) => {
          const { turn } = unit;
          if (turn?.state === undefined) return unit;
          states.set(turn.journal[0]?.agent ?? 0, turn.state);
          const journal = turn.journal.map((row) => ({ ...row, delta: undefined }));
          return { ...unit, turn: { ...turn, journal, state: undefined } };
        }),
      ),
    agentByNo: (no) => {
      const row = store.agentByNo(no);
      return row && { ...row, state: states.get(no) ?? row.state };
    },
  };
}

/** Commits that are under way together are written newest first. */
function reorders(store: SqliteStore): Partial<Store> {
  let waiting: (() => void)[] = [];
  return {
    commit: (units) =>
      new Promise((resolve) => {
        if (waiting.length === 0)
          setImmediate(() => {
            const all = waiting.toReversed();
            waiting = [];
            for (const write of all) write();
          });
        waiting.push(() => resolve(store.commit(units)));
      }),
  };
}

function takesLastKey(store: SqliteStore): Partial<Store> {
  const ids = new Map<string, string>();
  return {
    commit: (units) => {
      for (const { dedupe } of units) for (const { hash, id } of dedupe?.rows ?? []) ids.set(hash, id);
      return store.commit(units);
    },
    dedupe: (hash) => {
      const row = store.dedupe(hash);
      return row && { ...row, id: ids.get(hash) ?? row.id };
    },
  };
}

/** A turn that comes late is written as if it followed. */
function ignoresFence(store: SqliteStore): Partial<Store> {
  return {
    commit: (units) =>
      store.commit(
        units.map((unit) => {
          const first = unit.turn?.journal[0];
          const row = first && store.agentByNo(first.agent);
          if (unit.turn === undefined || row === undefined) return unit;
          const journal = unit.turn.journal.map((written, at) => ({ ...written, turn: row.turn + 1 + at, prev: row.head }));
          return { ...unit, turn: { ...unit.turn, journal } };
        }),
      ),
  };
}

/** What was taken stays visible until the next commit. */
function givesTwice(store: SqliteStore): Partial<Store> {
  const given: ReturnType<SqliteStore["mail"]>[number][] = [];
  return {
    commit: (units) => {
      for (const seq of units.flatMap(({ mailOut }) => mailOut ?? [])) {
        const row = store.mailBySeq(seq);
        if (row !== undefined) given.push(row);
      }
      return store.commit(units);
    },
    mail: (agent) => [...given.filter((row) => row.agent === agent), ...store.mail(agent)],
  };
}

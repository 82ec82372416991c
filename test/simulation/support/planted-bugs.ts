/** Bugs that a kernel might have, as changes of ours: the simulator must find each. */
import type { InvariantName } from "../../../src/testing/index.ts";
import type { Patch } from "./patched.ts";

/** A bug, with the invariants that may be the first to show it. */
export interface PlantedBug {
  readonly name: string;
  readonly patches: readonly Patch[];
  readonly foundBy: readonly InvariantName[];
}

/** Every planted bug. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "an event is acknowledged although its batch failed",
    patches: [
      {
        file: "src/kernel/mail/acceptance.ts",
        from: "    if (error === undefined) {\n      this.#resolve(",
        to: "    if (error === undefined || isWhole) {\n      this.#resolve(",
      },
    ],
    foundBy: ["acknowledged"],
  },
  {
    name: "a duplicate is acknowledged before the first is durable",
    patches: [
      {
        file: "src/kernel/mail/intake.ts",
        from: "return found.durable === undefined ? Promise.resolve(ack) : found.durable.then(() => ack);",
        to: "return Promise.resolve(ack);",
      },
    ],
    foundBy: ["acknowledged"],
  },
  {
    name: "what was refused stays in the mailbox",
    patches: [
      {
        file: "src/kernel/mail/acceptance.ts",
        from: "if (entry.mailbox.drop(mail.seq)) return;",
        to: "if (entry.mailbox.ready > 0) return;",
      },
    ],
    foundBy: ["refused", "traced"],
  },
  {
    name: "a killed attempt goes on, and its epoch is not looked at",
    patches: [
      {
        file: "src/kernel/agents/lifecycle.ts",
        from: "if (fences) entry.attempt?.abort(",
        to: "if (fences) void (",
      },
      {
        file: "src/kernel/effects/gate.ts",
        from: "isFenced = attempt.isDead || attempt.entry.epoch !== attempt.epoch || attempt.entry.generation !== attempt.generation;",
        to: "isFenced = false;",
      },
    ],
    foundBy: ["fence"],
  },
  {
    name: "an effect that must never repeat runs again after a crash",
    patches: [
      {
        file: "src/kernel/effects/gate.ts",
        from: '(known.state === "in-doubt" || (known.state === "intent" && repeat === "never"))',
        to: 'known.state === "in-doubt"',
      },
    ],
    foundBy: ["never"],
  },
  {
    name: "a call leaves before its intent is durable",
    patches: [
      {
        file: "src/kernel/effects/gate.ts",
        from: "if (call.isDurable) await this.#writeIntent(attempt, intent);",
        to: "if (call.isDurable) void this.#writeIntent(attempt, intent).catch(() => undefined);",
      },
    ],
    foundBy: ["intent"],
  },
  {
    name: "after a crash the outside is not asked what happened",
    patches: [
      {
        file: "src/kernel/effects/effect-call.ts",
        from: "isUnknown || attempt > 1 ? await",
        to: "attempt > 1 ? await",
      },
    ],
    foundBy: ["reconcile"],
  },
  {
    name: "a survivor of a crash starts without a mark",
    patches: [
      {
        file: "src/kernel/dispatcher.ts",
        from: "return mail.seq <= this.survivorsUpTo && mail.stored;",
        to: "return mail.seq < 0;",
      },
    ],
    foundBy: ["marked"],
  },
  {
    name: "a timer is set by the machine's own clock",
    patches: [
      {
        file: "src/kernel/time/agenda.ts",
        from: "const now = this.#core.clock.now();\n        const rows",
        to: "const now = Date.now();\n        const rows",
      },
    ],
    foundBy: ["escape"],
  },
  {
    name: "delayed mail is let in a minute early",
    patches: [
      {
        file: "src/kernel/time/agenda.ts",
        from: "await this.#core.store.due(now, BATCH)",
        to: "await this.#core.store.due(now + 60_000, BATCH)",
      },
    ],
    foundBy: ["early"],
  },
  {
    name: "keys of handled mail are forgotten with the process",
    patches: [
      {
        file: "src/kernel/kernel.ts",
        from: "await parts.dedupe.recall();",
        to: "",
      },
    ],
    foundBy: ["dedupe"],
  },
  {
    name: "a retry does not hold its lane",
    patches: [
      {
        file: "src/kernel/turn/settle.ts",
        from: "entry.mailbox.hold(laneOf(mail.envelope));",
        to: "",
      },
    ],
    foundBy: ["fifo"],
  },
  {
    name: "a budget is counted in the store alone, after the turn",
    patches: [
      {
        file: "src/kernel/effects/counters.ts",
        from: "this.#remember(key, (this.#known(key) ?? 0) + 1);\n      return",
        to: "return",
      },
    ],
    foundBy: ["budget"],
  },
  {
    name: "what was built on a failed batch is kept",
    patches: [
      {
        file: "src/kernel/turn/unit.ts",
        from: "if (!isFollower) entry.invalidate();",
        to: "",
      },
    ],
    foundBy: ["numbers", "splices", "reads", "stored", "running", "liveness"],
  },
  {
    name: "a splice is made against the durable state, not the one before",
    patches: [
      {
        file: "src/kernel/turn/settle.ts",
        from: "encodeDelta(entry.state, state)",
        to: "encodeDelta(entry.durableState, state)",
      },
    ],
    foundBy: ["splices"],
  },
  {
    name: "mail is forgotten at a restart",
    patches: [
      {
        file: "src/kernel/kernel.ts",
        from: "for (const no of await this.#parts.core.store.readyAgents()) this.#parts.dispatcher.wakeNo(no);",
        to: "await this.#parts.core.store.readyAgents();",
      },
    ],
    foundBy: ["liveness"],
  },
  {
    name: "a mailbox takes whatever comes",
    patches: [
      {
        file: "src/kernel/mail/intake.ts",
        from: "if (entry.mailbox.depth >= this.#core.limits.mailboxDepth) {",
        to: "if (entry.mailbox.depth >= Infinity) {",
      },
    ],
    foundBy: ["mailbox"],
  },
  {
    name: "mail stays when its turn is done",
    patches: [
      {
        file: "src/kernel/turn/settle.ts",
        from: "if (!isKept) commit.mailOut = others.length === 0 ? [mail.seq] : [mail, ...others].map(({ seq }) => seq);",
        to: "if (!isKept && others.length > 0) commit.mailOut = others.map(({ seq }) => seq);",
      },
    ],
    foundBy: ["once"],
  },
];

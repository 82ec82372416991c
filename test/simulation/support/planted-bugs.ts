/** Bugs that a kernel might have, as changes of ours: the simulator must find each. */
import type { Patch } from "./patched.ts";

/** A bug, by what goes wrong. */
export interface PlantedBug {
  readonly name: string;
  readonly patches: readonly Patch[];
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
  },
  {
    name: "what was refused stays in the mailbox",
    patches: [
      {
        file: "src/kernel/mail/acceptance.ts",
        from: "if (this.#entry.mailbox.drop(mail.seq)) return;",
        to: "if (this.#entry.mailbox.ready > 0) return;",
      },
    ],
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
  },
  {
    name: "mail in the store is not read with its agent",
    patches: [
      {
        file: "src/kernel/agents/directory.ts",
        from: "if (stored.parked === undefined && stored.dueAt === undefined) entry.mailbox.add(readMail(stored));",
        to: "",
      },
    ],
  },
  {
    name: "an agent is dropped from memory while it works",
    patches: [
      {
        file: "src/kernel/agents/directory.ts",
        from: "if (entry.isIdle) {",
        to: "if (entry.status !== undefined) {",
      },
    ],
  },
  {
    name: "an effect that was made is made again by the next attempt",
    patches: [
      {
        file: "src/kernel/effects/gate.ts",
        from: 'if (known !== undefined && (known.state === "done" || known.state === "failed")) {',
        to: "if (known === null) {",
      },
    ],
  },
  {
    name: "mail that joins goes before what waits",
    patches: [
      {
        file: "src/kernel/mail/mailbox.ts",
        from: "while (at > 0 && (queue[at - 1]?.seq ?? 0) > mail.seq) at--;",
        to: "at = 0;",
      },
    ],
  },
];

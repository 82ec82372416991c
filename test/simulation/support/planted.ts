/** Bugs that are planted for the simulator to find: a file, a text that stands in it exactly once, and what takes its place. */
export interface Planted {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export const PLANTED: readonly Planted[] = [
  {
    name: "a lost acknowledgement",
    file: "kernel/store/committer.ts",
    from: "if (failure !== undefined) this.#onFailure(failure);",
    to: "if (failure !== undefined) { this.#onFailure(failure); failure = undefined; }",
  },
  {
    name: "a skipped start mark",
    file: "kernel/dispatcher.ts",
    from: "return mail.seq <= this.survivorsUpTo && mail.stored;",
    to: "return false;",
  },
  { name: "a splice that is wrong", file: "kernel/turn/delta.ts", from: "`${head}|${text}`;", to: "`${head}|${text.replace('9', '8')}`;" },
  {
    name: "a mailbox dropped on restart",
    file: "kernel/agents/directory.ts",
    from: "if (stored.parked === undefined && stored.dueAt === undefined) entry.mailbox.add(readMail(stored));",
    to: "",
  },
  {
    name: "mail that leaves its lane",
    file: "kernel/mail/mailbox.ts",
    from: "while (at > 0 && (queue[at - 1]?.seq ?? 0) > mail.seq) at--;",
    to: "at = 0;",
  },
  {
    name: "a mailbox without a limit",
    file: "kernel/mail/intake.ts",
    from: "if (entry.mailbox.depth >= this.#core.limits.mailboxDepth) {",
    to: "if (entry.mailbox.depth < 0) {",
  },
  {
    name: "an effect that is made twice",
    file: "kernel/effects/gate.ts",
    from: 'if (known !== undefined && (known.state === "done" || known.state === "failed")) {',
    to: "if (known === null) {",
  },
  {
    name: "a key that is forgotten",
    file: "kernel/mail/intake.ts",
    from: "const first = this.#dedupe.find(entry, hash, this.#core.clock.now());",
    to: "const first = undefined as any;",
  },
  {
    name: "delayed mail that is early",
    file: "kernel/time/agenda.ts",
    from: "const rows = await this.#core.store.due(now, BATCH);",
    to: "const rows = await this.#core.store.due(now + 5_000, BATCH);",
  },
  {
    name: "a budget counted too late",
    file: "kernel/effects/counters.ts",
    from: "if ((this.#known(key) ?? 0) >= limit)",
    to: "if ((this.#known(key) ?? 0) > limit)",
  },
  {
    name: "an attempt that a failed write leaves",
    file: "kernel/mail/acceptance.ts",
    from: "if (this.#entry.mailbox.drop(mail.seq)) return;",
    to: "",
  },
  {
    name: "an agent dropped while it works",
    file: "kernel/agents/directory.ts",
    from: "if (entry.isIdle) {",
    to: "if (entry.status !== undefined) {",
  },
];

/** What a simulated system must hold, by name. */
export const INVARIANTS = {
  acknowledged: "an acknowledged event is in a mailbox or was handled, and is handled in the end",
  refused: "what was refused to its sender is never handled",
  dedupe: "the same key of the same sender is accepted once, and answered with the first id",
  once: "an envelope is handled once, and its mail leaves with the turn that handled it",
  traced: "no mail leaves a mailbox without a turn or a dead letter that tells of it",
  fifo: "mail of one lane is handled in the order in which it came",
  numbers: "an agent's turns are dense, each on top of the one before",
  splices: "the state is the last full copy and the splices after it",
  intent: "a call that may not be repeated blindly leaves only behind its durable intent",
  keyed: "an effect with a key is called under one key only",
  never: "an effect that must never repeat is called once, unless an operator says otherwise",
  reconcile: "an effect that reconciles happens once",
  fence: "an agent that was killed or quarantined begins no call",
  owner: "the data has one owner at a time, and a dead one writes nothing",
  early: "nothing is delivered before its time",
  clock: "what is stored later never bears an earlier time",
  budget: "a budget is never overdrawn",
  mailbox: "a mailbox takes no more from outside than its limit",
  running: "nothing is shown running that is not",
  reads: "a reader sees the last committed state",
  stored: "the store holds what it said it had committed",
  marked: "what survived a crash starts only behind a start mark",
  liveness: "once nothing fails any more, everything finishes",
  uncaught: "nothing is thrown past everybody",
  escape: "nothing touches real time, randomness or the network",
} as const;

/** The name of an invariant; those that a user adds have names of their own. */
export type InvariantName = keyof typeof INVARIANTS;

/** A broken invariant. */
export interface Violation {
  readonly invariant: string;
  readonly message: string;
  /** The step at which it was seen. */
  readonly step: number;
}

/** Reports a broken invariant. */
export type Report = (invariant: InvariantName, message: string) => void;

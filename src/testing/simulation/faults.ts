import { AosError, type Duration, parseDuration } from "../../kernel/index.ts";
import type { SimRandom } from "./random.ts";

/** How probable each fault is. What is left out does not happen. */
export interface FaultRates {
  /** Per store call: the process dies before the call has any effect, or after it and before the answer. */
  readonly crash?: number | undefined;
  /** Per commit: the store fails, and nothing of the batch is durable. */
  readonly storeFailure?: number | undefined;
  /** Per commit: the disk fills up, for up to a minute. */
  readonly diskFull?: number | undefined;
  /** Per step: the process dies between two tasks. */
  readonly death?: number | undefined;
  /** Per step: the wall clock jumps, up to a day forward or back. */
  readonly clockJump?: number | undefined;
  /** Per step: the machine stalls for up to ten seconds. */
  readonly stall?: number | undefined;
  /** Per timer and per notification within a process: it comes late, by up to two seconds. */
  readonly late?: number | undefined;
  /** Per answer to a sender: it is lost, and the sender asks again under the same key. */
  readonly lostAck?: number | undefined;
  /** Per call of an effect: it takes up to 20 seconds. */
  readonly slowEffect?: number | undefined;
  /** Per call of an effect: it fails before anything happened outside. */
  readonly failedEffect?: number | undefined;
  /** Per call of an effect: it happens outside, but its answer is lost. */
  readonly lostAnswer?: number | undefined;
  /** Per call of an effect: it never answers. */
  readonly hungEffect?: number | undefined;
  /** Per step: a second process tries to take the data while the first one lives. */
  readonly rival?: number | undefined;
}

/** A fault at a given place: a time since the start, or the number of a store call (from 1). */
export type ScriptedFault =
  | { readonly at: Duration; readonly fault: "death" | "diskFull" | "storeFailure" }
  | { readonly at: Duration; readonly fault: "clockJump"; readonly byMs: number }
  | { readonly call: number; readonly fault: "crashBefore" | "crashAfter" | "storeFailure" };

/** Faults as a machine room sees them in a bad year; for `faults: "usual"`. */
export const USUAL_FAULTS: FaultRates = {
  crash: 0.0005,
  storeFailure: 0.0005,
  diskFull: 0.0001,
  death: 0.0005,
  clockJump: 0.0002,
  stall: 0.001,
  late: 0.02,
  lostAck: 0.01,
  slowEffect: 0.1,
  failedEffect: 0.05,
  lostAnswer: 0.02,
  hungEffect: 0.005,
};

/** What becomes of a store call. */
export type CallFate = "goes" | "crashBefore" | "crashAfter" | AosError;

const LATE_MS = 2_000;
const DISK_FULL_MS = 60_000;
const JUMP_MS = 86_400_000;

/** Decides, by probability and by script, what goes wrong and when; healed, it lets everything go well. */
export class Faults {
  readonly #rates: FaultRates;
  readonly #script: ScriptedFault[];
  readonly #random: SimRandom;
  readonly #startAt: number;
  #calls = 0;
  #isFailing = false;
  isHealed = true;
  /** Until when the disk is full, true time. */
  fullUntil = 0;

  constructor(rates: FaultRates, script: readonly ScriptedFault[], random: SimRandom, startAt: number) {
    this.#rates = rates;
    this.#script = [...script];
    this.#random = random;
    this.#startAt = startAt;
  }

  /** Whether a fault of a kind happens here. */
  happens(kind: keyof FaultRates): boolean {
    return !this.isHealed && this.#random.chance(this.#rates[kind] ?? 0);
  }

  /** Store calls so far. */
  get calls(): number {
    return this.#calls;
  }

  /** What becomes of the next store call. */
  storeCall(name: string, now: number): CallFate {
    this.#calls++;
    const scripted = this.#script.findIndex((each) => "call" in each && each.call === this.#calls);
    if (scripted >= 0) {
      const [{ fault } = { fault: "" }] = this.#script.splice(scripted, 1);
      if (fault === "crashBefore" || fault === "crashAfter") return fault;
      return failure();
    }
    if (this.happens("crash")) return this.#random.chance(0.5) ? "crashBefore" : "crashAfter";
    if (name !== "commit") return "goes";
    if (this.#isFailing || this.happens("storeFailure")) {
      this.#isFailing = false;
      return failure();
    }
    if (this.happens("diskFull")) this.fillDisk(now);
    return "goes";
  }

  /** Fills the disk for a while. */
  fillDisk(now: number): void {
    this.fullUntil = now + this.#random.between(100, DISK_FULL_MS);
  }

  /** The next commit fails. */
  failNext(): void {
    this.#isFailing = true;
  }

  /** How late a timer goes off, ms. */
  lateMs(): number {
    return this.happens("late") ? this.#random.between(1, LATE_MS) : 0;
  }

  /** By how much the wall clock jumps, ms: small jumps as often as large ones. */
  jumpMs(): number {
    const size = this.#random.pick([50, 2_000, 60_000, 3_600_000, JUMP_MS]);
    return this.#random.between(-size, size);
  }

  stallMs(): number {
    return this.#random.between(1, 10_000);
  }

  /** Scripted faults whose time has come. */
  due(now: number): readonly ScriptedFault[] {
    if (this.#script.length === 0) return [];
    const isDue = (each: ScriptedFault): boolean => "at" in each && this.#startAt + msOf(each.at) <= now;
    const due = this.#script.filter(isDue);
    if (due.length > 0) this.#script.splice(0, this.#script.length, ...this.#script.filter((each) => !isDue(each)));
    return due;
  }

  /** When the next scripted fault is due, true time. */
  get nextAt(): number | undefined {
    const times = this.#script.flatMap((each) => ("at" in each ? [this.#startAt + msOf(each.at)] : []));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Lets everything go well from now on. */
  heal(): void {
    this.isHealed = true;
    this.#isFailing = false;
    this.fullUntil = 0;
    this.#script.length = 0;
  }
}

function msOf(at: Duration): number {
  return typeof at === "number" ? at : parseDuration(at);
}

function failure(): AosError {
  return new AosError("STORE_FAILED", "the simulated store failed: nothing of the batch is durable");
}

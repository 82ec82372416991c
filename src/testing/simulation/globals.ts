import { createRequire, syncBuiltinESMExports } from "node:module";
import { AosError } from "../../kernel/index.ts";
import type { SimRandom } from "./random.ts";
import type { SimScheduler } from "./scheduler.ts";

/** What replaces the process's own time, randomness and network while a simulation runs. */
export interface SimWorld {
  readonly scheduler: SimScheduler;
  readonly random: SimRandom;
  /** The wall clock as the process that runs sees it. */
  readonly now: () => number;
  /** The process that runs, which timers belong to and die with. */
  readonly owner: () => number;
  /** Told of whatever cannot be simulated. */
  readonly escaped: (what: string) => void;
  /** Told of what is thrown in a microtask. */
  readonly thrown: (where: string, error: unknown) => void;
  /** Whether even the clock and randomness are out of bounds: code must use those that it was given. */
  readonly isStrict: () => boolean;
}

type Restore = () => void;
type Loose = Record<string | symbol, unknown>;

const require = createRequire(import.meta.url);
const RealDate = globalThis.Date;
const realMicrotask = globalThis.queueMicrotask;
let isTaken = false;

/**
 * Replaces timers, `Date`, `performance.now`, `Math.random` and random values by the simulation's own, and lets `fetch` and sockets throw.
 * Answers with what puts everything back.
 * @throws AosError USAGE where another simulation runs in this process.
 */
export function replaceGlobals(world: SimWorld): Restore {
  if (isTaken) throw new AosError("USAGE", "a simulation runs already in this process: wait for its end");
  isTaken = true;
  const undo: Restore[] = [];
  const put = (target: object, name: string, value: unknown): void => {
    const before = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: before?.enumerable ?? false });
    undo.push(() => void (before === undefined ? Reflect.deleteProperty(target, name) : Object.defineProperty(target, name, before)));
  };
  const restoreAll = (): void => {
    for (const restore of undo.splice(0).toReversed()) restore();
    syncBuiltinESMExports();
    isTaken = false;
  };
  try {
    putTime(world, put);
    putRandomness(world, put);
    putNetwork(world, put);
    syncBuiltinESMExports();
  } catch (thrown) {
    restoreAll();
    throw thrown;
  }
  return restoreAll;
}

type Put = (target: object, name: string, value: unknown) => void;

function putTime(world: SimWorld, put: Put): void {
  const now = (): number => {
    if (world.isStrict()) throw escape(world, "Date");
    return world.now();
  };
  put(globalThis, "Date", simDate(now));
  put(globalThis.performance, "now", () => now() - 1_767_225_600_000);
  const timers = simTimers(world);
  const { promises, ...plain } = timers;
  for (const [name, value] of Object.entries(plain)) {
    put(globalThis, name, value);
    put(require("node:timers") as object, name, value);
  }
  for (const [name, value] of Object.entries(promises)) put(require("node:timers/promises") as object, name, value);
  put(AbortSignal, "timeout", (delayMs: number) => {
    const controller = new AbortController();
    world.scheduler.after(world.owner(), Math.max(1, delayMs), "AbortSignal.timeout", () =>
      controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError")),
    );
    return controller.signal;
  });
  put(globalThis, "queueMicrotask", (run: () => void) => {
    const owner = world.owner();
    realMicrotask(() => {
      if (owner !== world.owner()) return;
      try {
        run();
      } catch (thrown) {
        world.thrown("a microtask", thrown);
      }
    });
  });
}

function simDate(now: () => number): DateConstructor {
  return new Proxy(RealDate, {
    construct: (target, given: unknown[], self) => Reflect.construct(target, given.length === 0 ? [now()] : given, self) as object,
    apply: () => new RealDate(now()).toString(),
    get: (target, name) => (name === "now" ? now : (Reflect.get(target, name) as unknown)),
  });
}

class SimTimeout {
  readonly cancel: () => void;
  constructor(cancel: () => void) {
    this.cancel = cancel;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
  [Symbol.dispose](): void {
    this.cancel();
  }
}

function simTimers(world: SimWorld): Loose & { readonly promises: Loose } {
  const later = (delayMs: unknown, run: () => void, label: string): SimTimeout => {
    const ms = Math.max(1, Number(delayMs) || 1);
    return new SimTimeout(world.scheduler.after(world.owner(), ms, label, run));
  };
  const setTimeout = (run: (...given: unknown[]) => void, delayMs?: number, ...given: unknown[]): SimTimeout =>
    later(delayMs, () => run(...given), "setTimeout");
  const setInterval = (run: (...given: unknown[]) => void, delayMs?: number, ...given: unknown[]): SimTimeout => {
    let current: SimTimeout;
    const arm = (): SimTimeout =>
      later(
        delayMs,
        () => {
          current = arm();
          run(...given);
        },
        "setInterval",
      );
    current = arm();
    return new SimTimeout(() => current.cancel());
  };
  const setImmediate = (run: (...given: unknown[]) => void, ...given: unknown[]): SimTimeout => {
    let isOff = false;
    world.scheduler.post(world.owner(), "setImmediate", () => isOff || run(...given));
    return new SimTimeout(() => void (isOff = true));
  };
  const clear = (timer: unknown): void => (timer instanceof SimTimeout ? timer.cancel() : undefined);
  const wait = <T>(delayMs?: number, value?: T): Promise<T | undefined> =>
    new Promise((resolve) => void later(delayMs, () => resolve(value), "setTimeout"));
  return {
    setTimeout,
    setInterval,
    setImmediate,
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
    promises: { setTimeout: wait, setImmediate: (value?: unknown) => wait(0, value) },
  };
}

function putRandomness(world: SimWorld, put: Put): void {
  const { random } = world;
  const bounded = (what: string): void => {
    if (world.isStrict()) throw escape(world, what);
  };
  const fill = <T extends ArrayBufferView>(view: T): T => {
    bounded("crypto's randomness");
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    for (let at = 0; at < bytes.length; at++) bytes[at] = random.int(256);
    return view;
  };
  const randomUUID = (): string => {
    bounded("crypto.randomUUID");
    const hex = Array.from({ length: 32 }, () => random.int(16).toString(16)).join("");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  };
  put(Math, "random", () => {
    bounded("Math.random");
    return random.next();
  });
  put(globalThis.crypto, "randomUUID", randomUUID);
  put(globalThis.crypto, "getRandomValues", fill);
  const module = require("node:crypto") as object;
  put(module, "randomUUID", randomUUID);
  put(module, "randomFillSync", fill);
  put(module, "randomBytes", (size: number) => fill(Buffer.alloc(size)));
  put(module, "randomInt", (from: number, to?: number) => {
    bounded("crypto.randomInt");
    return to === undefined ? random.int(from) : from + random.int(to - from);
  });
}

function putNetwork(world: SimWorld, put: Put): void {
  put(globalThis, "fetch", () => Promise.reject(escape(world, "fetch")));
  const { Socket } = require("node:net") as { readonly Socket: { readonly prototype: object } };
  put(Socket.prototype, "connect", () => {
    throw escape(world, "a socket");
  });
}

function escape(world: SimWorld, what: string): AosError {
  world.escaped(what);
  return new AosError(
    "SIMULATION_ESCAPE",
    `${what} is real, and a simulation must not reach it: give the simulation an answer in its place`,
    {
      retryable: false,
      details: { what },
    },
  );
}

import type { AddCommands } from "./program.ts";

/** Commands that live in one module, which is loaded when one of them is called. */
export interface Group {
  /** Verb → what it does, for the list in `aos --help`. */
  readonly verbs: Readonly<Record<string, string>>;
  readonly load: () => Promise<AddCommands>;
}

/** Every command, in the order of the help. */
export const GROUPS: readonly Group[] = [
  {
    verbs: { up: "start a system and serve it" },
    load: async () => (await import("./up.ts")).addUp,
  },
  {
    verbs: {
      register: "register an agent, once and for ever",
      terminate: "end an agent for good",
      pause: "stop giving an agent its mail",
      resume: "let a paused or quarantined agent go on",
      kill: "abort the turn in flight and leave the agent paused",
      quarantine: "set an agent aside",
      wake: "wake an agent",
    },
    load: async () => (await import("./commands/lifecycle.ts")).addLifecycle,
  },
  {
    verbs: {
      send: "send an event to one agent",
      emit: "send an event to every agent that accepts it",
      publish: "publish a message to a topic",
      call: "run a command and print its output",
      query: "ask an agent without waking it",
    },
    load: async () => (await import("./commands/messages.ts")).addMessages,
  },
  {
    verbs: {
      ps: "list the agents",
      state: "print an agent's state",
      log: "print an agent's turns as JSON lines",
      why: "show what an event led to",
      types: "list the agent types that are loaded",
    },
    load: async () => (await import("./commands/inspect.ts")).addInspect,
  },
  {
    verbs: { dlq: "list, show, redrive and drop dead letters" },
    load: async () => (await import("./commands/dead-letters.ts")).addDeadLetters,
  },
  {
    verbs: { effects: "list effects, and settle those in doubt" },
    load: async () => (await import("./commands/effects.ts")).addEffects,
  },
  {
    verbs: { cron: "list, preview and run schedules" },
    load: async () => (await import("./commands/cron.ts")).addCron,
  },
  {
    verbs: { doctor: "check the data folder and the system" },
    load: async () => (await import("./commands/doctor.ts")).addDoctor,
  },
  {
    verbs: { df: "show what the data folder holds, and how it grows" },
    load: async () => (await import("./commands/storage.ts")).addStorage,
  },
  {
    verbs: { backup: "copy the whole system to a file", restore: "make a data folder of a backup" },
    load: async () => (await import("./commands/backup.ts")).addBackup,
  },
  {
    verbs: { upgrade: "plan, apply and roll back upgrades of agents", replay: "run a journal's turns against other code" },
    load: async () => (await import("./commands/upgrade.ts")).addUpgrade,
  },
  {
    verbs: {
      diff: "show what changed in an agent's state between two turns",
      rewind: "give an agent the state of an earlier turn",
      fork: "make a new agent of another one's state",
    },
    load: async () => (await import("./commands/timeline.ts")).addTimeline,
  },
  {
    verbs: { export: "write one agent, with all that it owns, to a signed file", import: "make an agent of such a file" },
    load: async () => (await import("./commands/transfer.ts")).addTransfer,
  },
  {
    verbs: { sim: "simulate the kernel under faults, from a seed" },
    load: async () => (await import("./commands/sim.ts")).addSim,
  },
  {
    verbs: { config: "explain the configuration" },
    load: async () => (await import("./commands/config.ts")).addConfig,
  },
  {
    verbs: { completion: "print a completion script for bash or zsh" },
    load: async () => (await import("./commands/completion.ts")).addCompletion,
  },
];

/** What kind of mail an envelope carries. */
export type MailKind = "event" | "command" | "timer" | "schedule" | "wake";

/** The routing facts of one piece of mail; the payload travels beside it as JSON text. */
export interface Envelope {
  /** UUIDv7; effects' memo keys and causation refer to it. */
  readonly id: string;
  readonly kind: MailKind;
  /** The event's, command's or schedule's name. */
  readonly name: string;
  /** The receiver, `tenant/type/id`. */
  readonly target: string;
  /** Who sent it: an agent's address, or `~` and an external sender. Order is kept per sender. */
  readonly sender: string;
  /** CloudEvents `source`. */
  readonly source: string;
  /** CloudEvents `id` where the sender gave one. */
  readonly eventId?: string | undefined;
  readonly subject?: string | undefined;
  readonly correlation: string;
  /** The envelope whose turn sent this one. */
  readonly causation?: string | undefined;
  /** The envelope that began the causal chain. */
  readonly chain: string;
  /** Hops from the chain's beginning; 0 for what comes from outside. */
  readonly depth: number;
  /** 0 (last) to 9 (first). */
  readonly priority: number;
  /** When it was accepted, epoch ms. */
  readonly at: number;
  readonly expiresAt?: number | undefined;
  /** The version of the event's payload. */
  readonly version?: number | undefined;
  /** The hash under which it is deduplicated. */
  readonly dedupe?: string | undefined;
  readonly traceparent?: string | undefined;
  /** For a command that an agent asked: who waits for the answer, outermost first. */
  readonly waiters?: readonly string[] | undefined;
  /** For a schedule's tick: the planned time and how many were missed. */
  readonly tick?: { readonly scheduledAt: number; readonly missed: number } | undefined;
}

/** The priority of mail that names none. */
export const PRIORITY_DEFAULT = 5;
/** The highest priority. */
export const PRIORITY_MAX = 9;
/** Marks a sender outside the system. */
export const EXTERNAL = "~";

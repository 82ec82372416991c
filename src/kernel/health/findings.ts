/** A row of the doctor's table: what is wrong, and what to do about it. */
export interface FindingCode {
  readonly meaning: string;
  /** The command that mends it, or begins to; words in capitals stand for what the finding names. */
  readonly mend: string;
}

const row = (meaning: string, mend: string): FindingCode => ({ meaning, mend });

/** Everything that the doctor finds. A code is never reused; `docs/operations.md` holds the same table. */
export const FINDING_CODES = {
  AGENTS_QUARANTINED: row("agents were set aside, since they failed again and again or somebody said so", "aos resume TYPE/ID"),
  AGENTS_RESTORED: row("agents are paused since the system was restored from a backup", "aos resume --restored"),
  CLOCK_BEHIND: row("the machine's clock is behind what is stored, and nothing is due until it has caught up", "timedatectl set-ntp true"),
  CODE_MISSING: row("mail waits for agents whose code is not loaded", "aos up --dir DIR --agents FILE"),
  CONFIG_INVALID: row("the configuration has unknown keys or bad values", "aos config explain"),
  CREDENTIAL_REFUSED: row("the running system refuses the credential", "aos doctor --api-key KEY"),
  DATABASE_CORRUPT: row("the database does not keep its own rules", "aos restore BACKUP --dir DIR --replace"),
  DATA_MISSING: row("there is no data folder, or it holds no data", "aos up --dir DIR"),
  DEAD_LETTERS: row("a hundred dead letters or more wait for somebody", "aos dlq ls"),
  DISK_NEARLY_FULL: row("the disk has less room than `disk.freeBytesMin`", "aos df"),
  EFFECTS_IN_DOUBT: row("calls to the outside may or may not have happened", "aos effects ls --state in-doubt"),
  EFFECT_ORPHANED: row("outcomes of effects are kept for mail that is gone", "aos doctor --mend"),
  FILES_LEFT_OVER: row("files of a backup, a restore or a start that was cut off are in the way", "rm -r FILE"),
  FOLDER_NOT_WRITABLE: row("this user may not write to the data folder", "chmod u+rwx DIR"),
  JOURNAL_BROKEN: row("records are missing within an agent's journal", "aos restore BACKUP --dir DIR --replace"),
  LOG_TOO_LONG: row("the write-ahead log was not copied back for long", "aos df --dir DIR"),
  MAILBOX_NEARLY_FULL: row("a mailbox is nine tenths full or more", "aos ps"),
  MAIL_ORPHANED: row("mail waits for agents that do not exist", "aos doctor --mend"),
  PERMISSIONS_OPEN: row("a credential can be read by others", "chmod 600 FILE"),
  RESTORE_UNFINISHED: row("a restore was cut off, and nothing starts until it is run again", "aos restore BACKUP --dir DIR --replace"),
  SCHEMA_NEWER: row("a newer AOS wrote the data", "npm install aosjs@latest"),
  SCHEMA_OLDER: row("an older AOS wrote the data; the next start brings it up to date", "aos backup FILE"),
  STATE_DIVERGED: row("an agent's state is not the one that its journal leads to", "aos restore BACKUP --dir DIR --replace"),
  STORE_FAILING: row("the store fails, and nothing is acknowledged until it recovers", "aos df"),
  SUBSCRIPTION_ORPHANED: row("agents that are gone are still subscribed to topics", "aos doctor --mend"),
  SYSTEM_UNREACHABLE: row("a process owns the data folder and does not answer", "kill PID"),
  TIMERS_OVERDUE: row("what was due more than five minutes ago has not been delivered; a restart looks again", "kill PID"),
} as const satisfies Record<string, FindingCode>;

/** A code of the table. */
export type FindingCodeName = keyof typeof FINDING_CODES;

/** One thing that is wrong. */
export interface Finding {
  readonly code: FindingCodeName;
  /** What was found, with the first few names. */
  readonly detail: string;
  /** The command that mends it, or begins to. */
  readonly mend: string;
  /** How many there are of it. */
  readonly count: number;
}

const NAMED_MAX = 5;

/** Makes a finding about what it names; `mend` replaces the table's command with one that names them. */
export function finding(code: FindingCodeName, names: readonly string[], mend?: string, count: number = names.length): Finding {
  const shown = names.slice(0, NAMED_MAX).join(", ");
  const rest = count > NAMED_MAX ? ` and ${count - NAMED_MAX} more` : "";
  const { meaning, mend: usual } = FINDING_CODES[code];
  return { code, detail: names.length === 0 ? meaning : `${meaning}: ${shown}${rest}`, mend: mend ?? usual, count };
}

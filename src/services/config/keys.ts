import { bytes, choice, duration, flag, integer, list, secret, text } from "./key.ts";
import { type Config, type ConfigLayers, loadConfig } from "./config.ts";
import { defineConfig } from "./schema.ts";
import type { SecretReaders } from "./secret.ts";

const DAY_MS = 86_400_000;
const KIB = 1_024;
const MIB = 1_048_576;
const GIB = 1_024 * MIB;

/** Every key of AOS. A key is here only if setting it changes what the system does. */
export const AOS_KEYS = defineConfig(
  {
    dir: text({ default: ".aos", description: "the data folder" }),
    environment: text({
      default: "production",
      env: "APP_ENVIRONMENT",
      pattern: /^[a-z][a-z0-9-]{0,31}$/,
      wanted: "a lower-case name such as development, test or production",
      description: "the environment the system runs in",
    }),
    store: text({
      default: "sqlite",
      connection: true,
      pattern: /^(?:sqlite|memory|postgres(?:ql)?:\/\/.+)$/,
      wanted: "sqlite, memory or a postgres:// URL",
      description: "where everything is kept: sqlite in the data folder, memory, or a postgres:// URL",
    }),
    "node.name": text({
      default: "local",
      pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
      wanted: "a name of letters, digits, dot, dash and underscore",
      description: "the name of this process in a cluster and in ps",
    }),
    features: list({
      default: [],
      pattern: /^[A-Za-z][A-Za-z0-9._-]{0,63}$/,
      wanted: "names of feature flags",
      description: "the feature flags that are on",
    }),
    clock: choice({
      default: "real",
      choices: ["real", "inject"],
      description: "inject: time stands still until POST /api/test/clock advances it; for tests only",
    }),

    "disk.freeBytesMin": bytes({
      default: 100 * MIB,
      max: 1_048_576 * GIB,
      description: "room on the disk below which the doctor speaks up",
    }),

    "http.host": text({ default: "127.0.0.1", description: "the address to listen on" }),
    "http.port": integer({
      default: 7_117,
      min: 0,
      max: 65_535,
      description: "the port to listen on; 0 takes any that is free",
    }),
    "http.bodyBytesMax": bytes({
      default: 2 * MIB,
      min: KIB,
      max: GIB,
      description: "the largest body of a request with one event",
    }),
    "http.batchBytesMax": bytes({
      default: 16 * MIB,
      min: KIB,
      max: GIB,
      description: "the largest body of a batch of events",
    }),
    "auth.apiKey": secret({
      env: "AOS_API_KEY",
      check: (key) => (/^[\x21-\x7e]{1,512}$/.test(key) ? undefined : "is not 1–512 visible ASCII characters"),
      description: "the API key that is accepted, instead of one made at the first start",
    }),
    "github.webhookSecret": secret({
      description: "the secret that GitHub signs its webhooks with; unset: signatures are not checked",
    }),
    "models.default": text({
      default: undefined,
      description: "the model that agents think with, as provider:model; unset: thinking is MODEL_NOT_CONFIGURED",
    }),

    "log.format": choice({
      default: "pretty",
      choices: ["pretty", "json"],
      env: "AOS_LOG",
      description: "how log lines are written",
    }),
    "log.level": choice({
      default: "info",
      choices: ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
      description: "the least severe log line that is written",
    }),

    "limits.payloadBytes": bytes({
      default: MIB,
      min: KIB,
      max: 64 * MIB,
      description: "the largest payload of one envelope",
    }),
    "limits.stateBytes": bytes({
      default: MIB,
      min: KIB,
      max: 64 * MIB,
      description: "the largest state of one agent",
    }),
    "limits.messagesPerTurn": integer({
      default: 1_000,
      min: 1,
      max: 100_000,
      description: "messages, timers and decisions that one turn may leave",
    }),
    "limits.effectsPerTurn": integer({
      default: 100,
      min: 1,
      max: 10_000,
      description: "effects that one turn may call",
    }),
    "limits.mailboxDepth": integer({
      default: 10_000,
      min: 1,
      max: 10_000_000,
      description: "mail that may wait for one agent; past it MAILBOX_FULL",
    }),
    "limits.chainDepth": integer({
      default: 64,
      min: 1,
      max: 10_000,
      description: "hops of one causal chain until it is cut",
    }),
    "limits.chainTurns": integer({
      default: 10_000,
      min: 1,
      max: 10_000_000,
      description: "turns that one event may cause until its chain is cut",
    }),
    "limits.fanOut": integer({
      default: 10_000,
      min: 1,
      max: 1_000_000,
      description: "receivers of one broadcast, publication or routed event",
    }),

    "turn.deadlineMs": duration({
      default: 30_000,
      min: 10,
      max: DAY_MS,
      description: "time without progress until an attempt is aborted",
    }),
    "turn.concurrency": integer({
      default: 256,
      min: 1,
      max: 100_000,
      description: "turns in flight at once",
    }),
    "turn.stuckMax": integer({
      default: 3,
      min: 1,
      max: 1_000,
      description: "aborted attempts in a row until an agent is quarantined",
    }),
    "turn.crashesMax": integer({
      default: 3,
      min: 1,
      max: 1_000,
      description: "crashes of the process in one agent until it is quarantined",
    }),
    "retry.attempts": integer({
      default: 5,
      min: 1,
      max: 1_000,
      description: "attempts in all until an envelope becomes a dead letter",
    }),
    "retry.delayMs": duration({
      default: 200,
      max: 30 * DAY_MS,
      description: "the wait after the first failed attempt",
    }),
    "retry.factor": integer({
      default: 4,
      min: 1,
      max: 100,
      description: "what the wait is multiplied by after each further attempt",
    }),
    "retry.maxDelayMs": duration({
      default: 300_000,
      max: 30 * DAY_MS,
      description: "the longest wait between attempts",
    }),
    "watchdog.enabled": flag({
      default: true,
      description: "whether a blocked event loop is noticed and the process restarted",
    }),
    "watchdog.deadlineMs": duration({
      default: 10_000,
      min: 100,
      max: DAY_MS,
      description: "how long the event loop may be blocked",
    }),

    "mailbox.ageingMs": duration({
      default: 30_000,
      min: 1,
      max: DAY_MS,
      description: "waiting time for which mail rises by one priority",
    }),
    "ask.deadlineMs": duration({
      default: 5_000,
      min: 1,
      max: DAY_MS,
      description: "how long an ask waits for its answer",
    }),
    "command.waitMs": duration({
      default: 30_000,
      max: DAY_MS,
      description: "how long a caller waits for a command's reply until it gets 202",
    }),
    "command.replyHours": integer({
      default: 24,
      min: 1,
      max: 8_760,
      description: "hours for which a command's reply can be fetched",
    }),
    "dedupe.hours": integer({
      default: 24,
      min: 1,
      max: 8_760,
      description: "hours for which a key is recognised again",
    }),
    "dedupe.perAgent": integer({
      default: 10_000,
      min: 0,
      max: 10_000_000,
      description: "keys that are remembered for each agent",
    }),
    "topics.days": integer({
      default: 7,
      min: 1,
      max: 3_650,
      description: "days for which a publication waits for a subscriber that does not take it",
    }),
    "journal.days": integer({
      default: 30,
      min: 1,
      max: 3_650,
      description: "days for which a turn's record is kept",
    }),
    "journal.bytesPerAgent": bytes({
      default: 256 * KIB,
      min: 4 * KIB,
      max: GIB,
      description: "the most journal that one agent keeps",
    }),
    "journal.payloads": flag({
      default: false,
      description: "whether the journal keeps payloads, answers and messages of turns (at most 64 KiB each), so that they can be replayed",
    }),
    "journal.fullCopyEvery": integer({
      default: 64,
      min: 1,
      max: 10_000,
      description: "turns between full copies of a state in the journal",
    }),
    "upgrade.mode": choice({
      default: "lazy",
      choices: ["lazy", "held"],
      description: "lazy: an agent's state is migrated when it wakes; held: agents with an older state wait for `aos upgrade apply`",
    }),
    "upgrade.keepDays": integer({
      default: 7,
      min: 1,
      max: 3_650,
      description: "days for which the state before a migration is kept, at least, so that it can be rolled back",
    }),
    "cache.bytes": bytes({
      default: 64 * MIB,
      max: 64 * GIB,
      description: "agents' states held in memory",
    }),
    "commit.maxBatch": integer({
      default: 1_024,
      min: 1,
      max: 100_000,
      description: "turns that share one commit at most",
    }),
    "drain.timeoutMs": duration({
      default: 10_000,
      max: DAY_MS,
      description: "how long a shutdown waits for turns in flight",
    }),

    "azure.storageConnectionString": secret({
      env: "AZURE_STORAGE_CONNECTION_STRING",
      check: (value) =>
        /(?:^|;)(?:AccountName|BlobEndpoint|UseDevelopmentStorage)=/i.test(value)
          ? undefined
          : "is not a connection string of Azure Storage",
      description: "the Azure Storage account of the Azure adapter",
    }),
    "azure.servicebusConnectionString": secret({
      env: "AZURE_SERVICEBUS_CONNECTION_STRING",
      check: (value) => (/(?:^|;)Endpoint=sb:\/\//i.test(value) ? undefined : "is not a connection string of Azure Service Bus"),
      description: "the Azure Service Bus namespace of the Azure adapter",
    }),
  },
  {
    prefix: "AOS_",
    foreign: ["AOS_URL", "AOS_LAUNCHER", "AOS_UPDATE_DOCS", "AOS_KEY", "AOS_TENANT", "AOS_CODE_VERSION", "AOS_REQUIRE", "AOS_TEST_*"],
  },
);

/** The table's type: names to rows. */
export type AosTable = typeof AOS_KEYS.table;

/** The configuration of one system. */
export type AosSettings = Config<AosTable>;

/**
 * Loads the configuration of AOS from its layers.
 * @throws AosError CONFIG_INVALID with all faults at once.
 */
export function loadAosConfig(layers: ConfigLayers = {}, readers: SecretReaders = {}): AosSettings {
  return loadConfig(AOS_KEYS, layers, readers);
}

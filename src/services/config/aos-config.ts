import { assertValid } from "./config.ts";
import type { InputOf } from "./key.ts";
import { AOS_KEYS, type AosTable } from "./keys.ts";
import { readValues } from "./layers.ts";

/** Short names of keys that callers set most. */
const SHORT = {
  storageConnectionString: "azure.storageConnectionString",
  servicebusConnectionString: "azure.servicebusConnectionString",
  apiKey: "auth.apiKey",
  host: "http.host",
  port: "http.port",
  node: "node.name",
  model: "models.default",
} as const satisfies Record<string, keyof AosTable>;

type Nest<Name extends string, Value> = Name extends `${infer Head}.${infer Rest}`
  ? { readonly [Key in Head]?: Nest<Rest, Value> | undefined }
  : { readonly [Key in Name]?: Value | undefined };

type Together<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void ? All : never;

type ShortOptions = {
  readonly [Name in keyof typeof SHORT]?: InputOf<AosTable[(typeof SHORT)[Name]]> | undefined;
};

type NestedOptions = Together<{ [Key in keyof AosTable]: Nest<Key, InputOf<AosTable[Key]>> }[keyof AosTable]>;

type DottedOptions = { readonly [Key in keyof AosTable]?: InputOf<AosTable[Key]> | undefined };

/** Options as a caller writes them: short names (`port`), nested (`http: { port }`) or dotted (`"http.port"`); `undefined` is absent. */
export type AosConfigOptions = ShortOptions & NestedOptions & Omit<DottedOptions, keyof NestedOptions>;

/**
 * The caller's configuration, which overrides defaults, file and environment. Connection strings are held for the adapters that use them; where such
 * an adapter is missing, whatever needs it says so.
 */
export class AOSConfig {
  readonly #runtime: Readonly<Record<string, unknown>>;

  /** @throws AosError CONFIG_INVALID with all faults at once. */
  constructor(options: AosConfigOptions = {}) {
    const named = Object.entries(options);
    const dotted = named.flatMap(([name, value]) => (isShort(name) ? [[SHORT[name], value]] : []));
    const others = named.filter(([name]) => !isShort(name));
    const layers = [
      readValues(AOS_KEYS, "runtime", Object.fromEntries(others), undefined, Object.keys(SHORT)),
      readValues(AOS_KEYS, "runtime", Object.fromEntries(dotted)),
    ];
    const entries = layers.flatMap((layer) => layer.entries);
    const twice = entries.filter(({ key }, at) => entries.findIndex((each) => each.key === key) < at);
    assertValid([
      ...layers.flatMap((layer) => layer.faults),
      ...twice.map(({ key }) => ({ key, source: "runtime" as const, problem: "is given twice" })),
    ]);
    this.#runtime = Object.fromEntries(entries.map(({ key, value }) => [key, value]));
  }

  /** The values as the runtime layer of `loadAosConfig`, by dotted name; secrets are still as they were written. */
  get runtime(): Readonly<Record<string, unknown>> {
    return this.#runtime;
  }

  /** The names of the keys that are set, without their values. */
  toJSON(): { readonly keys: readonly string[] } {
    return { keys: Object.keys(this.#runtime) };
  }
}

function isShort(name: string): name is keyof typeof SHORT {
  return Object.hasOwn(SHORT, name);
}

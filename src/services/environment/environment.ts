import { AosError } from "../../kernel/index.ts";

/** What the service stands on: plain values, so that it depends on no other service. */
export interface EnvironmentOptions {
  /** The environment's name, from the key `environment`. Default `"production"`. */
  readonly name?: string | undefined;
  /** The feature flags that are on, from the key `features`. */
  readonly features?: readonly string[] | undefined;
  /** A snapshot of the environment variables, taken by the composition root. */
  readonly variables?: Readonly<Record<string, string | undefined>> | undefined;
}

const SECRET_NAME =
  /(?:^|_)(?:KEY|KEYS|SECRET|SECRETS|TOKEN|PASSWORD|PASSWD|PWD|PASSPHRASE|CREDENTIALS?|AUTH|COOKIE|DSN|SAS|CONNECTION_STRING|PRIVATE)(?:_|$)|(?:APIKEY|CONNSTR)/i;
const URL_CREDENTIALS = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*@/i;

/** Where the system runs: which environment, which features are on, which variables were set when it started. */
export class EnvironmentService {
  readonly name: string;
  readonly #features: ReadonlySet<string>;
  readonly #variables: ReadonlyMap<string, string>;

  constructor(options: EnvironmentOptions = {}) {
    this.name = options.name ?? "production";
    this.#features = new Set(options.features);
    const variables = new Map<string, string>();
    for (const [name, value] of Object.entries(options.variables ?? {})) {
      if (value !== undefined && value !== "") variables.set(name, value);
    }
    this.#variables = variables;
  }

  get isProduction(): boolean {
    return this.name === "production";
  }

  get isDevelopment(): boolean {
    return this.name === "development";
  }

  get isTest(): boolean {
    return this.name === "test";
  }

  /** The names of the features that are on, in order. */
  get features(): readonly string[] {
    return [...this.#features].toSorted();
  }

  /** Whether a feature flag is on; a flag that nobody set is off. */
  hasFeature(feature: string): boolean {
    return this.#features.has(feature);
  }

  /** A variable's value; `undefined` where it is unset or empty. */
  get(variable: string): string | undefined {
    return this.#variables.get(variable);
  }

  /**
   * A variable's value.
   * @throws AosError CONFIG_INVALID naming the variable where it is unset or empty.
   */
  require(variable: string): string {
    const value = this.#variables.get(variable);
    if (value === undefined) {
      throw new AosError("CONFIG_INVALID", `the environment variable ${variable} is not set; set it and start again`, {
        details: { variable, environment: this.name },
      });
    }
    return value;
  }

  /** Variables fit for people's eyes: a name or a value that looks like a credential is shown as a placeholder. Names with a prefix only, where one is given. */
  describe(prefix = ""): Readonly<Record<string, string>> {
    const shown = [...this.#variables]
      .filter(([name]) => name.startsWith(prefix))
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, value]) => [name, isSensitive(name, value) ? "[secret]" : value]);
    return Object.fromEntries(shown);
  }

  /** Only what is no secret: variables are left out. */
  toJSON(): { readonly name: string; readonly features: readonly string[] } {
    return { name: this.name, features: this.features };
  }
}

function isSensitive(name: string, value: string): boolean {
  return SECRET_NAME.test(name) || URL_CREDENTIALS.test(value);
}

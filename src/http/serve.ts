import { Backups, type BootOptions, diagnose, openServing, type Serving, VERSION } from "../system/index.ts";
import { createServer } from "./server.ts";
import type { HttpSystem } from "./system.ts";

/** How a system is served; what is left out comes from the configuration. */
export interface ServeOptions {
  readonly dir?: string | undefined;
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  /** Agents files or packages. */
  readonly agents?: readonly string[] | undefined;
  readonly store?: string | undefined;
  /** This process's name. */
  readonly node?: string | undefined;
  readonly configFile?: string | undefined;
  readonly isSupervised?: boolean | undefined;
  /** Told what people should know, line by line. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A system that serves. */
export interface Served {
  readonly url: string;
  /** The key made at the first start of a data folder. */
  readonly apiKey?: string | undefined;
  /** Drains, then stops. */
  close(): Promise<void>;
}

/**
 * Boots a system and serves it over HTTP.
 * @throws AosError CONFIG_INVALID, DATA_LOCKED, DATA_TOO_NEW.
 */
export async function serve(options: ServeOptions): Promise<Served> {
  const { dir, port, host, agents = [], store, node, configFile, isSupervised, log = () => undefined } = options;
  const boot: BootOptions = { dir, port, host, store, node, configFile, isSupervised };
  return serveOver(await openServing({ boot, agents, write: (line) => log(line.trimEnd()) }));
}

/** Serves a system that runs already; where that fails, the system is closed. */
export async function serveOver(serving: Serving): Promise<Served> {
  const { aos, settings } = serving;
  const system: HttpSystem = {
    api: aos.kernel,
    auth: serving.auth,
    clock: { now: () => aos.testClock?.now() ?? Date.now() },
    metrics: serving.metrics,
    readiness: () =>
      aos.kernel.stats().storeIsDown
        ? { ok: false, reasons: ["the store fails: nothing is acknowledged until it recovers"] }
        : { ok: true, reasons: [] },
    info: { version: VERSION, node: settings.get("node.name") },
    backups: new Backups(aos.backup),
    transfers: aos.transfers,
    diagnose: () => diagnose(aos),
    webhooks: serving.webhooks,
    testClock: aos.testClock,
  };
  try {
    const server = await createServer({
      system,
      host: settings.get("http.host"),
      port: settings.get("http.port"),
      log: serving.log,
      limits: {
        bodyBytes: settings.get("http.bodyBytesMax"),
        batchBytes: settings.get("http.batchBytesMax"),
      },
    });
    serving.announce(server.url);
    void serving
      .firstBoot()
      .catch((error: unknown) =>
        serving.log.error("the first boot of an agents file failed; it is tried again at the next start", { error }),
      );
    return {
      url: server.url,
      apiKey: serving.apiKey,
      close: async () => {
        await server.close(settings.get("drain.timeoutMs"));
        await serving.close();
      },
    };
  } catch (thrown) {
    await serving.close();
    throw thrown;
  }
}

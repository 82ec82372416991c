/** W1 from another process: one request per event, batches, and a streaming ingest. */
import { Agent, type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import { Samples } from "./samples.ts";
import type { Load } from "./in-process.ts";

const AGENTS = 1_000;
let sent = 0;

/** `clients` connections, each sends an event and waits for its answer. */
export async function requests(url: string, clients: number, ms: number): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const latency = new Samples();
  let done = 0;
  const start = performance.now();
  const client = async (): Promise<void> => {
    while (performance.now() - start < ms) {
      const n = ++sent;
      const from = performance.now();
      const body = `{"n":${n}}`;
      const headers = {
        authorization: "Bearer bench-key",
        "content-type": "application/json",
        "content-length": body.length,
        "ce-specversion": "1.0",
        "ce-id": `h${n}`,
        "ce-source": "bench",
        "ce-type": "bench.tick",
      };
      const status = await post(agent, `${url}/api/agents/counter/a${(n * 7_919) % AGENTS}/events`, headers, body);
      if (status !== 202) throw new Error(`answered ${status}`);
      latency.add(performance.now() - from);
      done++;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  return { perSecond: (done / (performance.now() - start)) * 1_000, latency };
}

/** Batches of 100 events, 16 in flight. */
export async function batches(url: string, ms: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  let done = 0;
  const start = performance.now();
  const client = async (): Promise<void> => {
    while (performance.now() - start < ms) {
      const body = `[${Array.from({ length: 100 }, () => cloudEvent(++sent)).join(",")}]`;
      const headers = {
        authorization: "Bearer bench-key",
        "content-type": "application/cloudevents-batch+json",
        "content-length": body.length,
      };
      const status = await post(agent, `${url}/api/events`, headers, body);
      if (status !== 207) throw new Error(`answered ${status}`);
      done += 100;
    }
  };
  await Promise.all(Array.from({ length: 16 }, client));
  agent.destroy();
  return (done / (performance.now() - start)) * 1_000;
}

/** One connection: events flow in, acknowledgements flow out; at most 1,024 are under way. */
export async function ingest(url: string, ms: number): Promise<number> {
  const stream = request(`${url}/api/ingest`, {
    method: "POST",
    headers: { authorization: "Bearer bench-key", "content-type": "application/x-ndjson" },
  });
  stream.flushHeaders();
  let acknowledged = 0;
  let written = 0;
  const start = performance.now();
  const pump = (): void => {
    if (performance.now() - start >= ms) return;
    let lines = "";
    while (written - acknowledged < 1_000) {
      lines += `${cloudEvent(++sent)}\n`;
      written++;
    }
    if (lines !== "") stream.write(lines);
  };
  pump();
  const response = await new Promise<IncomingMessage>((resolve, reject) => stream.once("response", resolve).once("error", reject));
  for await (const line of createInterface({ input: response })) {
    if (line.includes('"error"')) throw new Error(line);
    acknowledged++;
    if (written - acknowledged <= 500) pump();
    if (performance.now() - start >= ms && acknowledged === written) break;
  }
  const perSecond = (acknowledged / (performance.now() - start)) * 1_000;
  response.on("error", () => undefined);
  stream.on("error", () => undefined);
  stream.end();
  return perSecond;
}

function cloudEvent(n: number): string {
  return `{"specversion":"1.0","id":"d${n}","source":"bench","type":"bench.tick","aostarget":"counter/a${(n * 7_919) % AGENTS}","data":{"n":${n}}}`;
}

function post(agent: Agent, url: string, headers: Readonly<Record<string, string | number>>, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sending = request(url, { agent, method: "POST", headers }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
    });
    sending.once("error", reject);
    sending.end(body);
  });
}

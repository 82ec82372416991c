/** The real payloads of `@octokit/webhooks-examples`, delivered as GitHub would: for a first look without a repository. */
import { createHash } from "node:crypto";
import { z } from "zod";

/** A real payload for github.com. */
export interface Example {
  readonly event: string;
  readonly payload: unknown;
  /** Always the same for the same example, so that a replay which was cut short can simply run again. */
  readonly delivery: string;
}

/** Accepts one delivery durably, or drops it as a duplicate. */
export type Deliver = (headers: Readonly<Record<string, string>>, body: Uint8Array) => Promise<unknown>;

/** As the package's JSON has it; its own declarations describe a default export that the JSON does not have. */
const Definitions = z.array(z.object({ name: z.string(), examples: z.array(z.unknown()) }));

/** Reads the examples; some megabytes of JSON, loaded only here. */
export async function loadExamples(): Promise<readonly Example[]> {
  const loaded: { readonly default: unknown } = await import("@octokit/webhooks-examples", {
    with: { type: "json" },
  });
  return Definitions.parse(loaded.default).flatMap(({ name, examples }) =>
    examples.map((payload, index) => ({ event: name, payload, delivery: deliveryId(name, index) })),
  );
}

/**
 * Delivers every example in order, each after the one before it was accepted. Resolves to how many there are.
 * It may be run again from the start at any time: an accepted delivery is not accepted twice.
 */
export async function replay(deliver: Deliver, onProgress?: (done: number, total: number) => void): Promise<number> {
  const examples = await loadExamples();
  for (const [index, { event, payload, delivery }] of examples.entries()) {
    const headers = {
      "content-type": "application/json",
      "x-github-event": event,
      "x-github-delivery": delivery,
    };
    await deliver(headers, new TextEncoder().encode(JSON.stringify(payload)));
    onProgress?.(index + 1, examples.length);
  }
  return examples.length;
}

/** A UUID from a hash of the event and the example's index (RFC 9562, version 8). */
function deliveryId(event: string, index: number): string {
  const hex = createHash("sha256").update(`${event} ${index}`).digest("hex");
  const variant = "89ab"[Number.parseInt(hex.charAt(16), 16) % 4] ?? "8";
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `${variant}${hex.slice(17, 20)}`, hex.slice(20, 32)].join("-");
}

/** An agents file with a webhook that is signed the way GitHub signs. */
import { Probe } from "./probe.ts";

export { Probe };

/** The agents that are registered. */
export const register = [{ agent: Probe, id: "main" }];

/** The webhook: takes anything whose secret, where there is one, comes in a header. */
export const webhooks = {
  github: ({ headers, secret }: { readonly headers: Readonly<Record<string, string | undefined>>; readonly secret?: string }): unknown => ({
    target: "probe/main",
    name: "note",
    data: { text: secret === undefined ? "unsigned" : `signed with ${secret.length} characters` },
    source: "github",
    key: headers["x-github-delivery"] ?? "none",
  }),
};

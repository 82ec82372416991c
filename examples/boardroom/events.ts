import { event } from "aosjs";
import { z } from "zod";

/** Characters that are kept of any text that GitHub sends; the rest is cut, never refused. */
const TEXT_MAX = 200;
const text = z.string().transform((given) => given.slice(0, TEXT_MAX));
const login = z.object({ login: text });
const plan = z.object({
  name: text.nullish(),
  monthly_price_in_cents: z.number().int().min(0).max(1_000_000_000).nullish(),
});

/** What the rules read of a payload, by GitHub's own names. Everything else is dropped at the door. */
export const Payload = z.object({
  action: text.nullish(),
  repository: z.object({ full_name: text }).nullish(),
  organization: login.nullish(),
  sender: login.nullish(),
  alert: z
    .object({
      severity: text.nullish(),
      rule: z
        .object({
          id: text.nullish(),
          severity: text.nullish(),
          security_severity_level: text.nullish(),
        })
        .nullish(),
      security_advisory: z.object({ severity: text.nullish() }).nullish(),
    })
    .nullish(),
  security_advisory: z.object({ ghsa_id: text.nullish(), severity: text.nullish() }).nullish(),
  sponsorship: z.object({ tier: plan.nullish() }).nullish(),
  marketplace_purchase: z.object({ plan: plan.nullish() }).nullish(),
  release: z.object({ tag_name: text, name: text.nullish() }).nullish(),
  pull_request: z
    .object({
      number: z.number(),
      title: text,
      draft: z.boolean().nullish(),
      merged: z.boolean().nullish(),
    })
    .nullish(),
  workflow_run: z.object({ name: text.nullish(), conclusion: text.nullish(), head_branch: text.nullish() }).nullish(),
  check_run: z.object({ name: text, conclusion: text.nullish() }).nullish(),
  check_suite: z.object({ conclusion: text.nullish(), head_branch: text.nullish() }).nullish(),
  deployment_status: z.object({ state: text, environment: text.nullish() }).nullish(),
  state: text.nullish(),
  context: text.nullish(),
});

/** One delivery of a webhook, cut down to what the rules read: some kilobytes at most, whatever GitHub sent. */
export const Delivery = z.object({
  /** `X-GitHub-Delivery`. */
  delivery: z.string().regex(/^[A-Za-z0-9-]{1,64}$/),
  /** `X-GitHub-Event`. */
  event: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/),
  payload: Payload,
});
/** A delivery after validation. */
export type Delivery = z.output<typeof Delivery>;

/** GitHub delivered a webhook: to the secretary from outside, from there to one member. */
export const GitHubDelivery = event("github.delivery", Delivery);

/** Something that the CEO must know before the next brief. */
export const Escalation = event(
  "board.escalation",
  z.object({
    from: z.string(),
    what: z.string(),
    because: z.string(),
    delivery: z.string().optional(),
  }),
);

/** The CEO asks the board what happened since the last brief. */
export const ReportRequest = event("board.report-request", z.object({ brief: z.string() }));

/** A member's answer: its running total of deliveries by event type, and one line on its own field. */
export const Report = event(
  "board.report",
  z.object({
    brief: z.string(),
    member: z.string(),
    counts: z.record(z.string(), z.number()),
    line: z.string(),
  }),
);

/** The CEO's deadline for reports: the brief is written with what has come in. */
export const BriefDue = event("board.brief-due", z.object({ brief: z.string() }));

/** Half an hour has passed since something failed: does it still? */
export const Recheck = event("cto.recheck", z.object({ subject: z.string() }));

/** No star or release has come for a while: time for one note on all of them. */
export const DigestDue = event("cmo.digest-due", z.object({}));

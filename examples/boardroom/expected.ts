/**
 * Who should get which example, worked out from the payloads alone: it shares nothing with
 * the rules, so that a fault in one shows against the other.
 */
import type { Example } from "./replay.ts";

/** Deliveries by desk and event type. */
export type Table = Readonly<Record<string, Readonly<Record<string, number>>>>;

const ALWAYS: Readonly<Record<string, readonly string[]>> = {
  ceo: ["organization"],
  cfo: ["marketplace_purchase", "sponsorship"],
  cmo: ["release", "star"],
  cso: ["code_scanning_alert", "dependabot_alert", "repository_vulnerability_alert", "secret_scanning_alert", "security_advisory"],
  cto: ["pull_request"],
};
const GOOD_OR_BAD = /^(success|failure|error|timed_out|startup_failure|action_required)$/;

/** The desk that decides on an example; `ignored` where none does. */
export function expectedDesk({ event, payload }: Pick<Example, "event" | "payload">): string {
  const desk = Object.entries(ALWAYS).find(([, events]) => events.includes(event))?.[0];
  if (desk !== undefined) return desk;
  return GOOD_OR_BAD.test(String(ending(event, payload))) ? "cto" : "ignored";
}

function ending(event: string, payload: unknown): unknown {
  if (event === "status") return at(payload, "state");
  if (event === "deployment_status") return at(payload, event, "state");
  const isRun = event === "check_run" || event === "check_suite" || event === "workflow_run";
  return isRun && at(payload, "action") === "completed" ? at(payload, event, "conclusion") : undefined;
}

function at(value: unknown, ...path: readonly string[]): unknown {
  const step = (found: unknown, key: string): unknown => new Map(Object.entries(found ?? {})).get(key);
  return path.reduce(step, value);
}

/** Adds up pairs of desk and event type. */
export function count(pairs: Iterable<readonly [desk: string, event: string]>): Table {
  const table: Record<string, Record<string, number>> = {};
  for (const [desk, event] of pairs) {
    const row = (table[desk] ??= {});
    row[event] = (row[event] ?? 0) + 1;
  }
  return table;
}

/** The whole table for the 329 examples of `@octokit/webhooks-examples` 7.6.1: 5 CEO, 8 CFO, 16 CMO, 17 CSO, 45 CTO, 238 ignored. */
export const EXPECTED: Table = {
  ceo: { organization: 5 },
  cfo: { marketplace_purchase: 4, sponsorship: 4 },
  cmo: { release: 13, star: 3 },
  cso: {
    code_scanning_alert: 6,
    dependabot_alert: 3,
    repository_vulnerability_alert: 4,
    security_advisory: 4,
  },
  cto: {
    check_run: 3,
    check_suite: 4,
    deployment_status: 3,
    pull_request: 29,
    status: 4,
    workflow_run: 2,
  },
  ignored: {
    branch_protection_rule: 5,
    check_run: 6,
    check_suite: 5,
    commit_comment: 5,
    create: 5,
    delete: 4,
    deploy_key: 2,
    deployment: 4,
    deployment_review: 1,
    deployment_status: 1,
    discussion: 15,
    discussion_comment: 4,
    fork: 3,
    github_app_authorization: 2,
    gollum: 3,
    installation: 7,
    installation_repositories: 3,
    issue_comment: 9,
    issues: 29,
    label: 6,
    member: 4,
    membership: 5,
    merge_group: 2,
    meta: 2,
    milestone: 5,
    org_block: 4,
    package: 3,
    page_build: 3,
    ping: 4,
    project: 3,
    project_card: 9,
    project_column: 4,
    projects_v2_item: 7,
    public: 3,
    pull_request_review: 4,
    pull_request_review_comment: 5,
    pull_request_review_thread: 3,
    push: 7,
    repository_dispatch: 2,
    repository: 13,
    repository_import: 2,
    team: 6,
    team_add: 3,
    watch: 3,
    workflow_dispatch: 2,
    workflow_job: 8,
    workflow_run: 3,
  },
};

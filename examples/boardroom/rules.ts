/** The board's rules: who takes a delivery, what is decided, and why. Pure; no model is asked. */
import type { Delivery } from "./events.ts";

/** Who may be given a delivery. */
type Member = "ceo" | "cfo" | "cmo" | "cso" | "cto";

/** What the rules say of one delivery. */
export type Verdict = { readonly member: Member; readonly choice: string; readonly because: string } | { readonly ignored: string };

type Rule = (delivery: Delivery) => Verdict;

const SEVERE: ReadonlySet<string> = new Set(["high", "critical", "error"]);
const OPENED: ReadonlySet<string> = new Set([
  "created",
  "create",
  "reopened",
  "reopened_by_user",
  "appeared_in_branch",
  "reintroduced",
  "auto_reopened",
  "published",
]);
const FAILED: ReadonlySet<string> = new Set(["failure", "error", "timed_out", "startup_failure", "action_required"]);
const PASSED: ReadonlySet<string> = new Set(["success"]);
const FOR_REVIEW: ReadonlySet<string> = new Set(["opened", "reopened", "ready_for_review", "synchronize", "review_requested"]);

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["code_scanning_alert", security],
  ["dependabot_alert", security],
  ["secret_scanning_alert", security],
  ["repository_vulnerability_alert", security],
  ["security_advisory", security],
  ["sponsorship", money],
  ["marketplace_purchase", money],
  ["release", release],
  ["star", star],
  ["check_run", outcome],
  ["check_suite", outcome],
  ["workflow_run", outcome],
  ["deployment_status", outcome],
  ["status", outcome],
  ["pull_request", pullRequest],
  ["organization", organisation],
  ["ping", () => ({ ignored: "a ping proves that the webhook works and asks for nothing" })],
  ["watch", () => ({ ignored: "GitHub tells each star twice; the star event counts" })],
  ["workflow_job", () => ({ ignored: "its workflow run tells how the job ended" })],
]);

/** Judges a delivery: exactly one member takes it, or it is ignored for a reason. */
export function judge(delivery: Delivery): Verdict {
  return (
    RULES.get(delivery.event)?.(delivery) ?? {
      ignored: `no rule of the board concerns ${delivery.event}`,
    }
  );
}

/** How bad a security delivery is, in GitHub's words; a leaked secret is critical whatever GitHub says. */
export function severityOf({ event, payload }: Delivery): string {
  if (event === "secret_scanning_alert") return "critical";
  const { alert, security_advisory: advisory } = payload;
  const found =
    alert?.rule?.security_severity_level ??
    alert?.rule?.severity ??
    alert?.security_advisory?.severity ??
    alert?.severity ??
    advisory?.severity;
  return found ?? "unknown";
}

/** What failed or passed, so that a later success can be told to concern an earlier failure. */
export function subjectOf({ event, payload }: Delivery): string {
  const what = (): string => {
    switch (event) {
      case "workflow_run":
        return `workflow ${payload.workflow_run?.name || "?"} on ${payload.workflow_run?.head_branch ?? "?"}`;
      case "check_run":
        return `check ${payload.check_run?.name ?? "?"}`;
      case "check_suite":
        return `checks on ${payload.check_suite?.head_branch ?? "?"}`;
      case "deployment_status":
        return `deployment to ${payload.deployment_status?.environment ?? "?"}`;
      default:
        return `status ${payload.context ?? "?"}`;
    }
  };
  return `${payload.repository?.full_name ?? "?"}: ${what()}`;
}

/** How something ended, or undefined while it runs or where the end asks for nothing. */
export function outcomeOf(delivery: Delivery): "failed" | "passed" | undefined {
  const word = endOf(delivery);
  if (FAILED.has(word)) return "failed";
  return PASSED.has(word) ? "passed" : undefined;
}

function endOf({ event, payload }: Delivery): string {
  if (event === "status") return payload.state ?? "";
  if (event === "deployment_status") return payload.deployment_status?.state ?? "";
  if (payload.action !== "completed") return "";
  return (payload.workflow_run ?? payload.check_run ?? payload.check_suite)?.conclusion ?? "";
}

function security(delivery: Delivery): Verdict {
  const action = delivery.payload.action ?? "reported";
  const severity = severityOf(delivery);
  if (!OPENED.has(action))
    return {
      member: "cso",
      choice: "file",
      because: `the ${delivery.event} is ${action}: nothing new is open`,
    };
  return SEVERE.has(severity)
    ? {
        member: "cso",
        choice: "escalate",
        because: `a new ${delivery.event} of severity ${severity} is the CEO's business`,
      }
    : {
        member: "cso",
        choice: "schedule a fix",
        because: `a new ${delivery.event} of severity ${severity} can wait for the next release`,
      };
}

function money({ event, payload }: Delivery): Verdict {
  const plan = event === "sponsorship" ? payload.sponsorship?.tier : payload.marketplace_purchase?.plan;
  const what = `${event} ${payload.action ?? "?"}: ${plan?.name ?? "no plan"}, ${plan?.monthly_price_in_cents ?? 0} cents a month`;
  switch (payload.action ?? "") {
    case "created":
    case "purchased":
      return { member: "cfo", choice: "book income", because: what };
    case "cancelled":
      return { member: "cfo", choice: "book loss", because: what };
    default:
      return { member: "cfo", choice: "update forecast", because: what };
  }
}

function release({ payload }: Delivery): Verdict {
  const name = payload.release?.tag_name ?? "?";
  return payload.action === "published"
    ? { member: "cmo", choice: "announce", because: `${name} is out` }
    : {
        member: "cmo",
        choice: "hold",
        because: `${name} is ${payload.action ?? "?"}, which is no news for customers`,
      };
}

function star({ payload }: Delivery): Verdict {
  const who = payload.sender?.login ?? "somebody";
  return payload.action === "created"
    ? {
        member: "cmo",
        choice: "thank",
        because: `${who} starred ${payload.repository?.full_name ?? "?"}`,
      }
    : { member: "cmo", choice: "note", because: `${who} took a star back` };
}

function outcome(delivery: Delivery): Verdict {
  const subject = subjectOf(delivery);
  const ended = outcomeOf(delivery);
  if (ended === undefined) return { ignored: `${subject} has not ended in success or failure` };
  return ended === "failed"
    ? { member: "cto", choice: "follow up", because: `${subject} ended in ${endOf(delivery)}` }
    : { member: "cto", choice: "clear", because: `${subject} passed` };
}

function pullRequest({ payload }: Delivery): Verdict {
  const { number = "?", draft, merged } = payload.pull_request ?? {};
  const action = payload.action ?? "?";
  const what = `pull request ${number} is ${action}`;
  if (action === "closed")
    return {
      member: "cto",
      choice: "file",
      because: `${what}, ${merged === true ? "merged" : "not merged"}`,
    };
  if (draft === true) return { member: "cto", choice: "wait", because: `${what} and still a draft` };
  return FOR_REVIEW.has(action)
    ? { member: "cto", choice: "review", because: what }
    : { member: "cto", choice: "note", because: `${what}, which changes no code` };
}

function organisation({ payload }: Delivery): Verdict {
  const name = payload.organization?.login ?? "?";
  return {
    member: "ceo",
    choice: "note for the brief",
    because: `organisation ${name}: ${payload.action ?? "?"}`,
  };
}

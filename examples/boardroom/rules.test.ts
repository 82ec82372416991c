import assert from "node:assert/strict";
import { test } from "node:test";
import { count, EXPECTED, expectedDesk } from "./expected.ts";
import { Delivery } from "./events.ts";
import { type Example, loadExamples, replay } from "./replay.ts";
import { judge, outcomeOf, severityOf, subjectOf, type Verdict } from "./rules.ts";
import { toArrival } from "./webhooks.ts";

const examples = await loadExamples();
const total = (table: Readonly<Record<string, Readonly<Record<string, number>>>>): number =>
  Object.values(table)
    .flatMap(Object.values<number>)
    .reduce((sum, each) => sum + each, 0);

function delivered(event: string, payload: unknown): Delivery {
  const body = new TextEncoder().encode(JSON.stringify(payload));
  const { data } = toArrival({
    headers: { "x-github-event": event, "x-github-delivery": "d-1" },
    body,
  });
  return Delivery.parse(data);
}

function judged(event: string, payload: unknown): Verdict {
  return judge(delivered(event, payload));
}

const deskOf = (verdict: Verdict): string => ("ignored" in verdict ? "ignored" : verdict.member);

test("the rules give each of the 329 examples to the desk that the independent table names", () => {
  for (const example of examples) {
    const verdict = judged(example.event, example.payload);
    assert.equal(deskOf(verdict), expectedDesk(example), `${example.event} ${example.delivery}`);
  }
});

test("counts per desk and event type equal the committed table, which adds up to 329", () => {
  const verdicts = examples.map(({ event, payload }) => [deskOf(judged(event, payload)), event] as const);
  assert.deepEqual(count(verdicts), EXPECTED);
  assert.deepEqual(count(examples.map((example) => [expectedDesk(example), example.event])), EXPECTED);
  assert.equal(total(EXPECTED), 329);
});

test("every example has a delivery id of its own, and the same one each time", async () => {
  const ids = examples.map(({ delivery }) => delivery);
  assert.equal(new Set(ids).size, 329);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(
    (await loadExamples()).map(({ delivery }: Example) => delivery),
    ids,
  );
});

test("a replay that was cut short delivers the rest when it runs again, and nothing twice", async () => {
  const accepted = new Map<string | undefined, number>();
  const deliver = (headers: Readonly<Record<string, string>>): Promise<void> => {
    const id = headers["x-github-delivery"];
    accepted.set(id, (accepted.get(id) ?? 0) + 1);
    return Promise.resolve();
  };
  await assert.rejects(
    replay(async (headers) => {
      if (accepted.size === 100) throw new Error("cut");
      await deliver(headers);
    }),
    /cut/,
  );
  const progress: number[] = [];
  const isNew = (id: string | undefined): boolean => !accepted.has(id);
  const given = await replay(
    async (headers) => {
      if (isNew(headers["x-github-delivery"])) await deliver(headers);
    },
    (done, of) => progress.push(done / of),
  );
  assert.equal(given, 329);
  assert.deepEqual([accepted.size, Math.max(...accepted.values())], [329, 1]);
  assert.deepEqual([progress.length, progress.at(-1)], [329, 1]);
});

test("a new severe alert is escalated, a mild or closed one is not", () => {
  const alert = { action: "created", alert: { security_advisory: { severity: "critical" } } };
  const choice = (event: string, payload: unknown): string => {
    const verdict = judged(event, payload);
    return "ignored" in verdict ? verdict.ignored : verdict.choice;
  };
  assert.equal(choice("dependabot_alert", alert), "escalate");
  assert.equal(choice("dependabot_alert", { ...alert, action: "dismissed" }), "file");
  assert.equal(choice("secret_scanning_alert", { action: "created", alert: {} }), "escalate");
  assert.equal(
    choice("code_scanning_alert", {
      action: "created",
      alert: { rule: { severity: "note" } },
    }),
    "schedule a fix",
  );
  assert.equal(
    choice("code_scanning_alert", {
      action: "created",
      alert: { rule: { severity: "error", security_severity_level: "low" } },
    }),
    "schedule a fix",
  );
});

test("an alert without a severity is filed as unknown, not escalated", () => {
  assert.equal(severityOf(delivered("dependabot_alert", { action: "created" })), "unknown");
});

test("only what ended is an outcome, and a later success has the subject of the failure", () => {
  const run = (conclusion: string | null, action = "completed"): Delivery =>
    delivered("workflow_run", {
      action,
      repository: { full_name: "o/r" },
      workflow_run: { name: "CI", head_branch: "main", conclusion },
    });
  assert.equal(outcomeOf(run("failure")), "failed");
  assert.equal(outcomeOf(run("timed_out")), "failed");
  assert.equal(outcomeOf(run("success")), "passed");
  assert.equal(outcomeOf(run("cancelled")), undefined);
  assert.equal(outcomeOf(run(null)), undefined);
  assert.equal(outcomeOf(run("failure", "requested")), undefined);
  assert.equal(subjectOf(run("failure")), "o/r: workflow CI on main");
  assert.equal(subjectOf(run("failure")), subjectOf(run("success")));
});

test("an event called like a member of Object is ignored as any unknown one", () => {
  for (const event of ["constructor", "to_string", "valueof", "no_such_event"]) {
    const verdict = judged(event, {});
    assert.deepEqual(verdict, { ignored: `no rule of the board concerns ${event}` });
  }
});

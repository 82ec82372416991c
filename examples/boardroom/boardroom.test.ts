import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentOperatingSystem, type Decision } from "aosjs";
import { register, webhooks } from "./agents.ts";
import { Ceo } from "./ceo.ts";
import { Cto } from "./cto.ts";

const MINUTE = 60_000;
const ROUNDS_MAX = 500;
const NINE = 9 * 60 * MINUTE;
const repository = { full_name: "o/r" };
const failed = {
  action: "completed",
  repository,
  workflow_run: { name: "CI", head_branch: "main", conclusion: "failure" },
};

/** A boardroom in memory, whose clock the test moves. */
class Boardroom implements AsyncDisposable {
  readonly #aos: AgentOperatingSystem;
  #deliveries = 0;

  private constructor(aos: AgentOperatingSystem) {
    this.#aos = aos;
  }

  static async open(): Promise<Boardroom> {
    const aos = await AgentOperatingSystem.boot({ store: "memory", clock: "inject" });
    await aos.loadAll(register.map(({ agent }) => agent));
    for (const { agent, id } of register) await aos.register(agent, id);
    return new Boardroom(aos);
  }

  get aos(): AgentOperatingSystem {
    return this.#aos;
  }

  async deliver(event: string, payload: unknown, delivery = `d-${++this.#deliveries}`): Promise<void> {
    const body = new TextEncoder().encode(JSON.stringify(payload));
    const headers = { "x-github-event": event, "x-github-delivery": delivery };
    const { target, ...arrival } = webhooks.github({ headers, body });
    await this.#aos.kernel.accept({ ...arrival, target: `default/${target}`, kind: "event" });
    await this.pass(0);
  }

  /** Lets time pass, and everything that it causes happen. */
  async pass(ms: number): Promise<void> {
    await this.#aos.testClock?.advance(ms);
    for (let round = 0; round < ROUNDS_MAX && this.#isBusy(); round++) await this.#aos.testClock?.advance(0);
    assert.ok(!this.#isBusy(), "the boardroom came to rest");
  }

  async decisions(member: string): Promise<readonly Decision[]> {
    const turns = await this.#aos.kernel.journal(`default/${member}/main`, 0, 1_000);
    return turns.flatMap(({ decisions }) => decisions);
  }

  #isBusy(): boolean {
    return this.#aos.kernel.stats().inFlight > 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#aos.shutdown();
  }
}

const untilNine = (now: number): number => {
  const day = 24 * 60 * MINUTE;
  const sinceMidnight = now % day;
  return ((NINE - sinceMidnight + day) % day) + 2 * MINUTE;
};

test("a severe alert reaches the CEO, and is in the brief at nine beside a report of each member", async () => {
  await using board = await Boardroom.open();
  await board.deliver("dependabot_alert", {
    action: "created",
    repository,
    alert: { security_advisory: { severity: "high" } },
  });
  assert.deepEqual(await board.decisions("ceo"), []);
  await board.pass(untilNine(board.aos.testClock?.now() ?? 0));
  const [brief] = await board.aos.query(Ceo, "main", "briefs", {});
  assert.deepEqual(
    brief?.lines.map((line) => line.split(":", 1)[0]),
    ["cfo", "cmo", "cso", "cto", "escalated by cso"],
  );
  assert.match(brief?.lines.at(-1) ?? "", /dependabot_alert in o\/r, because .* severity high/);
  assert.deepEqual(
    (await board.decisions("ceo")).map(({ choice }) => choice),
    ["brief"],
  );
});

test("a member that is paused is named in the brief as silent, a minute later", async () => {
  await using board = await Boardroom.open();
  await board.aos.kernel.move("default/cmo/main", "pause", {});
  assert.deepEqual(await board.aos.call(Ceo, "main", "brief", {}), { asked: 4 });
  await board.pass(2 * MINUTE);
  const [brief] = await board.aos.query(Ceo, "main", "briefs", {});
  assert.deepEqual(
    brief?.lines.filter((line) => line.includes("no report")),
    ["cmo: no report within 1m"],
  );
});

test("what fails is escalated after half an hour, unless it passes before", async () => {
  await using board = await Boardroom.open();
  await board.deliver("workflow_run", failed);
  await board.deliver("check_run", {
    action: "completed",
    repository,
    check_run: { name: "lint", conclusion: "failure" },
  });
  await board.pass(20 * MINUTE);
  await board.deliver("check_run", {
    action: "completed",
    repository,
    check_run: { name: "lint", conclusion: "success" },
  });
  await board.pass(20 * MINUTE);
  const escalated = (await board.decisions("cto")).filter(({ choice }) => choice === "escalate");
  assert.deepEqual(
    escalated.map(({ because }) => because),
    ["o/r: workflow CI on main: it has not passed within 30m of failing"],
  );
  const summary = await board.aos.query(Cto, "main", "summary", {});
  assert.deepEqual(summary.counts, { workflow_run: 1, check_run: 2 });
});

test("stars make one note once ten minutes have been quiet, each with a decision of its own", async () => {
  await using board = await Boardroom.open();
  for (const login of ["ada", "bob", "cy"]) {
    await board.deliver("star", { action: "created", repository, sender: { login } });
    await board.pass(6 * MINUTE);
  }
  assert.deepEqual(
    (await board.decisions("cmo")).map(({ choice }) => choice),
    ["thank", "thank", "thank"],
  );
  await board.pass(6 * MINUTE);
  const last = (await board.decisions("cmo")).at(-1);
  assert.deepEqual(last, { choice: "digest", because: "0 releases and 3 stars make one note" });
});

test("where a model would help and none is configured, the decision says so and the rule stands", async () => {
  await using board = await Boardroom.open();
  await board.deliver("sponsorship", {
    action: "created",
    sponsorship: { tier: { name: "$5", monthly_price_in_cents: 500 } },
  });
  assert.deepEqual(await board.decisions("cfo"), [
    {
      choice: "book income",
      because: ["sponsorship created: $5, 500 cents a month", "assessment: no model configured"],
      evidence: ["d-1"],
    },
  ]);
});

test("a delivery that GitHub sends again is decided on once, and one with another body under its id is refused", async () => {
  await using board = await Boardroom.open();
  const star = { action: "created", repository, sender: { login: "ada" } };
  await board.deliver("star", star, "same");
  await board.deliver("star", star, "same");
  await assert.rejects(board.deliver("workflow_run", failed, "same"), {
    code: "IDEMPOTENCY_CONFLICT",
  });
  assert.equal((await board.decisions("cmo")).length, 1);
  assert.equal((await board.decisions("cto")).length, 0);
});

test("what no rule concerns is ignored for a reason, in the secretary's journal", async () => {
  await using board = await Boardroom.open();
  await board.deliver("constructor", {});
  assert.deepEqual(await board.decisions("secretary"), [
    {
      choice: "ignored: no rule of the board concerns constructor",
      because: ["no rule of the board concerns constructor"],
      evidence: ["d-1"],
    },
  ]);
});

test("state stays bounded though event types and deliveries never end", async () => {
  await using board = await Boardroom.open();
  for (let at = 0; at < 230; at++) await board.deliver(`made_up_${at}`, { action: "x".repeat(10_000) });
  const { state } = await board.aos.kernel.state("default/secretary/main");
  assert.ok(JSON.stringify(state).length < 16_384);
  assert.match(JSON.stringify(state), /"other":30/);
});

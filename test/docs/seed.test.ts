/** The snippets of the seed that belong to kernel, lifecycle, bus, configuration, state machine and breaker, in their TypeScript form. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentOperatingSystem, AOSConfig, CircuitBreaker, event, PurposeDrivenAgent, state, StateMachine, type TopicMessage } from "aosjs";
import { z } from "zod";

const TaskCreated = event("task.created", z.object({ title: z.string() }));

class CeoAgent extends PurposeDrivenAgent.define({
  type: "ceo",
  purpose: "Strategic oversight",
  adapter: "ceo",
  state: state(1, z.object({ tasks: z.array(z.string()) }), { initial: () => ({ tasks: [] }) }),
  on: { taskCreated: TaskCreated },
}) {
  readonly handlers = this.handle({
    taskCreated: (ctx, e) => {
      ctx.state.tasks.push(e.data.title);
    },
  });
}

test("initialise, register an agent, process an event", async () => {
  const config = new AOSConfig({ store: "memory", environment: "production" });
  const aos = new AgentOperatingSystem(config);
  await aos.initialize();
  await using _ = aos;
  await aos.registerAgent(new CeoAgent(), "main");
  const [ack] = await aos.processEvent({ type: "task.created", data: { title: "plan" } });
  assert.ok(ack);
  assert.equal((await aos.outcome(ack))?.outcome, "done");
  assert.deepEqual((await aos.kernel.state("ceo/main")).state, { tasks: ["plan"] });
  assert.equal(aos.environment.isProduction, true);
});

test("an agent goes created → initialized, runs and sleeps, and is terminated", async () => {
  await using aos = await AgentOperatingSystem.boot({ store: "memory" });
  await aos.registerAgent(CeoAgent);
  assert.equal((await aos.kernel.agent("ceo/main")).state, "sleeping");
  await aos.unregister([CeoAgent, "main"]);
  assert.equal((await aos.kernel.agent("ceo/main")).state, "terminated");
  const notes = (await aos.kernel.journal("ceo/main")).map(({ note }) => note);
  assert.deepEqual(notes, ["created → initialized", "initialized → terminated"]);
});

test("publish a message, subscribe to a topic", async () => {
  await using aos = await AgentOperatingSystem.boot({ store: "memory" });
  const { messageBus } = aos;
  const { promise, resolve } = Promise.withResolvers<TopicMessage>();
  await messageBus.subscribe("agent.events", resolve);
  await messageBus.publish("agent.events", { name: "started" });
  const message = await promise;
  assert.deepEqual([message.topic, message.data], ["agent.events", { name: "started" }]);
});

test("one agent sends another a message", async () => {
  await using aos = await AgentOperatingSystem.boot({ store: "memory" });
  await aos.registerAgent(CeoAgent, "a");
  await aos.registerAgent(CeoAgent, "b");
  const ack = await aos.sendAgentMessage("ceo/a", "ceo/b", { type: "task.created", data: { title: "review" } });
  const record = await aos.outcome(ack);
  assert.equal(record?.cause.from, "ceo/a");
  assert.deepEqual((await aos.kernel.state("ceo/b")).state, { tasks: ["review"] });
});

test("a state machine with deterministic transitions", async () => {
  const states = ["created", "initialized", "running", "sleeping"];
  const transitions = [
    ["created", "initialize", "initialized"],
    ["initialized", "start", "running"],
    ["running", "idle", "sleeping"],
  ] as const;
  const machine = new StateMachine(states, transitions);
  await machine.fire("initialize");
  await machine.fire("start");
  await machine.fire("idle");
  assert.equal(machine.state, "sleeping");
  await assert.rejects(machine.fire("start"), { code: "TRANSITION_ILLEGAL" });
});

test("a circuit breaker around an external service", async () => {
  class ServiceError extends Error {}
  const breaker = new CircuitBreaker({ failureThreshold: 5, timeout: 60, expectedException: ServiceError });
  const fail = async (): Promise<never> => {
    throw new ServiceError("down");
  };
  for (let call = 0; call < 5; call++) await assert.rejects(breaker.call(fail), ServiceError);
  await assert.rejects(breaker.call(fail), { code: "BREAKER_OPEN" });
  breaker.reset();
  {
    await using call = breaker.enter();
    call.succeed();
  }
  assert.equal(breaker.state, "closed");
});

test("runtime configuration overrides the environment, which overrides the defaults", async () => {
  await using aos = await AgentOperatingSystem.boot({ store: "memory", environment: "test" });
  assert.equal(aos.settings.source("environment"), "runtime");
  assert.equal(aos.settings.get("environment"), "test");
  assert.equal(aos.settings.source("turn.concurrency"), "default");
});

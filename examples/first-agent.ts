// Run it twice: `node examples/first-agent.ts`. The second run goes on where the first one stopped.
import { AgentOperatingSystem, effect, event, PurposeDrivenAgent, query, state } from "aosjs";
import { z } from "zod";

const Visit = event("visit", z.object({ name: z.string() }));
const Say = effect("say", {
  input: z.string(),
  output: z.null(),
  run: (line) => (console.log(line), null),
});

class Greeter extends PurposeDrivenAgent.define({
  type: "greeter",
  purpose: "Remember every visitor",
  state: state(1, z.object({ visits: z.number() }), { initial: () => ({ visits: 0 }) }),
  on: { visit: Visit },
  queries: { visits: query(z.object({}), z.number()) },
  uses: [Say],
}) {
  readonly handlers = this.handle({
    visit: async (ctx, { data }) => {
      ctx.state.visits += 1;
      await ctx.effect(Say, `Hello ${data.name}, you are visitor ${ctx.state.visits}.`);
    },
    visits: ({ visits }) => visits,
  });
}

await using aos = await AgentOperatingSystem.boot({ dir: ".aos-first-agent" });
await aos.register(Greeter, "main");
for (const ack of await aos.emit(Visit, { name: "Ada" }, { to: [Greeter, "main"] })) {
  await aos.outcome(ack);
}
console.log(`Visits so far: ${await aos.query(Greeter, "main", "visits", {})}`);

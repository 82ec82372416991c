// Run it twice: `node examples/first-agent.ts`. The second run goes on where the first one stopped.
import { AgentOperatingSystem, event, PurposeDrivenAgent, state } from "aosjs";
import { z } from "zod";

const Visit = event("visit", z.object({ name: z.string() }));

class Greeter extends PurposeDrivenAgent.define({
  type: "greeter",
  purpose: "Remember every visitor",
  state: state(1, z.object({ visits: z.number() }), { initial: () => ({ visits: 0 }) }),
  on: { visit: Visit },
}) {
  readonly handlers = this.handle({
    visit: (ctx, { data }) => {
      ctx.state.visits += 1;
      ctx.decide({ choice: "greet", because: `${data.name} is visitor ${ctx.state.visits}` });
    },
  });
}

await using aos = await AgentOperatingSystem.boot({ dir: ".aos-first-agent" });
await aos.register(Greeter, "main");
for (const ack of await aos.emit(Visit, { name: "Ada" }, { to: [Greeter, "main"] })) {
  const turn = await aos.outcome(ack);
  console.log(`turn ${turn?.turn}: ${turn?.outcome}`, turn?.decisions);
}

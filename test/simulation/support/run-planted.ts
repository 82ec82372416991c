/** Plants a bug as the modules load, then simulates until an invariant breaks: prints which, and at which seed. */
import { registerHooks } from "node:module";
import { PLANTED } from "./planted.ts";

const planted = PLANTED[Number(process.argv[2])];
if (planted === undefined) throw new Error("there is no such planted bug");
let applied = 0;
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!url.endsWith(`/src/${planted.file}`)) return loaded;
    const source = typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source ?? undefined);
    if (source.split(planted.from).length !== 2) throw new Error(`the patch "${planted.name}" no longer applies to ${planted.file}`);
    applied++;
    return { ...loaded, source: source.replace(planted.from, () => planted.to) };
  },
});
const { simulateKernel } = await import("../../../src/testing/index.ts");
if (applied !== 1) throw new Error(`${planted.file} was not loaded`);
for (let seed = 1; seed <= 300; seed++) {
  const { violation } = await simulateKernel({ seed });
  if (violation === undefined) continue;
  console.log(`${violation.invariant} at seed ${seed}`);
  break;
}

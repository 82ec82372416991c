/**
 * The command `aos`: arguments flow in, requests to a system flow out; data comes back on stdout, and one line of trouble on stderr.
 * It never prints anything else on stdout.
 */
import { processIo } from "./io.ts";

const args = process.argv.slice(2);
const io = processIo();
if (args.length === 1 && (args[0] === "--version" || args[0] === "-V")) {
  const { version } = await import("./version.ts");
  io.out(version());
} else {
  const { run } = await import("./run.ts");
  process.exitCode = await run(args, io);
}

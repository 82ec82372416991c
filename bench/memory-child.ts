/** W1 at 64 clients and nothing else, in a process of its own: prints the most memory that it held. */
import { counters, events } from "./in-process.ts";

const [dir = "", ms = "1000"] = process.argv.slice(2);
await using aos = await counters(dir);
let peak = 0;
const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 20);
await events(aos, 64, Number(ms));
clearInterval(watch);
console.log(JSON.stringify({ peak }));

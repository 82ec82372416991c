/** Loaded before the command: kills its process at the n-th thing that it does with the file of a move or asks of the system. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { dirname } from "node:path";

const { DIE_AT = "0", DIE_FILE = "" } = process.env;
const own = new Set<unknown>();
let count = 0;

function step(): void {
  if (++count === Number(DIE_AT)) process.kill(process.pid, "SIGKILL");
}

/** Dies before the call; what it opens of the file is watched as well. */
function watch<Arguments extends readonly unknown[], Result>(call: (...given: Arguments) => Result): (...given: Arguments) => Result {
  return (...given) => {
    const [target] = given;
    const isOwn = own.has(target) || target === dirname(DIE_FILE) || (typeof target === "string" && target.startsWith(DIE_FILE));
    if (!isOwn) return call(...given);
    step();
    const result = call(...given);
    if (typeof result === "number") own.add(result);
    return result;
  };
}

if (DIE_FILE !== "") {
  Object.assign(fs, {
    openSync: watch(fs.openSync),
    writeFileSync: watch(fs.writeFileSync),
    fsyncSync: watch(fs.fsyncSync),
    renameSync: watch(fs.renameSync),
  });
  syncBuiltinESMExports();
  const ask = globalThis.fetch;
  globalThis.fetch = async (...given) => {
    const isOwn = typeof given[0] === "string" && /:(?:export|release)$/.test(given[0]);
    if (isOwn) step();
    const answer = await ask(...given);
    if (isOwn) step();
    return answer;
  };
}

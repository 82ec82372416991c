/** Runs `aos` in a process of its own in which some sources read otherwise. */
import { fileURLToPath } from "node:url";
import { type Ended, run } from "../../support/checkout.ts";

/** One change of a source: a text that stands in it once, and what takes its place. */
export interface Patch {
  /** From the repository's root. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const PRELOAD = new URL("patched.mjs", import.meta.url).href;
const MAIN = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));
const PATCH_FAILED = 70;

/** @throws Error where a patch does not apply any more. */
export async function aos(args: readonly string[], patches: readonly Patch[] = []): Promise<Ended> {
  const env = { ...process.env, AOS_PATCHES: JSON.stringify(patches), NODE_OPTIONS: "" };
  const ended = await run(process.execPath, ["--conditions=aosjs-source", `--import=${PRELOAD}`, MAIN, ...args], { env });
  if (ended.code === PATCH_FAILED) throw new Error(`a patch does not apply: ${ended.stderr}`);
  return ended;
}

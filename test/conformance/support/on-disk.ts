/** A store on disk under the conformance kit, with the deaths that a killed process would leave. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "../../../src/kernel/index.ts";
import type { StoreUnderTest } from "../../../src/testing/index.ts";

/** Makes stores by path, each over an empty folder. */
export async function onDisk(make: (path: string) => Store): Promise<StoreUnderTest> {
  const dir = mkdtempSync(join(tmpdir(), "aos-conformance-"));
  let lives = 0;
  let path = join(dir, "0.db");
  let store = make(path);
  return {
    store,
    reopen: async () => (store = make(path)),
    afterDeath: async () => {
      const next = join(dir, `${++lives}.db`);
      // What was written is in the files, whether or not its owner lives on.
      for (const end of ["", "-wal"]) if (existsSync(path + end)) copyFileSync(path + end, next + end);
      await store.close(false);
      path = next;
      return (store = make(path));
    },
    close: async () => rmSync(dir, { recursive: true, force: true }),
  };
}

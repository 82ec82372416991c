import { AosError } from "../../kernel/index.ts";
import type { Connection } from "./connection.ts";

/** The oldest server that has all that is used. */
const VERSION_MIN = 140_000;

/**
 * Makes sure that what the server acknowledges is durable, and that it can hold what AOS writes.
 * @throws AosError CONFIG_INVALID naming the setting that must be another one.
 */
export async function checkServer(connection: Connection): Promise<void> {
  const [row] = await connection.all<Record<"version" | "encoding" | "fsync" | "recovery", string>>(
    `SELECT current_setting('server_version_num') AS version, current_setting('server_encoding') AS encoding,
     current_setting('fsync') AS fsync, pg_is_in_recovery()::text AS recovery`,
  );
  if (Number(row?.version) < VERSION_MIN) throw refused(`is older than 14 (${row?.version})`, "use a newer server");
  if (row?.encoding !== "UTF8") throw refused(`has a database in ${row?.encoding}`, "create one with ENCODING 'UTF8'");
  if (row.fsync !== "on") throw refused("has fsync off, so that nothing it acknowledges is durable", "set fsync = on");
  if (row.recovery === "true") throw refused("is a standby, which cannot be written", "name the primary");
}

/** Makes commits wait for their sync, also where a database or role is set to acknowledge them before. */
export async function demandSync(connection: Connection): Promise<void> {
  await connection.run({
    text: "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
  });
}

function refused(what: string, advice: string): AosError {
  return new AosError("CONFIG_INVALID", `the PostgreSQL server ${what}: ${advice}`, { details: { option: "store" } });
}

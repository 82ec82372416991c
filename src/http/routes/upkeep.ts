import { AosError } from "../../kernel/index.ts";
import { BackupAnswer, BackupRequest } from "../../protocol/index.ts";
import type { Caller } from "../guard.ts";
import { ok, type Route, route } from "../route.ts";

/** Routes for whoever keeps the system: backups. */
export const upkeepRoutes: readonly Route[] = [
  route({
    method: "POST",
    path: "/api/backups",
    scope: "admin",
    summary: "Begin a backup of the whole system to a file of its machine",
    body: BackupRequest,
    answers: { 202: { description: "it has begun", schema: BackupAnswer } },
    errors: ["BACKUP_RUNNING", "FILE_EXISTS", "USAGE", "DISK_FULL"],
    handle: async (call) => {
      onlyFleet(call);
      return { status: 202, body: await call.system.backups.start(call.body.file, call.body.replace === true) };
    },
  }),
  route({
    method: "GET",
    path: "/api/backups/last",
    scope: "admin",
    summary: "Show how the backup stands that was begun last",
    answers: { 200: { description: "the backup", schema: BackupAnswer } },
    errors: ["NOT_FOUND"],
    handle: (call) => {
      onlyFleet(call);
      const { last } = call.system.backups;
      if (last === undefined) throw new AosError("NOT_FOUND", "no backup was begun since this process started");
      return ok(last);
    },
  }),
];

/** What concerns all tenants at once is for whoever may see them all. */
function onlyFleet({ principal }: Caller): void {
  if (!principal.isFleet) throw new AosError("FORBIDDEN", "only a fleet operator may do that: it concerns every tenant");
}

import { AosError } from "../../kernel/index.ts";
import { BackupAnswer, BackupRequest, DiagnosisAnswer, MendedAnswer, StorageAnswer, storageRow } from "../../protocol/index.ts";
import type { Caller } from "../guard.ts";
import { ok, type Route, route } from "../route.ts";

/** Routes for whoever keeps the system: room, backups and the doctor. */
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
  route({
    method: "GET",
    path: "/api/storage",
    scope: "read",
    summary: "Show what the store holds by class, what bounds it, how it grows and where that leads",
    answers: { 200: { description: "the report", schema: StorageAnswer } },
    handle: async ({ system }) => ok(storageRow(await system.api.storage())),
  }),
  route({
    method: "GET",
    path: "/api/doctor",
    scope: "admin",
    summary: "Look for what is wrong with the system and its data folder",
    answers: { 200: { description: "what was found, each with the command that mends it", schema: DiagnosisAnswer } },
    handle: async (call) => {
      onlyFleet(call);
      return ok(await call.system.diagnose());
    },
  }),
  route({
    method: "POST",
    path: "/api/doctor/mend",
    scope: "admin",
    summary: "Drop mail, effects and subscriptions that belong to nobody",
    answers: { 200: { description: "how many of each", schema: MendedAnswer } },
    handle: async (call) => {
      onlyFleet(call);
      return ok(await call.system.api.mend());
    },
  }),
];

/** What concerns all tenants at once is for whoever may see them all. */
export function onlyFleet({ principal }: Caller): void {
  if (!principal.isFleet) throw new AosError("FORBIDDEN", "only a fleet operator may do that: it concerns every tenant");
}

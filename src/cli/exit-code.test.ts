import assert from "node:assert/strict";
import { test } from "node:test";
import { EXIT, exitCodeOf } from "./exit-code.ts";

test("every kind of problem has the exit code that scripts rely on", () => {
  const cases = [
    ["USAGE", 400, EXIT.usage],
    ["PAYLOAD_INVALID", 422, EXIT.usage],
    ["AGENT_NOT_FOUND", 404, EXIT.notFound],
    ["UNAUTHENTICATED", 401, EXIT.refused],
    ["FORBIDDEN", 403, EXIT.refused],
    ["LIFECYCLE_ILLEGAL", 409, EXIT.refused],
    ["AGENT_TERMINATED", 410, EXIT.refused],
    ["REFUSED", 409, EXIT.refused],
    ["IDEMPOTENCY_CONFLICT", 409, EXIT.conflict],
    ["DATA_LOCKED", 409, EXIT.conflict],
    ["MAILBOX_FULL", 429, EXIT.unavailable],
    ["UNAVAILABLE", 503, EXIT.unavailable],
    ["DISK_FULL", 507, EXIT.unavailable],
    ["INTERNAL", 500, EXIT.failed],
    ["EFFECT_FAILED", 502, EXIT.failed],
  ] as const;
  for (const [code, status, expected] of cases) {
    assert.equal(exitCodeOf({ code, status }), expected, code);
  }
});

test("a code that this version does not know goes by its status", () => {
  assert.equal(exitCodeOf({ code: "FROM_TOMORROW", status: 409 }), EXIT.conflict);
  assert.equal(exitCodeOf({ code: "FROM_TOMORROW", status: 418 }), EXIT.failed);
});

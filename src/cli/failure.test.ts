import assert from "node:assert/strict";
import { test } from "node:test";
import { problemError } from "../client/index.ts";
import { problemOf, sentence } from "./failure.ts";

test("a problem is one line that says what to do", () => {
  const { problem } = problemError("AGENT_NOT_FOUND", 404, "there is no agent cfo/x");
  assert.equal(sentence(problem), "aos: there is no agent cfo/x; `aos ps` lists the agents, `aos register` makes one");
  const many = problemError("CONFIG_INVALID", 422, "a is wrong\n  b is wrong").problem;
  assert.equal(sentence(many), "aos: a is wrong; b is wrong");
});

test("the faults of a payload stand in the line, each with its path", () => {
  const faults = [{ path: "/amount", message: "must be a number" }];
  const { problem } = problemError("PAYLOAD_INVALID", 422, "the payload is invalid", {
    details: { faults },
  });
  assert.equal(sentence(problem), "aos: the payload is invalid; /amount must be a number");
});

test("an error of a system in this process becomes the problem that it would be over HTTP", () => {
  const thrown = Object.assign(new Error("process 7 owns x"), {
    code: "DATA_LOCKED",
    status: 409,
    retryable: false,
    details: { pid: 7 },
  });
  const { code, status, detail, pid, retryable } = problemOf(thrown);
  assert.deepEqual(
    { code, status, detail, pid, retryable },
    { code: "DATA_LOCKED", status: 409, detail: "process 7 owns x", pid: 7, retryable: false },
  );
});

test("anything else that is thrown is INTERNAL", () => {
  assert.equal(problemOf(new TypeError("x is undefined")).code, "INTERNAL");
  assert.equal(problemOf("text").detail, "text");
});

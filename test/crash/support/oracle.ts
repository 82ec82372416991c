/** The outside world in a process of its own: it writes every effect call down before it answers, if it answers. */
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { OracleCall } from "./agents.ts";

const DELAY_MS = 25;
const [file = ""] = process.argv.slice(2);
const calls: OracleCall[] = [];
const counts = new Map<string, number>();

const server = createServer((request, response) => {
  let text = "";
  request.setEncoding("utf8").on("data", (part: string) => (text += part));
  request.on("end", () => {
    const answer = (value: unknown): void => void response.end(JSON.stringify(value));
    if (request.url === "/log") {
      answer(calls);
      return;
    }
    const body: OracleCall = JSON.parse(text);
    if (request.url === "/happened") {
      answer({ happened: counts.has(body.key) });
      return;
    }
    const before = counts.get(body.key) ?? 0;
    counts.set(body.key, before + 1);
    calls.push(body);
    appendFileSync(file, `${JSON.stringify(body)}\n`);
    if (before > 0 || body.fault === "none") answer({ ok: true });
    else if (body.fault === "delay") setTimeout(() => answer({ ok: true }), DELAY_MS);
    else request.socket.destroy();
  });
});
server.listen(0, "127.0.0.1", () => {
  const { port }: AddressInfo = server.address() as AddressInfo;
  process.send?.({ url: `http://127.0.0.1:${port}` });
});
process.once("disconnect", () => process.exit());

import type { Command } from "commander";
import type { Ack, AosClient } from "../../client/index.ts";
import { problemError } from "../../client/index.ts";
import { durationMs, readAddress, readDuration, readInteger, readJson } from "../arguments.ts";
import { commonOf } from "../program.ts";
import { connect } from "../connection.ts";
import { EXIT } from "../exit-code.ts";
import { usageError } from "../failure.ts";
import { type Io, writeJson } from "../io.ts";

interface SendFlags {
  readonly key?: string;
  readonly source?: string;
  readonly priority?: number;
  readonly in?: string;
  readonly wait?: boolean;
  readonly timeout: string;
}

const SOURCE = "aos-cli";
const WAIT_MAX_MS = 600_000;

/** Adds `send`, `emit`, `publish`, `call` and `query`. */
export function addMessages(program: Command, io: Io): void {
  addSend(program, io);
  addBroadcasts(program, io);
  addQuestions(program, io);
}

function addSend(program: Command, io: Io): void {
  program
    .command("send <TYPE/ID> <EVENT> [DATA]")
    .description("Send an event to one agent; exits with 0 only once it is durable.")
    .option("--key <key>", "deduplicates: the same key and payload again is answered with the first id")
    .option("--source <source>", "CloudEvents source", SOURCE)
    .option("--priority <n>", "0 to 9, the higher the sooner", readInteger("--priority", 0, 9))
    .option("--in <duration>", "deliver after this time, such as 5m", readDuration)
    .option("--wait", "wait for the turn, and print its record; exits with 1 if it ended dead or refused")
    .option("--timeout <duration>", "how long --wait waits, at most 10m", readWait, "30s")
    .addHelpText(
      "after",
      '\nDATA is JSON, @file or - for stdin.\n\nExamples:\n  aos send cfo/main invoice.received \'{"id":"i1","amount":40}\' --key i1\n  aos send cfo/main invoice.received @invoice.json --wait',
    )
    .action(async (given: string, event: string, data: string | undefined, flags: SendFlags, command: Command) => {
      const address = readAddress(given);
      const payload = await readJson(data, "DATA", io);
      const client = await connect(commonOf(command));
      const ack = await client.send(address, event, payload, flags);
      if (flags.wait === true) await awaitOutcome(client, ack, durationMs(flags.timeout), io);
      else writeJson(io, ack, true);
    });
}

function addBroadcasts(program: Command, io: Io): void {
  program
    .command("emit <EVENT> [DATA]")
    .description("Send an event to every agent whose contract accepts it.")
    .option("--key <key>", "deduplicates")
    .option("--source <source>", "CloudEvents source", SOURCE)
    .addHelpText("after", '\nExample:\n  aos emit market.closed \'{"day":"2026-03-31"}\'')
    .action(async (event: string, data: string | undefined, flags: Pick<SendFlags, "key" | "source">, command: Command) => {
      const payload = await readJson(data, "DATA", io);
      const client = await connect(commonOf(command));
      const answers = await client.emit(event, payload, flags);
      writeJson(io, answers, true);
      if (answers.length === 0) io.note(`aos: no agent accepts ${event}; \`aos types\` lists what is loaded`);
    });

  program
    .command("publish <TOPIC> [DATA]")
    .description("Publish a message to every subscriber of a topic.")
    .option("--key <key>", "deduplicates")
    .option("--type <event>", "the event's name (default: the topic)")
    .addHelpText("after", '\nExample:\n  aos publish market.prices \'{"ticker":"ACME","price":12}\'')
    .action(
      async (
        topic: string,
        data: string | undefined,
        flags: Pick<SendFlags, "key"> & { readonly type?: string } & { readonly type?: string },
        command: Command,
      ) => {
        const payload = await readJson(data, "DATA", io);
        const client = await connect(commonOf(command));
        writeJson(io, await client.publish(topic, payload ?? null, flags), true);
      },
    );
}

function addQuestions(program: Command, io: Io): void {
  program
    .command("call <TYPE/ID> <COMMAND> [INPUT]")
    .description("Run a command and print its output.")
    .option("--key <key>", "deduplicates")
    .addHelpText("after", '\nExample:\n  aos call cfo/main close \'{"month":"2026-03"}\'')
    .action(async (given: string, name: string, input: string | undefined, flags: Pick<SendFlags, "key">, command: Command) => {
      const address = readAddress(given);
      const payload = await readJson(input, "INPUT", io);
      const common = commonOf(command);
      const client = await connect(common);
      const reply = await client.call(address, name, payload, flags);
      if (reply.isPending) {
        throw problemError(
          "REPLY_PENDING",
          202,
          `${name} is durable as ${reply.id} and has no answer yet; \`aos why ${reply.id}\` shows what became of it`,
          { details: { id: reply.id } },
        );
      }
      writeJson(io, reply.output, common.json === true || !io.isTty);
    });

  program
    .command("query <TYPE/ID> <QUERY> [INPUT]")
    .description("Ask an agent's last committed state; the agent is not woken.")
    .addHelpText("after", "\nExample:\n  aos query cfo/main balance")
    .action(async (given: string, name: string, input: string | undefined, _options: unknown, command: Command) => {
      const address = readAddress(given);
      const payload = await readJson(input, "INPUT", io);
      const common = commonOf(command);
      const client = await connect(common);
      writeJson(io, await client.query(address, name, payload), common.json === true || !io.isTty);
    });
}

/** Reads how long to wait: the system waits no longer than ten minutes. */
function readWait(given: string): string {
  if (durationMs(readDuration(given)) <= WAIT_MAX_MS) return given;
  throw usageError(`--timeout ${given} is longer than 10m`);
}

async function awaitOutcome(client: AosClient, ack: Ack, timeoutMs: number, io: Io): Promise<void> {
  const record = await client.outcome(ack.id, timeoutMs);
  if (record === undefined) {
    throw problemError(
      "TIMEOUT",
      504,
      `${ack.id} is durable, but its turn has not ended yet; \`aos why ${ack.id}\` shows what became of it`,
      { details: ack },
    );
  }
  writeJson(io, record, true);
  if (record.outcome === "dead" || record.outcome === "refused") io.exitCode = EXIT.failed;
}

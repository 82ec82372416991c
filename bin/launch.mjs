// Runs AOS in a child process under Node 24, hands signals on, and starts it again when it asks for that.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The exit code with which AOS asks to be started again. */
const RESTART_CODE = 86;
const RESTARTS_MAX = 5;
const RESTART_WINDOW_MS = 60_000;
/**
 * How a server's Node collects garbage. While V8 marks concurrently, scavenges promote nearly everything that a turn
 * allocates, which then keeps the marking busy: measured, 4 kB promoted per turn with it and 50 bytes without, and a
 * fifth more turns (see docs/performance.md).
 */
export const SERVER_FLAGS = ["--no-concurrent-marking", "--max-semi-space-size=16"];
/** @type {readonly NodeJS.Signals[]} */
const FORWARDED = ["SIGTERM", "SIGINT", "SIGHUP"];

/**
 * @typedef {object} Launch
 * @property {string} node the Node to run
 * @property {URL} main the module to run
 * @property {readonly string[]} args
 * @property {boolean} isSource whether `main` lies in `src`
 * @property {boolean} isSupervised whether the child gets a channel to this process and is restarted when it asks
 */

/**
 * Runs the child until it ends for good, then ends this process the same way: with its exit code, or by its signal.
 * @param {Launch} options
 */
export async function launch(options) {
  /** @type {import("node:child_process").ChildProcess | undefined} */
  let child;
  let isStopping = false;
  for (const signal of FORWARDED) {
    process.on(signal, () => {
      isStopping = true;
      // A terminal sends Ctrl-C to the whole foreground group, so the child has it already.
      if (signal === "SIGINT" && process.stdin.isTTY) return;
      child?.kill(signal);
    });
  }
  /** @type {number[]} */
  const restarts = [];
  for (;;) {
    child = start(options);
    const end = await ended(child);
    const now = performance.now();
    while (restarts[0] !== undefined && restarts[0] < now - RESTART_WINDOW_MS) restarts.shift();
    if (!options.isSupervised || isStopping || !end.wantsRestart) return finish(end);
    if (restarts.length >= RESTARTS_MAX) {
      console.error(`aos: restarted ${RESTARTS_MAX} times within a minute and failed again; giving up`);
      return finish(end);
    }
    restarts.push(now);
    console.error(`aos: restarting (${end.signal ?? `exit code ${end.code}`})`);
  }
}

/** @param {Launch} options */
function start({ node, main, args, isSource, isSupervised }) {
  const preload = new URL(`./register.mjs?preload=${isSource ? "src" : "dist"}`, import.meta.url);
  // An agents file outside a package has no `type` field; Node's hint about that is noise to its author.
  const flags = ["--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", ...(isSupervised ? SERVER_FLAGS : []), "--import", preload.href];
  return spawn(node, [...flags, fileURLToPath(main), ...args], {
    stdio: isSupervised ? ["inherit", "inherit", "inherit", "ipc"] : "inherit",
    env: isSupervised ? { ...process.env, AOS_LAUNCHER: "1" } : process.env,
  });
}

/**
 * @typedef {object} End
 * @property {number | null} code
 * @property {NodeJS.Signals | null} signal
 * @property {boolean} wantsRestart
 */

/**
 * @param {import("node:child_process").ChildProcess} child
 * @returns {Promise<End>}
 */
function ended(child) {
  let isAnnounced = false;
  /** @type {string | undefined} */
  let verdict;
  child.on("message", (message) => {
    if (isRestartWanted(message)) isAnnounced = true;
    // A watchdog that ends a blocked process cannot use the channel: it leaves its verdict in this file.
    if (isWatchdog(message)) verdict = message.path;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    // "close" rather than "exit": an announcement sent just before death is still in the channel then.
    child.once("close", (code, signal) => {
      const wantsRestart =
        code === RESTART_CODE || (signal === "SIGKILL" && (isAnnounced || (verdict !== undefined && existsSync(verdict))));
      resolve({ code, signal, wantsRestart });
    });
  });
}

/** @param {unknown} message */
function isRestartWanted(message) {
  return typeof message === "object" && message !== null && "type" in message && message.type === "restart-wanted";
}

/**
 * @param {unknown} message
 * @returns {message is { type: "watchdog", path: string }}
 */
function isWatchdog(message) {
  return (
    typeof message === "object" &&
    message !== null &&
    "type" in message &&
    message.type === "watchdog" &&
    "path" in message &&
    typeof message.path === "string"
  );
}

/** @param {End} end */
function finish({ code, signal }) {
  if (signal === null) {
    process.exitCode = code ?? 1;
    return;
  }
  for (const forwarded of FORWARDED) process.removeAllListeners(forwarded);
  process.kill(process.pid, signal);
}

/** The live page as a person sees it, in a real browser over a real server. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { serve, type Served } from "../../src/http/index.ts";
import { startBrowser } from "../support/browser.ts";
import { need } from "../support/capabilities.ts";

const AGENTS = fileURLToPath(new URL("../support/hooked-agents.ts", import.meta.url));
const skip = need("chromium");
const dir = mkdtempSync(join(tmpdir(), "aos-page-"));
const faults: string[] = [];
let browser: Browser;
let page: Page;
let served: Served;
let port = 0;
let key = "";

before(async () => {
  if (skip !== false) return;
  served = await serve({ dir, port, agents: [AGENTS] });
  port = Number(new URL(served.url).port);
  key = served.apiKey ?? "";
  browser = await startBrowser();
  page = await browser.newPage();
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(served.url);
});
after(async () => {
  await browser?.close();
  await served?.close();
  rmSync(dir, { recursive: true, force: true });
});

async function send(type: string, data: unknown): Promise<void> {
  const event = { specversion: "1.0", id: crypto.randomUUID(), source: "test", type, data };
  const { status } = await fetch(`${served.url}/api/agents/probe/main/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/cloudevents+json" },
    body: JSON.stringify(event),
  });
  assert.equal(status, 202);
}

async function connect(given: string): Promise<void> {
  await page.fill("#key", given);
  await page.press("#key", "Enter");
}

const link = (text: RegExp): Promise<void> => page.locator("#link", { hasText: text }).waitFor();
const turn = (text: string): Promise<void> => page.locator("#records li", { hasText: text }).first().waitFor();

test("the page asks for a key, refuses a wrong one, and shows nothing until it has one", { skip }, async () => {
  await page.locator("#login").waitFor();
  assert.equal(await page.locator("#board").isVisible(), false);
  await connect("wrong");
  await page.locator("#refused", { hasText: "credential" }).waitFor();
  assert.equal(await page.locator("#board").isVisible(), false);
});

test("with the key it shows the agents and what happened before", { skip }, async () => {
  await send("note", { text: "early" });
  await connect(key);
  await link(/live/);
  const row = page.locator("#agents tbody tr", { hasText: "probe/main" });
  await row.waitFor();
  assert.match(await row.innerText(), /sleeping/);
  await turn("note done");
  assert.doesNotMatch(page.url(), /aos_/);
});

test("an event shows its turn without a reload, and so does a new agent", { skip }, async () => {
  await send("hush", {});
  await turn("hush done");
  await page.locator("#agents tbody tr", { hasText: "hush" }).waitFor();
  const registered = await fetch(`${served.url}/api/agents/probe/second`, {
    method: "PUT",
    headers: { authorization: `Bearer ${key}` },
  });
  assert.ok(registered.ok, String(registered.status));
  await page.locator("#agents tbody tr", { hasText: "probe/second" }).waitFor();
});

test("what comes from outside is text and never markup", { skip }, async () => {
  await send("fail", { why: "<b id=injected>bold</b>" });
  await turn("<b id=injected>bold</b>");
  assert.equal(await page.locator("#injected").count(), 0);
});

test("a lost connection is said; when the system is back the page goes on", { skip }, async () => {
  await served.close();
  await link(/connection lost/);
  served = await serve({ dir, port, agents: [AGENTS] });
  await link(/live/);
  await send("grow", { length: 1 });
  await turn("grow done");
});

test("on a phone nothing is wider than the screen", { skip }, async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 390);
});

test("a key that is forgotten is gone, also after a reload", { skip }, async () => {
  await page.click("#forget");
  await page.locator("#login").waitFor();
  await page.reload();
  await page.locator("#login").waitFor();
  assert.equal(await page.locator("#board").isVisible(), false);
  assert.deepEqual(faults, []);
});

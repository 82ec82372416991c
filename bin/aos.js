#!/usr/bin/env node
// The command `aos`. Plain JavaScript, so that any Node from 20 can read it; AOS itself runs under Node 24.
import { fileURLToPath } from "node:url";
import { isCheckout, isDistFresh, nodePath, ownNode } from "./install.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const args = process.argv.slice(2);

if (isCheckout(root)) {
  const { setup } = await import("../scripts/setup.mjs");
  await setup({ build: false });
}

const node = nodePath(root);
if (node === undefined) {
  console.error(
    `aos: needs Node ${ownNode.needed} or later, this is ${process.versions.node}: install it, or add it to your project with \`npm install node@${ownNode.needed}\``,
  );
  process.exit(1);
}

const isSource = isCheckout(root) && !isDistFresh(root);
const main = new URL(isSource ? "../src/cli/main.ts" : "../dist/cli/main.js", import.meta.url);
const isUp = args.find((arg) => !arg.startsWith("-")) === "up";

if (!isUp && ownNode.isEnough) {
  // The quick way: no second process. The CLI reads its arguments from `process.argv` as if started directly.
  const { register } = await import("./register.mjs");
  register({ isSource });
  process.argv[1] = fileURLToPath(main);
  await import(main.href);
} else {
  const { launch } = await import("./launch.mjs");
  await launch({ node, main, args, isSource, isSupervised: isUp });
}

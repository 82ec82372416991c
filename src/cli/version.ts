import { readFileSync } from "node:fs";

/** The version in this package's manifest. */
export function version(): string {
  const path = new URL("../../package.json", import.meta.url);
  const manifest: { readonly version: string } = JSON.parse(readFileSync(path, "utf8"));
  return manifest.version;
}

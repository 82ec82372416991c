import { readFileSync } from "node:fs";
import type { Route } from "./route.ts";

const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/page.css": ["page.css", "text/css; charset=utf-8"],
  "/page.js": ["page.js", "text/javascript; charset=utf-8"],
};

/** Nothing from elsewhere, nothing inline, no frame around it. */
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-cache",
};

/** The live page: files that hold no data, so that they need no credential; the page asks for one. */
export function pageRoutes(): readonly Route[] {
  return Object.entries(FILES).map(([path, [file, type]]) => {
    const body = readFileSync(new URL(`./page/${file}`, import.meta.url), "utf8");
    return {
      method: "GET",
      path,
      summary: "The live page",
      answers: { 200: { description: "the page", type } },
      handle: () => ({ status: 200, body, headers: { ...HEADERS, "content-type": type } }),
    };
  });
}

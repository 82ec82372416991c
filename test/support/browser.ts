/** A real browser without a window. */
import chromiumBinary from "@sparticuz/chromium";
import { chromium, type Browser } from "playwright-core";

/** Starts the Chromium that came by npm. It unpacks itself into the temporary folder once. */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: await chromiumBinary.executablePath(),
    // A container's root has no sandbox, and its /dev/shm is small.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
    headless: true,
  });
}

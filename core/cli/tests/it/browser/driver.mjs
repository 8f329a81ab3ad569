// Drives a headless Chromium over its debugging pipe; no package is needed for that.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SWITCHES = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
];
/** How long one answer of the browser may take. */
const LIMIT_MS = 60_000;

/** Opens a page in a browser of its own; `use` gets it, and the browser ends afterwards. */
export async function withPage(chromium, url, use) {
  const profile = mkdtempSync(join(tmpdir(), "llmbench-browser-"));
  const child = spawn(chromium, [...SWITCHES, `--user-data-dir=${profile}`], { detached: true, stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const pipe = connect(child);
  try {
    const { targetId } = await pipe.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await pipe.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page((method, parameters) => pipe.send(method, parameters, sessionId));
    pipe.listen((method, event) => page.happened(method, event));
    await page.start(url);
    return await use(page);
  } finally {
    // Its helpers too, which still write into the profile.
    if (child.exitCode === null && !child.signalCode) process.kill(-child.pid, "SIGKILL");
    await new Promise((ended) => (child.exitCode !== null || child.signalCode ? ended() : child.on("exit", ended)));
    remove(profile);
  }
}

/** What cannot be removed is left: it is not what is tested. */
function remove(folder) {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  } catch (error) {
    console.error(`${folder} stays: ${error.message}`);
  }
}

/** Messages over the pipe: JSON, each ended by a zero byte. */
function connect(child) {
  const waiting = new Map();
  let next = 0;
  let rest = "";
  let heard = () => {};
  child.on("error", (error) => waiting.forEach(({ reject }) => reject(error)));
  child.on("exit", () => waiting.forEach(({ reject }) => reject(new Error("the browser ended"))));
  child.stdio[3].on("error", () => {});
  child.stdio[4].setEncoding("utf8").on("data", (text) => {
    const parts = (rest + text).split("\0");
    rest = parts.pop();
    for (const part of parts) {
      const message = JSON.parse(part);
      const call = waiting.get(message.id);
      if (!call) heard(message.method, message.params);
      else if (message.error) call.reject(new Error(`${call.method}: ${message.error.message}`));
      else call.resolve(message.result);
      waiting.delete(message.id);
    }
  });
  return {
    listen: (listener) => (heard = listener),
    send: (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
      const id = (next += 1);
      setTimeout(() => reject(new Error(`${method}: no answer within ${LIMIT_MS} ms`)), LIMIT_MS).unref();
      waiting.set(id, { resolve, reject, method });
      child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    }),
  };
}

/** One page and everything that went wrong in it. */
class Page {
  constructor(send) {
    this.send = send;
    /** Errors on the console, exceptions, and what the security policy stopped. */
    this.problems = [];
    /** Addresses that were asked for. */
    this.requests = [];
  }

  happened(method, event) {
    if (method === "Runtime.exceptionThrown") this.problems.push(event.exceptionDetails.exception?.description ?? event.exceptionDetails.text);
    if (method === "Runtime.consoleAPICalled" && ["error", "warning", "assert"].includes(event.type)) this.problems.push(event.args.map((argument) => argument.value ?? argument.description).join(" "));
    if (method === "Log.entryAdded" && ["error", "warning"].includes(event.entry.level)) this.problems.push(event.entry.text);
    if (method === "Network.requestWillBeSent") this.requests.push(event.request.url);
    if (method === "Page.loadEventFired") this.loaded?.();
  }

  async start(url) {
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await this.send(`${domain}.enable`);
    await this.size(1280, 900);
    const loaded = new Promise((resolve) => (this.loaded = resolve));
    await this.send("Page.navigate", { url });
    await loaded;
  }

  size(width, height, scale = 1) {
    return this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: scale, mobile: width < 600 });
  }

  scheme(value) {
    return this.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
  }

  /** The value of an expression in the page. */
  async value(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    return result.value;
  }

  /** Waits until an expression is true. */
  async until(expression) {
    for (const end = Date.now() + LIMIT_MS; Date.now() < end; await new Promise((wake) => setTimeout(wake, 30))) {
      if (await this.value(expression)) return;
    }
    throw new Error(`never true: ${expression}`);
  }

  async key(key, code, text) {
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", key, code: key, windowsVirtualKeyCode: code, text });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", key, code: key, windowsVirtualKeyCode: code });
  }

  async picture(full = false) {
    const { data } = await this.send("Page.captureScreenshot", { format: "png", captureBeyondViewport: full });
    return Buffer.from(data, "base64");
  }

  async print() {
    const { data } = await this.send("Page.printToPDF", { printBackground: true });
    return Buffer.from(data, "base64");
  }
}

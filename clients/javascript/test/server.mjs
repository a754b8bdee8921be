// A portal that does as it is told: it answers each post by the next step of its script, then plainly.
//
// A step is {status, headers, body} for that answer, {hang: true}, {reset: true}, {lose: true} (stores, then breaks
// the connection), or {delay: milliseconds}. It stores each id once, as the portal does. Events named "bad" or of
// the source "phone" are rejected; a body with "POISON" in it can't be read.
//
// `node test/server.mjs` prints its address. GET /_state tells what it has, POST /_script sets the script; any other
// path is a file of this package.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, normalize } from "node:path";
import { fileURLToPath } from "node:url";

export const DOOR = "/api/workbench/telemetry";
const ROOT = new URL("..", import.meta.url);
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
const CORS = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Headers": "authorization, content-type, traceparent",
  "Access-Control-Allow-Methods": "POST",
  "Access-Control-Expose-Headers": "Retry-After",
};

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

export class Portal {
  script = [];
  stored = new Map();
  duplicates = 0;
  rejected = 0;
  posts = [];

  store(events) {
    const answer = { accepted: 0, duplicates: 0, rejected: 0, results: [] };
    events.forEach((event, index) => {
      const entry = { index, id: event.id };
      if (event.event === "bad" || event.properties?.source === "phone") {
        answer.rejected++;
        const fault = { code: "not_in_enum", field: "properties.source", message: "This is one of: chat, blank." };
        answer.results.push({ ...entry, status: "rejected", ...fault });
      } else if (this.stored.has(event.id)) {
        answer.duplicates++;
        answer.results.push({ ...entry, status: "duplicate", code: "duplicate", field: "id", message: "Known." });
      } else {
        answer.accepted++;
        this.stored.set(event.id, event);
      }
    });
    this.duplicates += answer.duplicates;
    this.rejected += answer.rejected;
    return answer;
  }

  verdict(text) {
    if (text.includes("POISON")) return [400, { code: "bad_json", message: "Not JSON.", detail: "Not JSON." }];
    const { events } = JSON.parse(text);
    if (text.length > 1024 * 1024 || events.length > 2500) return [413, { code: "body_too_large" }];
    return [200, this.store(events)];
  }

  async post(request, response) {
    const post = { at: Date.now(), headers: request.headers, url: request.url };
    this.posts.push(post);
    const text = await bodyOf(request);
    post.size = Buffer.byteLength(text);
    post.events = text.includes("POISON") ? undefined : JSON.parse(text).events;
    const step = this.script.shift() ?? {};
    if (step.delay) await pause(step.delay);
    if (step.hang) return;
    if (step.lose) this.verdict(text);
    if (step.lose || step.reset) return request.socket.destroy();
    const [status, answer] = step.status ? [step.status, step.body ?? { code: "told_to" }] : this.verdict(text);
    post.status = status;
    response.writeHead(status, { ...CORS, "Content-Type": "application/json", ...step.headers });
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
  }

  async control(request, response) {
    if (request.url === "/_script") this.script = JSON.parse(await bodyOf(request));
    if (request.url === "/_reset") {
      Object.assign(this, { script: [], stored: new Map(), duplicates: 0, rejected: 0, posts: [] });
    }
    const { stored, duplicates, rejected, posts } = this;
    response.end(JSON.stringify({ stored: [...stored.values()], duplicates, rejected, posts }));
  }

  async file(request, response) {
    const path = normalize(new URL(request.url, "http://localhost").pathname);
    const name = path.endsWith("/") ? `${path}index.html` : path;
    try {
      const content = await readFile(new URL(`.${name}`, ROOT));
      response.writeHead(200, { "Content-Type": TYPES[extname(name)] ?? "text/plain" }).end(content);
    } catch {
      response.writeHead(404).end();
    }
  }

  handle(request, response) {
    if (request.method === "OPTIONS") return response.writeHead(204, CORS).end();
    if (request.url.startsWith(DOOR)) return this.post(request, response);
    return request.url.startsWith("/_") ? this.control(request, response) : this.file(request, response);
  }

  /** Listens on a free port, or on the one it had before. */
  async open() {
    this.server = createServer((request, response) => {
      Promise.resolve(this.handle(request, response)).catch(() => response.destroy());
    });
    await new Promise((resolve) => this.server.listen(this.port ?? 0, "127.0.0.1", resolve));
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log((await new Portal().open()).url);

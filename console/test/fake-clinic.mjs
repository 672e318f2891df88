// A server that answers as a test wants, so that what a real one seldom does (a lying replica, a refusal, an answer in
// pieces) is seen on the page. It serves console/dist, a quiet board, its events, and the aggregates.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const TYPES = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
const CSP = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'";
const HEARTBEAT_MS = 1000;
export const CSRF = "ab".repeat(32);

const board = () => ({
  last_event_id: 1, source: { kind: "simulated" }, patient: { bed: "1", label: "Test Patient" }, numerics: [], alarms: [],
  paths: [], sensors: [], ledger: { entries: 12345, verified_at_ms: Date.now(), damage: null }, buffer: 0, correlations: [],
  log: [], late_numerics: 0,
});

const read = async (request) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
};

export async function startFakeClinic() {
  const streams = new Set();
  const clinic = {
    // What GET answers; null when the clinic takes no part.
    standing: null,
    // What POST does with a question: (question, { status, line, raw, end, closed }).
    onQuestion: null,
    questions: [],
    acknowledged: [],
    csrf: [],
    eventId: 1,
    raise(alarm) {
      clinic.eventId += 1;
      for (const stream of streams) stream.write(`id: ${clinic.eventId}\nevent: alarm\ndata: ${JSON.stringify(alarm)}\n\n`);
    },
  };
  const json = (response, status, value) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
  };
  const take = async (request, response) => {
    clinic.csrf.push(request.headers["x-bodywire-csrf"]);
    const question = JSON.parse(await read(request));
    clinic.questions.push(question);
    let started = false;
    const raw = (text) => {
      if (!started) response.writeHead(200, { "content-type": "application/x-ndjson" });
      started = true;
      response.write(text);
    };
    const closed = new Promise((resolve) => response.on("close", () => resolve(!response.writableFinished)));
    await clinic.onQuestion(question, {
      raw,
      line: (value) => raw(`${JSON.stringify(value)}\n`),
      end: () => response.end(),
      breakOff: () => response.destroy(),
      status: (code, value) => json(response, code, value),
      closed,
    });
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    response.setHeader("content-security-policy", CSP);
    if (pathname === "/api/v1/snapshot") {
      json(response, 200, { server_ms: Date.now(), person: "Dr Test", csrf: CSRF, demo: false, board: board() });
    } else if (pathname === "/api/v1/events") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const beat = () => response.write(`event: heartbeat\ndata: {"server_ms":${Date.now()}}\n\n`);
      beat();
      const timer = setInterval(beat, HEARTBEAT_MS);
      streams.add(response);
      response.on("close", () => {
        clearInterval(timer);
        streams.delete(response);
      });
    } else if (pathname === "/api/v1/aggregates" && request.method === "GET") {
      if (clinic.standing) json(response, 200, clinic.standing);
      else json(response, 404, { error: "This clinic takes no part in aggregates: it has no ward key. See `bodywire ward`." });
    } else if (pathname === "/api/v1/aggregates") {
      void take(request, response);
    } else if (/^\/api\/v1\/alarms\/\d+\/acknowledge$/.test(pathname)) {
      clinic.acknowledged.push(Number(pathname.split("/")[4]));
      json(response, 200, {});
    } else {
      const name = pathname === "/" ? "index.html" : pathname.slice(1);
      const type = TYPES[name.split(".").at(-1)];
      if (!type || name.includes("/")) return json(response, 404, { error: "not there" });
      response.writeHead(200, { "content-type": `${type}; charset=utf-8` });
      response.end(readFileSync(join(dist, name)));
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  clinic.origin = `http://127.0.0.1:${server.address().port}`;
  clinic.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return clinic;
}

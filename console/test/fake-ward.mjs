// A ward in Node that answers as the console's contract says (docs/console-api.md): many beds, access by grants, waves on a
// WebSocket. It verifies each signed request. Tests make things happen through what startFakeWard returns.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeDecider, makeKey } from "./fake-access.mjs";
import { lossyStrip, makeBed, rank, stretch, viewOf } from "./fake-beds.mjs";
import { auditPage, makeAlarmRecords, makeAudit, makeDevices, makeReviews, makeTrends } from "./fake-records.mjs";
import { acceptSocket } from "./fake-socket.mjs";

const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const TYPES = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
const CSP = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'";
const HEARTBEAT_MS = 1000;
const CHUNK_MS = 240;
const RECENT_CHUNKS = 32;
const COOKIE = "bodywire_session=test";
export const CSRF = "ab".repeat(32);

const bodyOf = async (request) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : undefined;
};
export const json = (response, status, value) => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
};

// `relations` is by bed; without it everybody treats. `signIn` false lets a page in without its link.
export async function startFakeWard({
  beds: count = 8, role = "physician", highest = "III", name = "Dr A. Meyer", relations = {}, wall = false, code = null, certificate = true,
  demo = false, signIn = true, waves = ["ecg", "pleth"], routes = async () => false,
} = {}) {
  const { seed, publicKey } = makeKey();
  const streams = new Set();
  const sockets = new Set();
  const now = Date.now();
  const ward = {
    person: { name, role, highest }, seed, publicKey, serial: certificate ? "0102030405060708" : null, code, wall, csrf: [], requests: [], calls: [],
    beds: new Map(Array.from({ length: count }, (_, n) => [n + 1, { ...makeBed(n + 1, String(401 + n), now), relation: relations[n + 1] ?? relations.all ?? "treating" }])),
    ward: { ...makeBed(0, "", now), numerics: [], sensors: [], correlations: [], log: [], limits: [], patient: { bed: "", label: "" }, ledger: { entries: 12345, verified_at_ms: now, damage: null } },
    overrides: [], sensorMs: 400, sensorConsents: true, journalled: false, stalled: false, eventId: 1, silent: false,
    audit: makeAudit(now), reviews: makeReviews(now), key: null,
    tell(kind, value) {
      ward.eventId += 1;
      for (const stream of streams) stream.write(`id: ${ward.eventId}\nevent: ${kind}\ndata: ${JSON.stringify(value)}\n\n`);
    },
    view: () => ({
      server_ms: Date.now(), last_event_id: ward.eventId, source: { kind: "simulated" },
      beds: [...ward.beds.values()].map((bed) => viewOf(bed, role, wall)), ward: ward.ward,
    }),
    snapshot: () => ward.tell("snapshot", ward.view()),
    tellGlass: () => ward.tell("break-glass", { bed: 0, value: { open: ward.overrides.map(({ statement: _, ...open }) => open) } }),
    // An alarm of a bed, told as the session may see it; state "off" takes it away.
    raise(number, alarm) {
      const bed = number === 0 ? ward.ward : ward.beds.get(number);
      const whole = { condition: "", state: "on", text: "", raised_at_ms: Date.now(), ended_at_ms: null, acknowledged: null, evidence: null, strip: false, ...alarm };
      bed.alarms = bed.alarms.filter(({ id }) => id !== whole.id).concat(whole.state === "off" ? [] : [whole]);
      const shown = number === 0 ? whole : (viewOf({ ...bed, alarms: [whole] }, role, wall).alarms[0]);
      if (shown) ward.tell("alarm", { bed: number, value: shown });
    },
    grant(number, risk, more = {}) {
      ward.beds.get(number).access = { id: 50 + number, class: risk, purpose: "treatment", from_ms: Date.now(), until_ms: Date.now() + 3_600_000, override: false, withheld: null, waiting: false, sensor: null, ...more };
      ward.snapshot();
    },
    wavesOpen: () => [...sockets].map(({ numbers }) => numbers),
  };
  const decider = makeDecider(ward);

  function sendWaves(socket) {
    if (ward.stalled) return;
    const at = Date.now();
    while (socket.next + CHUNK_MS <= at) {
      for (const number of socket.numbers) {
        if (rank(ward.beds.get(number)?.access?.class) < 2) continue;
        for (const wave of waves) socket.send(stretch(number, wave, socket.next, CHUNK_MS, socket.recent > 0 ? 2 : 0));
      }
      socket.recent -= 1;
      socket.next += CHUNK_MS;
    }
  }

  function openStream(response) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const beat = () => {
      if (ward.silent) return;
      response.write(`event: heartbeat\ndata: {"server_ms":${Date.now()}}\n\n`);
      for (const bed of ward.beds.values()) {
        const at = Date.now();
        for (const numeric of bed.numerics) numeric.sensor_time_ms = at;
        for (const numeric of viewOf(bed, role, wall).numerics) ward.tell("numeric", { bed: bed.bed, value: numeric });
      }
    };
    beat();
    const timer = setInterval(beat, HEARTBEAT_MS);
    streams.add(response);
    response.on("close", () => {
      clearInterval(timer);
      streams.delete(response);
    });
  }

  const forBed = (number, response) => {
    const bed = ward.beds.get(number);
    if (bed && rank(bed.access?.class) >= 2) return bed;
    json(response, 403, { error: `bed ${number} is closed for you; ask for access` });
    return null;
  };

  // What GET answers, by path.
  function get(path, query, response) {
    const [, number, what, record] = /^beds\/(\d+)\/(\w+)(?:\/(\d+)\/strip)?$/.exec(path) ?? [];
    const bed = ward.beds.get(Number(number));
    if (path === "session") {
      return json(response, 200, {
        server_ms: Date.now(), csrf: CSRF, demo, wall, person: ward.person, code: code !== null,
        certificate: ward.serial ? { serial: ward.serial, until_ms: Date.now() + 12 * 3_600_000 } : null,
      });
    }
    if (path === "ward") return json(response, 200, ward.view());
    if (path === "events") return openStream(response);
    if (path === "access") return json(response, 200, { grants: [], open: ward.overrides });
    if (what === "evidence") {
      if (bed?.condition !== "emergency") return json(response, 409, { error: "no emergency is detected in this bed" });
      return json(response, 200, { rho: 0.41, threshold: 0.8, reason: "ventricular fibrillation", at_ms: Date.now() - 20_000, strip: true });
    }
    if (what && !forBed(Number(number), response)) return undefined;
    if (what === "trends") return json(response, 200, makeTrends(Number(query.get("hours")), Date.now()));
    if (what === "alarms" && !record) return json(response, 200, { alarms: query.get("before") ? [] : makeAlarmRecords(now) });
    if (record || /^alarms\/\d+\/strip$/.test(path)) {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      return response.end(lossyStrip(Number(number ?? 1), now - 3_600_000 - 10_000, record ? 20_000 : 8000));
    }
    if (path === "audit") return json(response, 200, auditPage(ward.audit, query));
    const proof = /^audit\/(\d+)\/proof$/.exec(path)?.[1];
    if (proof) {
      response.writeHead(200, { "content-type": "text/plain", "content-disposition": `attachment; filename="entry-${proof}.proof"` });
      return response.end(`proof of entry ${proof}\n`);
    }
    if (path === "reviews") return json(response, 200, { reviews: ward.reviews });
    if (path === "devices") return json(response, 200, { beds: makeDevices([...ward.beds.values()], now) });
    return json(response, 404, { error: "not there" });
  }

  async function act(method, path, request, response) {
    ward.csrf.push(request.headers["x-bodywire-csrf"]);
    const body = await bodyOf(request);
    ward.calls.push({ method, path, body });
    if (request.headers["x-bodywire-csrf"] !== CSRF || !request.headers["idempotency-key"]) return json(response, 403, { error: "no token" });
    if (wall) return json(response, 403, { error: "a screen on the wall only reads" });
    const [, number, what] = /^beds\/(\d+)\/(\w+)$/.exec(path) ?? [];
    const bed = number === "0" ? ward.ward : ward.beds.get(Number(number));
    const alarmId = Number(/^alarms\/(\d+)\/acknowledge$/.exec(path)?.[1]);
    if (path === "access/challenge") return json(response, 200, decider.challenge());
    if (path === "access") return json(response, ...(await decider.ask(body)));
    const close = /^access\/(\d+)\/close$/.exec(path)?.[1];
    if (close) return json(response, ...decider.close(Number(close)));
    if (alarmId) {
      const at = [ward.ward, ...ward.beds.values()].find(({ alarms }) => alarms.some(({ id }) => id === alarmId));
      if (!at || (at.bed !== 0 && rank(at.access?.class) < 2)) return json(response, 403, { error: "this bed is closed for you; ask for access" });
      const alarm = { ...at.alarms.find(({ id }) => id === alarmId), state: "acknowledged", acknowledged: { who: name, at_ms: Date.now() } };
      ward.raise(at.bed, alarm);
      return json(response, 200, { alarm });
    }
    if (what === "pause") {
      bed.pause = body.seconds > 0 ? { until_ms: Date.now() + body.seconds * 1000, who: name } : null;
      ward.tell("pause", { bed: bed.bed, value: bed.pause });
      return json(response, 200, {});
    }
    if (what === "limits") {
      if (bed.relation !== "treating") return json(response, 403, { error: "only who treats the patient sets limits" });
      bed.limits = bed.limits.map((limit) => (limit.signal === body.signal ? { ...limit, ...body, changed: { who: name, at_ms: Date.now() } } : limit));
      ward.tell("limits", { bed: bed.bed, value: bed.limits });
      return json(response, 200, {});
    }
    const review = ward.reviews.find(({ id }) => path === `reviews/${id}`);
    if (review) {
      if (review.who === name) return json(response, 403, { error: "nobody reviews an access of their own" });
      Object.assign(review, { state: body.verdict, review: { who: name, at_ms: Date.now(), note: body.note } });
      return json(response, 200, {});
    }
    return json(response, 404, { error: "not there" });
  }

  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://localhost");
    response.setHeader("content-security-policy", CSP);
    if (searchParams.has("once")) {
      response.writeHead(303, { location: "/", "set-cookie": `${COOKIE}; HttpOnly; SameSite=Strict` });
      return response.end();
    }
    if (await routes(request, response, pathname)) return undefined;
    if (pathname.startsWith("/api/v1/")) {
      if (signIn && !request.headers.cookie?.includes(COOKIE)) return json(response, 401, { error: "no session; open the one-time link" });
      const path = pathname.slice("/api/v1/".length);
      return request.method === "GET" ? get(path, searchParams, response) : act(request.method, path, request, response);
    }
    const file = pathname === "/" ? "index.html" : pathname.slice(1);
    const type = TYPES[file.split(".").at(-1)];
    if (!type || file.includes("/")) return json(response, 404, { error: "not there" });
    response.writeHead(200, { "content-type": `${type}; charset=utf-8` });
    return response.end(readFileSync(join(dist, file)));
  });
  server.on("upgrade", (request, raw) => {
    const { searchParams } = new URL(request.url, "http://localhost");
    const socket = Object.assign(acceptSocket(request, raw), {
      numbers: searchParams.getAll("bed").map(Number), next: Date.now() - RECENT_CHUNKS * CHUNK_MS, recent: RECENT_CHUNKS,
    });
    sockets.add(socket);
    sendWaves(socket);
    const timer = setInterval(() => sendWaves(socket), CHUNK_MS / 2);
    socket.onClose(() => {
      clearInterval(timer);
      sockets.delete(socket);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  ward.origin = `http://127.0.0.1:${server.address().port}`;
  ward.link = `${ward.origin}/?once=${"7f".repeat(32)}${certificate ? `#k=${seed}` : ""}`;
  ward.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return ward;
}

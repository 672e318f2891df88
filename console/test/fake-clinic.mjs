// A clinic whose aggregates answer as a test wants, so that what a real one seldom does (a lying replica, a refusal, an
// answer in pieces) is seen on the page. The rest is a ward of one quiet bed (fake-ward.mjs).
import { CSRF, json, startFakeWard } from "./fake-ward.mjs";

export { CSRF };

const read = async (request) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
};

export async function startFakeClinic() {
  const clinic = {
    // What GET answers; null when the clinic takes no part.
    standing: null,
    // What POST does with a question: (question, { status, line, raw, end, closed }).
    onQuestion: null,
    questions: [],
    csrf: [],
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
  const routes = async (request, response, pathname) => {
    if (pathname !== "/api/v1/aggregates") return false;
    if (request.method !== "GET") void take(request, response);
    else if (clinic.standing) json(response, 200, clinic.standing);
    else json(response, 404, { error: "This clinic takes no part in aggregates: it has no ward key. See `bodywire ward`." });
    return true;
  };
  const ward = await startFakeWard({ beds: 1, certificate: false, signIn: false, routes });
  ward.grant(1, "II");
  Object.defineProperty(clinic, "acknowledged", {
    get: () => ward.calls.flatMap(({ path }) => /^alarms\/(\d+)\/acknowledge$/.exec(path)?.[1] ?? []).map(Number),
  });
  return Object.assign(clinic, { origin: ward.origin, close: ward.close, raise: (alarm) => ward.raise(1, alarm) });
}

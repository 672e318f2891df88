// When an alarm turns up on the screen, by the page's own clock, and how long that was after what it is about.

// Runs in the page before it does: keeps the moment, in milliseconds since 1970, at which an alarm of high priority begins to flash.
export function alarmClock() {
  window.bodywireFlashes = [];
  const seen = new Set();
  const look = () => {
    for (const alarm of document.querySelectorAll(".tile .alarm.high.on")) {
      if (seen.has(alarm.dataset.alarm)) continue;
      seen.add(alarm.dataset.alarm);
      window.bodywireFlashes.push({ id: Number(alarm.dataset.alarm), atMs: performance.timeOrigin + performance.now() });
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["class", "data-alarm"] });
}

// The first flash after the first `known` ones.
export async function nextFlash(page, known, timeout) {
  try {
    await page.waitForFunction((count) => window.bodywireFlashes.length > count, known, { timeout });
  } catch (error) {
    const board = await page.evaluate(async () => (await (await fetch("/api/v1/ward")).json()).beds.map(({ alarms, condition }) => ({ alarms, condition })));
    throw new Error(`no alarm flashes in ${timeout} ms; on the board: ${JSON.stringify(board)}`, { cause: error });
  }
  return page.evaluate((at) => window.bodywireFlashes[at], known);
}

// Of an alarm on the board: when it was raised, and when the last sample of its strip was taken (null without a strip).
export const timesOf = (page, id) => page.evaluate(async (wanted) => {
  const ward = await (await fetch("/api/v1/ward")).json();
  const alarm = ward.beds.flatMap(({ alarms }) => alarms).find((one) => one.id === wanted);
  if (!alarm?.strip) return { raisedMs: alarm?.raised_at_ms ?? null, sampleMs: null, text: alarm?.text ?? "" };
  const frame = new DataView(await (await fetch(`/api/v1/alarms/${wanted}/strip`)).arrayBuffer());
  // docs/console-api.md: u64 time of the first sample at 8, u32 microseconds between samples at 16, u16 samples at 26.
  const first = Number(frame.getBigUint64(8, true));
  const sampleMs = first + ((frame.getUint16(26, true) - 1) * frame.getUint32(16, true)) / 1000;
  return { raisedMs: alarm.raised_at_ms, sampleMs, text: alarm.text };
}, id);

// Waits until no alarm of high priority is on the board. The tile alone does not tell: it shows what nobody has looked at yet.
export async function calm(page, timeout) {
  for (const end = Date.now() + timeout; Date.now() < end; ) {
    const high = await page.evaluate(async () => {
      const { beds } = await (await fetch("/api/v1/ward")).json();
      return beds.flatMap(({ alarms }) => alarms).filter(({ priority }) => priority === "high").length;
    });
    if (high === 0) return;
    await page.waitForTimeout(1000);
  }
  throw new Error(`an alarm of high priority is still on the board after ${timeout} ms`);
}

// Median and the value that 95 of 100 do not exceed (nearest rank).
export function summaryOf(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = (part) => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
  return { count: sorted.length, median: rank(0.5), p95: rank(0.95), most: sorted.at(-1) };
}
export const rowOf = (name, { count, median, p95, most }) =>
  `| ${name} | ${count} | ${median.toFixed(0)} | ${p95.toFixed(0)} | ${most.toFixed(0)} |`;

// Parts of the sweep that need no browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load-source.mjs";

const { Playhead } = await load("wave/playhead.ts");
const { Pace } = await load("wave/pace.ts");
const { Rows } = await load("wave/rows.ts");
const { TraceBuffer } = await load("wave/trace-buffer.ts");
const chunk = (startMs, values, periodMs = 4) => ({ startMs, periodMs, values: Float32Array.from(values) });

test("the sweep does not start before live data", () => {
  const playhead = new Playhead();
  assert.equal(playhead.advance(100_000, 90_000), null);
  assert.equal(playhead.position, null);
  playhead.arrived(chunk(99_750, []), 100_000);
  assert.equal(playhead.advance(100_000, 100_000), 99_690);
});

test("a hole in the data holds the sweep for a second, then it goes on, never back", () => {
  const playhead = new Playhead();
  playhead.arrived(chunk(99_750, []), 100_000);
  let last = 0;
  for (let now = 100_000; now < 105_000; now += 16) {
    const head = playhead.advance(now, 100_000);
    assert.ok(head >= last);
    last = head;
  }
  assert.ok(last > 103_000 && last < 104_000, String(last));
});

test("what the sweep has passed stays a gap", () => {
  const buffer = new TraceBuffer(4);
  buffer.push(chunk(1000, [1, 2, 3, 4]), 1004);
  const seen = [];
  buffer.each(0, 5000, (time, value) => seen.push([time, value]));
  assert.deepEqual(seen, [[1008, 3], [1012, 4]]);
});

test("old samples do not come up again when the ring goes round", () => {
  const buffer = new TraceBuffer(4);
  buffer.push(chunk(4000, [1]), 0);
  const seen = [];
  buffer.each(183_000, 185_000, (time) => seen.push(time));
  assert.deepEqual(seen, []);
});

test("a stretch over the end of a row and of the strip is cut into rectangles", () => {
  const rows = new Rows(100, 400, 150);
  assert.equal(rows.count, 2);
  assert.deepEqual(rows.parts(90, 20).map(({ x, y, width }) => [x, y > 0, width]), [[90, false, 10], [0, true, 10]]);
  assert.deepEqual(rows.parts(195, 10).map(({ x, y, width }) => [x, y > 0, width]), [[95, true, 5], [0, false, 5]]);
});

test("chunks in bursts move the sweep evenly", () => {
  const playhead = new Playhead();
  const steps = [];
  let sent = 100_000;
  for (let now = 100_000; now < 120_000; now += 16) {
    // Two chunks of a quarter second every half second, as a hub sends them.
    for (; sent + 500 <= now; sent += 500) {
      playhead.arrived(chunk(sent, [], 250), now);
      playhead.arrived(chunk(sent + 250, [], 250), now);
    }
    const before = playhead.position;
    const head = playhead.advance(now, sent);
    if (before && now > 103_000) steps.push(head - before);
  }
  assert.ok(steps.every((step) => Math.abs(step - 16) < 1), `${Math.min(...steps)} to ${Math.max(...steps)} ms`);
});

test("a signal faster than life is noticed; jitter and gaps are not taken for it", () => {
  const tooFast = (starts) => {
    const pace = new Pace();
    for (const start of starts) pace.arrived(chunk(start, [0, 0, 0, 0, 0], 50));
    return pace.tooFast;
  };
  const chunks = Array.from({ length: 30 }, (_, n) => n);
  assert.equal(tooFast(chunks.map((n) => 250 * n)), false);
  assert.equal(tooFast(chunks.map((n) => 250 * n + (n % 5 ? 0 : 20))), false);
  assert.equal(tooFast(chunks.map((n) => 400 * n)), false);
  assert.equal(tooFast(chunks.map((n) => 25 * n)), true);
  assert.equal(tooFast(chunks.map((n) => 125 * n)), true);
});

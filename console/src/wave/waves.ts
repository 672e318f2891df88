import { effect, signal } from "@preact/signals";
import type { Signal } from "../api/types";
import { parseWaveFrame, type WaveFrame } from "../api/wave-frame";
import { serverNow } from "../state/clock";
import { status } from "../state/connection";
import { Pace } from "./pace";
import type { Sweep } from "./sweep";

const RETRY_MS = 1000;
// Newest samples older than this do not count as live.
export const MAX_LIVE_LAG_MS = 5000;
// Frames kept for a strip that is not on the screen yet.
const MAX_WAITING_FRAMES = 256;

// Waves that have been seen, in the order of the screen.
export const waveSignals = signal<Signal[]>(["ecg"]);
// Sensor time of the newest live sample.
export const newestSampleMs = signal(0);
// Milliseconds of waves that came late and were not drawn.
export const lateWaveMs = signal(0);

// True when the signal is played faster than life; then no trace is drawn.
export const tooFast = signal(false);
let pace = new Pace();

// Server time of what stands at the head of the first strip's sweep, or null before there is one.
export const headMs = (): number | null => sweeps.get(waveSignals.peek()[0] ?? "ecg")?.headMs ?? null;

const ORDER: Signal[] = ["ecg", "pleth", "resp"];
const sweeps = new Map<Signal, Sweep>();
const waiting = new Map<Signal, WaveFrame[]>();

export function attachSweep(name: Signal, sweep: Sweep): () => void {
  sweeps.set(name, sweep);
  for (const frame of waiting.get(name) ?? []) sweep.push(frame, serverNow());
  waiting.delete(name);
  return () => sweeps.delete(name);
}

function take(frame: WaveFrame): void {
  if (frame.late) {
    if (frame.signal === "ecg") lateWaveMs.value += frame.values.length * frame.periodMs;
    return;
  }
  if (!waveSignals.value.includes(frame.signal)) {
    waveSignals.value = ORDER.filter((name) => name === frame.signal || waveSignals.value.includes(name));
  }
  if (frame.signal === "ecg") {
    pace.arrived(frame);
    if (pace.tooFast !== tooFast.peek()) {
      tooFast.value = pace.tooFast;
      for (const sweep of sweeps.values()) sweep.clear();
    }
  }
  const end = frame.startMs + frame.values.length * frame.periodMs;
  if (end > newestSampleMs.peek()) newestSampleMs.value = end;
  if (tooFast.peek()) return;
  const sweep = sweeps.get(frame.signal);
  if (sweep) {
    sweep.push(frame, serverNow());
    return;
  }
  const frames = waiting.get(frame.signal) ?? [];
  waiting.set(frame.signal, [...frames, frame].slice(-MAX_WAITING_FRAMES));
}

function connect(): void {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}/api/v1/wave`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    const frame = data instanceof ArrayBuffer ? parseWaveFrame(data) : null;
    if (frame) take(frame);
  };
  const stop = effect(() => {
    // A socket may hang when the server is gone; a new one starts once the server is back.
    if (status.value === "lost") socket.close();
  });
  socket.onclose = () => {
    stop();
    setTimeout(connectWhenLive, RETRY_MS);
  };
}

function connectWhenLive(): void {
  if (status.peek() !== "live") {
    setTimeout(connectWhenLive, RETRY_MS / 5);
    return;
  }
  newestSampleMs.value = 0;
  pace = new Pace();
  waiting.clear();
  for (const sweep of sweeps.values()) sweep.clear();
  connect();
}

// Script time of recent frames in milliseconds, for the measurement in the tests.
const FRAMES_MEASURED = 600;
const frameTimes: number[] = [];
(globalThis as { bodywireFrameTimes?: number[] }).bodywireFrameTimes = frameTimes;

function frame(): void {
  const start = performance.now();
  if (status.peek() === "live") {
    const now = serverNow();
    for (const sweep of sweeps.values()) sweep.draw(now);
  }
  frameTimes.push(performance.now() - start);
  if (frameTimes.length > FRAMES_MEASURED) frameTimes.shift();
  requestAnimationFrame(frame);
}

export function startWaves(): void {
  connectWhenLive();
  requestAnimationFrame(frame);
}

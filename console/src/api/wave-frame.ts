import type { Signal } from "./types";

const HEADER_BYTES = 30;
const VERSION = 2;
const LATE = 1;
const RECENT = 2;
const STRIP = 4;
// In a strip: a sample that was lost on the way.
const LOST = -32_768;
const SIGNALS: Record<number, Signal> = { 1: "ecg", 4: "resp", 7: "pleth" };

export interface WaveFrame {
  bed: number;
  signal: Signal;
  late: boolean;
  recent: boolean;
  startMs: number;
  periodMs: number;
  // NaN: lost on the way.
  values: Float32Array;
}

// A frame this page does not know is left out, not guessed at.
export function parseWaveFrame(bytes: ArrayBuffer): WaveFrame | null {
  if (bytes.byteLength < HEADER_BYTES) return null;
  const view = new DataView(bytes);
  const signal = SIGNALS[view.getUint8(1)];
  const count = view.getUint16(26, true);
  if (view.getUint8(0) !== VERSION || !signal || bytes.byteLength < HEADER_BYTES + 2 * count) return null;
  const perUnit = view.getFloat32(20, true);
  const baseline = view.getInt16(24, true);
  const flags = view.getUint8(2);
  const values = new Float32Array(count);
  for (let n = 0; n < count; n++) {
    const sample = view.getInt16(HEADER_BYTES + 2 * n, true);
    values[n] = flags & STRIP && sample === LOST ? NaN : (sample - baseline) / perUnit;
  }
  return {
    bed: view.getUint16(28, true),
    signal,
    late: (flags & LATE) !== 0,
    recent: (flags & RECENT) !== 0,
    startMs: Number(view.getBigUint64(8, true)),
    periodMs: view.getUint32(16, true) / 1000,
    values,
  };
}

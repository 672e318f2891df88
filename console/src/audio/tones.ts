import type { Priority } from "../api/types";

// Bursts by priority in the manner of bedside monitors: pulses at these seconds, pitch in hertz, pause between bursts.
interface Burst {
  pulses: number[];
  pitch: number;
  everyMs: number;
}
const GROUP = [0, 0.2, 0.4, 0.9, 1.1];
export const BURSTS: Record<Priority, Burst> = {
  high: { pulses: [...GROUP, ...GROUP.map((at) => at + 2)], pitch: 880, everyMs: 10_000 },
  medium: { pulses: [0, 0.3, 0.6], pitch: 660, everyMs: 25_000 },
  low: { pulses: [0, 0.4], pitch: 523, everyMs: 40_000 },
  technical: { pulses: [0], pitch: 392, everyMs: 40_000 },
};
const PULSE_SECONDS = 0.14;
const LOUDNESS = 0.25;

export function playBurst(context: AudioContext, priority: Priority): void {
  const { pulses, pitch } = BURSTS[priority];
  for (const at of pulses) {
    const start = context.currentTime + 0.02 + at;
    const oscillator = new OscillatorNode(context, { type: "triangle", frequency: pitch });
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(LOUDNESS, start + 0.02);
    gain.gain.setValueAtTime(LOUDNESS, start + PULSE_SECONDS - 0.03);
    gain.gain.linearRampToValueAtTime(0, start + PULSE_SECONDS);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(start);
    oscillator.stop(start + PULSE_SECONDS);
  }
}

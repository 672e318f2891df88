import { computed, signal } from "@preact/signals";
import type {
  Alarm, Board, Correlation, Ledger, LogLine, Numeric, Path, Patient, Priority, Sensor, Signal, Source,
} from "../api/types";

const MAX_LOG_LINES = 50;
const MAX_CORRELATIONS = 120;

export const source = signal<Source>({ kind: "live" });
export const patient = signal<Patient>({ bed: "", label: "" });
export const numerics = signal<Partial<Record<Signal, Numeric>>>({});
export const alarms = signal<Alarm[]>([]);
export const paths = signal<Path[]>([]);
export const sensors = signal<Sensor[]>([]);
export const ledger = signal<Ledger | null>(null);
export const buffer = signal(0);
export const correlations = signal<Correlation[]>([]);
export const log = signal<LogLine[]>([]);

const RANK: Record<Priority, number> = { high: 3, medium: 2, low: 1, technical: 0 };
const byUrgency = (a: Alarm, b: Alarm) => RANK[b.priority] - RANK[a.priority] || a.id - b.id;

// On or latched: nobody has looked yet.
export const unseen = computed(() => alarms.value.filter((alarm) => !alarm.acknowledged));

export function replaceBoard(board: Board): void {
  source.value = board.source;
  patient.value = board.patient;
  numerics.value = Object.fromEntries(board.numerics.map((numeric) => [numeric.signal, numeric]));
  alarms.value = [...board.alarms].sort(byUrgency);
  paths.value = board.paths;
  sensors.value = board.sensors;
  ledger.value = board.ledger;
  buffer.value = board.buffer;
  correlations.value = board.correlations;
  log.value = board.log;
}

function replaceOne<T>(items: T[], item: T, same: (other: T) => boolean): T[] {
  return items.some(same) ? items.map((other) => (same(other) ? item : other)) : [...items, item];
}

function applyAlarm(alarm: Alarm): void {
  const others = alarms.value.filter((other) => other.id !== alarm.id);
  alarms.value = alarm.state === "off" ? others : [...others, alarm].sort(byUrgency);
}

// One change of the board, by the name of its event.
const CHANGES: Record<string, (data: never) => void> = {
  snapshot: replaceBoard,
  source: (data: Source) => (source.value = data),
  patient: (data: Patient) => (patient.value = data),
  numeric: (data: Numeric) => (numerics.value = { ...numerics.value, [data.signal]: data }),
  alarm: applyAlarm,
  path: (data: Path) => {
    const all = replaceOne(paths.value, data, (other) => other.index === data.index);
    paths.value = all.sort((a, b) => a.index - b.index);
  },
  sensor: (data: Sensor) => (sensors.value = replaceOne(sensors.value, data, (other) => other.name === data.name)),
  ledger: (data: Ledger) => (ledger.value = data),
  buffer: (data: number) => (buffer.value = data),
  correlation: (data: Correlation) => (correlations.value = [...correlations.value, data].slice(-MAX_CORRELATIONS)),
  log: (data: LogLine) => (log.value = [...log.value, data].slice(-MAX_LOG_LINES)),
};

export function applyChange(kind: string, data: unknown): void {
  CHANGES[kind]?.(data as never);
}

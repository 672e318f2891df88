import { batch, computed, signal } from "@preact/signals";
import type {
  Access, Alarm, AlarmLoad, Bed, Condition, Correlation, Ledger, Limit, LogLine, Numeric, Path, Patient, Pause, Priority,
  Relation, Sensor, Signal,
} from "../api/types";
import { reaches } from "./session";

const MAX_LOG_LINES = 50;
const MAX_CORRELATIONS = 120;

const RANK: Record<Priority, number> = { high: 3, medium: 2, low: 1, technical: 0 };
export const byUrgency = (a: Alarm, b: Alarm): number => RANK[b.priority] - RANK[a.priority] || a.id - b.id;

function replaceOne<T>(items: T[], item: T, same: (other: T) => boolean): T[] {
  return items.some(same) ? items.map((other) => (same(other) ? item : other)) : [...items, item];
}

// What the page knows of one bed; bed 0 is the ward itself.
export class BedState {
  readonly bed: number;
  readonly label = signal("");
  readonly patient = signal("");
  readonly patientNumber = signal<string | null>(null);
  readonly relation = signal<Relation>("none");
  readonly access = signal<Access | null>(null);
  readonly numerics = signal<Partial<Record<Signal, Numeric>>>({});
  readonly alarms = signal<Alarm[]>([]);
  readonly paths = signal<Path[]>([]);
  readonly sensors = signal<Sensor[]>([]);
  readonly ledger = signal<Ledger | null>(null);
  readonly buffer = signal(0);
  readonly correlations = signal<Correlation[]>([]);
  readonly log = signal<LogLine[]>([]);
  readonly limits = signal<Limit[]>([]);
  readonly pause = signal<Pause | null>(null);
  readonly load = signal<AlarmLoad | null>(null);
  readonly condition = signal<Condition | null>(null);
  readonly sealed = signal<Signal[]>([]);

  // On or latched: nobody has looked yet.
  readonly unseen = computed(() => this.alarms.value.filter((alarm) => !alarm.acknowledged));
  readonly isOpen = computed(() => this.access.value !== null);
  readonly hasWaves = computed(() => reaches(this.access.value?.class, "II"));

  constructor(bed: number) {
    this.bed = bed;
  }

  replace(bed: Bed): void {
    batch(() => {
      this.label.value = bed.label;
      this.patient.value = bed.patient?.label ?? "";
      this.patientNumber.value = bed.patient_number ?? null;
      this.relation.value = bed.relation ?? "none";
      this.access.value = bed.access ?? null;
      this.numerics.value = Object.fromEntries((bed.numerics ?? []).map((numeric) => [numeric.signal, numeric]));
      this.alarms.value = [...(bed.alarms ?? [])].sort(byUrgency);
      this.paths.value = bed.paths ?? [];
      this.sensors.value = bed.sensors ?? [];
      this.ledger.value = bed.ledger ?? null;
      this.buffer.value = bed.buffer ?? 0;
      this.correlations.value = bed.correlations ?? [];
      this.log.value = bed.log ?? [];
      this.limits.value = bed.limits ?? [];
      this.pause.value = bed.pause ?? null;
      this.load.value = bed.alarm_load ?? null;
      this.condition.value = bed.condition ?? null;
      this.sealed.value = bed.sealed ?? [];
    });
  }

  // One change, by the name of its event.
  apply(kind: string, value: unknown): void {
    this.#changes[kind]?.(value as never);
  }

  // A grant has ended and the server has not said so yet: nothing stays on the screen.
  close(): void {
    batch(() => {
      this.access.value = null;
      this.patient.value = "";
      this.numerics.value = {};
      this.correlations.value = [];
      this.log.value = [];
      this.limits.value = [];
      this.alarms.value = this.alarms.value.map((alarm) => ({ ...alarm, redacted: true, text: "", evidence: null, strip: false }));
    });
  }

  #changes: Record<string, (data: never) => void> = {
    patient: (data: Patient) => (this.patient.value = data.label),
    numeric: (data: Numeric) => (this.numerics.value = { ...this.numerics.value, [data.signal]: data }),
    alarm: (data: Alarm) => {
      const others = this.alarms.value.filter((other) => other.id !== data.id);
      this.alarms.value = data.state === "off" ? others : [...others, data].sort(byUrgency);
    },
    path: (data: Path) => {
      const all = replaceOne(this.paths.value, data, (other) => other.index === data.index);
      this.paths.value = all.sort((a, b) => a.index - b.index);
    },
    sensor: (data: Sensor) => (this.sensors.value = replaceOne(this.sensors.value, data, (other) => other.name === data.name)),
    ledger: (data: Ledger) => (this.ledger.value = data),
    buffer: (data: number) => (this.buffer.value = data),
    correlation: (data: Correlation) => (this.correlations.value = [...this.correlations.value, data].slice(-MAX_CORRELATIONS)),
    log: (data: LogLine) => (this.log.value = [...this.log.value, data].slice(-MAX_LOG_LINES)),
    limits: (data: Limit[]) => (this.limits.value = data),
    pause: (data: Pause | null) => (this.pause.value = data),
    load: (data: AlarmLoad) => (this.load.value = data),
    condition: (data: Condition | null) => (this.condition.value = data),
    access: (data: Access | null) => (this.access.value = data),
  };
}

// The wire shapes of /api/v1/aggregates in docs/console-api.md.

export type AggregateFunction = "sum" | "mean" | "variance" | "count" | "histogram" | "trend";

// What can be asked, and how much there is.
export interface Standing {
  signals: { name: string; unit: string }[];
  cohort_min: number;
  queries_per_day: number;
  queries_left: number;
  replicas: number;
  vectors: number;
  oldest_ms: number | null;
  // End of the newest window.
  newest_ms: number | null;
  window_ms: number | null;
  simulated: boolean;
  key: string;
}

export interface Question {
  function: AggregateFunction;
  signal: string;
  from_ms: number;
  to_ms: number;
  above?: number;
  below?: number;
}

export interface Progress {
  done: number;
  of: number;
}
export interface Refusal {
  code: string;
  error: string;
}
export interface Replica {
  number: number;
  state: "agreed" | "away" | "refused" | "lying";
  why?: string;
}

export type Bin = [value: number, count: number];
export type Quantile = [part: number, value: number];
export type Point = [timeMs: number, mean: number | null, readings: number];

// One of these, by the function that was asked for.
export interface Figures {
  sum?: number;
  mean?: number | null;
  variance?: number | null;
  deviation?: number | null;
  count?: number;
  of?: number;
  bins?: Bin[];
  quantiles?: Quantile[];
  points?: Point[];
}

export interface Answer {
  function: AggregateFunction;
  signal: string;
  unit: string;
  from_ms: number;
  to_ms: number;
  windows: number;
  patients: number;
  vectors: number;
  readings: number;
  // Readings beyond the scale, which are in no figure.
  outside: number;
  simulated: boolean;
  result: Figures;
  // Empty when the clinic has no replicas and has added by itself.
  replicas: Replica[];
  seen: { vectors: number; bytes: number; sha256: string; ciphertext: string };
  // What the clinic has added once more by itself.
  rechecked: { vectors: number };
  // Numbers of entries in the ledger.
  audit: { query: number; result: number };
  evaluate_ms: number;
  decrypt_ms: number;
}

export interface AggregateLine {
  progress?: Progress;
  answer?: Answer;
  refusal?: Refusal;
}

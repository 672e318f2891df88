import type { Limit } from "../api/types";

// Beside a number: its limits, or that its alarm is off.
export function LimitMark({ limit }: { limit: Limit }) {
  if (!limit.enabled) return <CrossedBell />;
  return (
    <span class="limit" aria-label={`limits ${limit.low ?? "none"} to ${limit.high ?? "none"}`} role="img">
      <span>{limit.high ?? "–"}</span>
      <span>{limit.low ?? "–"}</span>
    </span>
  );
}

// Alarm off: permanent, until somebody turns it on again.
export function CrossedBell() {
  return (
    <svg class="crossed-bell" viewBox="0 0 16 16" role="img" aria-label="alarm off">
      <path d="M8 1.5a4 4 0 0 0-4 4v3.2L2.5 11v1h11v-1L12 8.7V5.5a4 4 0 0 0-4-4ZM6.5 13a1.5 1.5 0 0 0 3 0Z" />
      <path class="cross" d="M1.5 1.5 14.5 14.5M14.5 1.5 1.5 14.5" />
    </svg>
  );
}

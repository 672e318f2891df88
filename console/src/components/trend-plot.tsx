import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { TrendPoint } from "../api/access-types";

const MINUTE_MS = 60_000;
const AXIS_PX = 44;
const LINE = "#26384a";
const TEXT = "#a3b4c5";
const FONT = "11px system-ui, sans-serif";
const COLOURS: Record<string, string> = {
  "heart-rate": "#3ddc6f", spo2: "#7cc7ff", resp: "#e9e4d0", temp: "#f2c48d", "pump-rate": "#d9b8ff",
};
// Charts of one bed share their cursor.
const SYNC = "trends";

const hourText = (seconds: number): string => new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

// One value a minute, with holes where no reading came: a line across a hole would be an invention.
function columns(points: TrendPoint[], sinceMs: number, hours: number): uPlot.AlignedData {
  const minutes = hours * 60;
  const first = Math.floor(sinceMs / MINUTE_MS);
  const x = Array.from({ length: minutes + 1 }, (_, n) => (first + n) * 60);
  const [least, mean, most] = [0, 1, 2].map(() => new Array<number | null>(minutes + 1).fill(null));
  for (const [at, min, middle, max] of points) {
    const slot = Math.floor(at / MINUTE_MS) - first;
    if (slot < 0 || slot > minutes) continue;
    least![slot] = min;
    mean![slot] = middle;
    most![slot] = max;
  }
  return [x, most!, least!, mean!];
}

interface Props {
  signal: string;
  label: string;
  points: TrendPoint[];
  sinceMs: number;
  hours: number;
  digits: number;
}

export function TrendPlot({ signal, label, points, sinceMs, hours, digits }: Props) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current!;
    const colour = COLOURS[signal] ?? TEXT;
    const axis = { stroke: TEXT, font: FONT, grid: { stroke: LINE, width: 1 }, ticks: { show: false } };
    const chart = new uPlot(
      {
        width: Math.max(80, element.clientWidth), height: Math.max(60, element.clientHeight), legend: { show: false },
        cursor: { sync: { key: SYNC }, drag: { x: false, y: false }, y: false },
        scales: { x: { time: true } },
        axes: [
          { ...axis, size: 22, values: (_, ticks) => ticks.map(hourText) },
          { ...axis, size: AXIS_PX, values: (_, ticks) => ticks.map((tick) => tick.toFixed(digits)) },
        ],
        series: [{}, { stroke: `${colour}55`, width: 1 }, { stroke: `${colour}55`, width: 1 }, { stroke: colour, width: 1.6 }],
        bands: [{ series: [1, 2], fill: `${colour}2a` }],
      },
      columns(points, sinceMs, hours),
      element,
    );
    const resized = new ResizeObserver(() => chart.setSize({ width: Math.max(80, element.clientWidth), height: Math.max(60, element.clientHeight) }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      chart.destroy();
    };
  }, [points, hours]);
  return <div ref={place} class="plot" role="img" aria-label={label} />;
}

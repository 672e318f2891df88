import type { BedState } from "../state/bed-state";
import { NumericTile } from "./numeric-tile";

export function Numerics({ bed }: { bed: BedState }) {
  const pump = bed.sensors.value.find((sensor) => sensor.class === "III");
  return (
    <section class="numerics" aria-label="Numerics">
      <NumericTile bed={bed} signal="heart-rate" label="HR" />
      <NumericTile bed={bed} signal="spo2" label="SpO₂" />
      <NumericTile bed={bed} signal="resp" label="Resp" />
      <NumericTile bed={bed} signal="temp" label="Temp" />
      <NumericTile bed={bed} signal="pump-rate" label="Pump" badge={pump ? "class III" : null} />
    </section>
  );
}

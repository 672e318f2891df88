import { sensors } from "../state/board";
import { NumericTile } from "./numeric-tile";

export function Numerics() {
  const pump = sensors.value.find((sensor) => sensor.class === "III");
  return (
    <section class="numerics" aria-label="Numerics">
      <NumericTile signal="heart-rate" label="HR" digits={0} />
      <NumericTile signal="spo2" label="SpO₂" digits={0} />
      <NumericTile signal="resp" label="Resp" digits={0} />
      <NumericTile signal="temp" label="Temp" digits={1} />
      <NumericTile signal="pump-rate" label="Pump" digits={2} badge={pump ? "class III" : null} />
    </section>
  );
}

import type { BedState } from "../state/bed-state";
import { sensorText } from "./words";
import { ageText, now } from "../state/clock";

export function SensorsCard({ bed: { sensors } }: { bed: BedState }) {
  const passed = sensors.value.filter((sensor) => sensor.authenticated_at_ms !== null).length;
  const all = sensors.value.length;
  return (
    <section class={`card sensors ${passed < all ? "warn" : ""}`} aria-labelledby="sensors-title">
      <h2 id="sensors-title">
        Sensors authenticated <span class="count">{passed}/{all}</span>
      </h2>
      <table>
        <thead class="visually-hidden">
          <tr><th>Sensor</th><th>Class</th><th>Last authentication</th><th>Cost</th></tr>
        </thead>
        <tbody>
          {sensors.value.map((sensor) => (
            <tr key={sensor.name}>
              <td>{sensorText(sensor.kind)}</td>
              <td><span class={`class class-${sensor.class}`}>{sensor.class}</span></td>
              <td>
                {sensor.authenticated_at_ms === null
                  ? "never"
                  : `✓ ${ageText(now.value - sensor.authenticated_at_ms)}`}
              </td>
              <td class="bits">{sensor.bits} bit</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

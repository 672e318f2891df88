import type { DeviceBed, EnrolledSensor } from "../api/access-types";
import { ageText, dateText, now } from "../state/clock";
import { PageTitle } from "./page-title";
import { useLoaded } from "./use-loaded";
import { countText, sensorText } from "./words";

// Below this share of its pairs a sensor is to be enrolled anew soon.
const FEW_PAIRS = 0.1;
const CONSENTS: Record<EnrolledSensor["consent"], string> = { none: "–", asked: "asked for", given: "given", emergency: "for emergencies" };
const percent = (share: number | null): string => (share === null ? "–" : `${(100 * share).toFixed(1)} %`);

function Row({ sensor }: { sensor: EnrolledSensor }) {
  const left = sensor.pairs_left;
  const few = left !== null && left < FEW_PAIRS * sensor.pairs_enrolled;
  return (
    <tr class={sensor.revoked_ms === null ? "" : "revoked"} data-sensor={sensor.sensor}>
      <th scope="row">{sensor.name}</th>
      <td>{sensorText(sensor.kind)}</td>
      <td><span class={`class class-${sensor.class}`}>{sensor.class}</span></td>
      <td>{sensor.profile}</td>
      <td>{dateText(sensor.enrolled_ms)}{sensor.revoked_ms !== null && <b class="gone">, revoked {dateText(sensor.revoked_ms)}</b>}</td>
      <td>{percent(sensor.reliability)}</td>
      <td>{percent(sensor.uniformity)}</td>
      <td>{percent(sensor.uniqueness)}</td>
      <td class={few ? "few" : ""}>{left === null ? "–" : countText(left)} of {countText(sensor.pairs_enrolled)}{few && " ▲ enrol anew"}</td>
      <td>{sensor.authenticated_at_ms === null ? "never" : `✓ ${ageText(now.value - sensor.authenticated_at_ms)} ago`}</td>
      <td>{CONSENTS[sensor.consent]}</td>
    </tr>
  );
}

// Which sensors are enrolled at which hub, and how good they are. Read only: provisioning is done at the command line.
export function DevicesPage() {
  const { value, error } = useLoaded<{ beds: DeviceBed[] }>("devices");
  return (
    <main class="page devices-page">
      <PageTitle text="Devices" />
      {error && <p class="notice bad" role="status">{error}</p>}
      <div class="scroll wide" tabIndex={0} role="region" aria-label="Enrolled sensors">
        {value?.beds.map(({ bed, label, hub_key: key, sensors }) => (
          <table key={bed} class="records devices">
            <caption>Bed {label || bed}, hub <code>{key}</code></caption>
            <thead>
              <tr>
                <th>Sensor</th><th>Kind</th><th>Class</th><th>Profile</th><th>Enrolled</th><th>Reliability</th><th>Uniformity</th><th>Uniqueness</th>
                <th>Pairs left</th><th>Authenticated</th><th>Consent</th>
              </tr>
            </thead>
            <tbody>{sensors.map((sensor) => <Row key={sensor.sensor} sensor={sensor} />)}</tbody>
          </table>
        ))}
      </div>
    </main>
  );
}

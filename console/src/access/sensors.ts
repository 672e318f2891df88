import type { Access, Sensor, Signal } from "../api/types";
import type { BedState } from "../state/bed-state";

// The number that a request names; an older server tells it only in the name, "insulin-5".
export const sensorNumber = (sensor: Sensor): number => sensor.sensor ?? Number(/(\d+)$/.exec(sensor.name)?.[1] ?? 0);

const IS_OF_CLASS_III: Signal[] = ["pump-rate"];

// Class III sensors that this session does not see.
export function sealedSensors(bed: BedState): Sensor[] {
  const access: Access | null = bed.access.value;
  const opened = access?.class === "III" && !bed.sealed.value.some((signal) => IS_OF_CLASS_III.includes(signal));
  return bed.sensors.value.filter((sensor) => sensor.class === "III" && !(opened && (access?.sensor === null || access?.sensor === sensor.name)));
}

import { breakGlass } from "../access/glass";
import { cannotSign } from "../access/credential";
import { usualClass, usualPurpose } from "../access/run";
import type { BedState } from "../state/bed-state";
import { isClinician, wall } from "../state/session";
import { bedName } from "../state/ward";
import { askForClass } from "./access-card";

// What a bed offers that is closed for the session.
export function ClosedBed({ bed }: { bed: BedState }) {
  return (
    <div class="closed">
      <span class="closed-number" aria-hidden="true">{bed.label.value || bed.bed}</span>
      <span class="closed-why">{wall.value ? "Closed" : (cannotSign.value ?? "Closed for you")}</span>
      {!wall.value && cannotSign.value === null && (
        <span class="closed-buttons">
          {usualPurpose(bed) && (
            <button aria-label={`Ask for access to ${bedName(bed)}`} onClick={() => askForClass(bed, usualClass())}>Ask for access</button>
          )}
          {isClinician.value && (
            <button class="glass" aria-label={`Break glass for ${bedName(bed)}`} onClick={() => breakGlass(bed)}>Break glass</button>
          )}
        </span>
      )}
    </div>
  );
}

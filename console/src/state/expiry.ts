import { effect } from "@preact/signals";
import { now } from "./clock";
import { beds } from "./ward";

// A grant ends on the screen by the page's own clock too: a server that is late with the news shows nothing longer.
export function watchExpiry(): void {
  effect(() => {
    for (const bed of beds.value) {
      const access = bed.access.value;
      if (access && access.until_ms <= now.value) bed.close();
    }
  });
}

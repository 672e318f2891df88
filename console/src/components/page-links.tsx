import { bed, page, type Page } from "../state/page";
import { isPatient, mayReview } from "../state/session";
import { beds } from "../state/ward";

const LINKS: { name: Page; label: string; key: string }[] = [
  { name: "ward", label: "Ward", key: "W" },
  { name: "bed", label: "Bed", key: "B" },
  { name: "access", label: "Access", key: "X" },
  { name: "audit", label: "Audit", key: "U" },
  { name: "reviews", label: "Reviews", key: "R" },
  { name: "devices", label: "Devices", key: "D" },
  { name: "aggregates", label: "Aggregates", key: "G" },
];

// What makes no sense here has no link; its key still works.
function isShown(name: Page): boolean {
  if (name === "ward") return beds.value.length > 1;
  if (name === "reviews") return mayReview.value || !isPatient.value;
  if (name === "devices" || name === "aggregates") return !isPatient.value;
  return true;
}

export function PageLinks() {
  return (
    <nav class="pages" aria-label="Pages">
      {LINKS.filter(({ name }) => isShown(name)).map(({ name, label, key }) => (
        <a
          key={name}
          href={(name === "bed" || name === "access") && bed.value ? `#${name}/${bed.value.bed}` : `#${name}`}
          aria-keyshortcuts={key}
          {...(page.value === name ? { "aria-current": "page" as const } : {})}
        >
          {isPatient.value && name === "audit" ? "Who looked" : label} ({key})
        </a>
      ))}
    </nav>
  );
}

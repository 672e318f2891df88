import { page, type Page } from "../state/page";

const LINKS: { name: Page; label: string; key: string }[] = [
  { name: "bed", label: "Bed", key: "B" },
  { name: "aggregates", label: "Aggregates", key: "G" },
];

export function PageLinks() {
  return (
    <nav class="pages" aria-label="Pages">
      {LINKS.map(({ name, label, key }) => (
        <a
          key={name}
          href={`#${name}`}
          aria-keyshortcuts={key}
          {...(page.value === name ? { "aria-current": "page" as const } : {})}
        >
          {label} ({key})
        </a>
      ))}
    </nav>
  );
}

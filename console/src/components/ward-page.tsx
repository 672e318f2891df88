import { useEffect, useRef } from "preact/hooks";
import { showPage } from "../state/page";
import { matches, searching, sought } from "../state/search";
import { wall } from "../state/session";
import { beds } from "../state/ward";
import { PageTitle } from "./page-title";
import { WardTile } from "./ward-tile";
import { plural } from "./words";

// Columns for up to so many beds, on a wide screen.
const COLUMNS = [[1, 1], [4, 2], [9, 3], [16, 4], [25, 5], [Infinity, 6]] as const;

function Search() {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (searching.value > 0) field.current?.focus();
  }, [searching.value]);
  const found = beds.value.filter(matches);
  const open = (event: Event) => {
    event.preventDefault();
    const first = found[0];
    if (sought.peek().trim() !== "" && first) showPage("bed", first.bed);
  };
  return (
    <form class="search" role="search" onSubmit={open}>
      <label>
        <span class="visually-hidden">Search bed or patient</span>
        <input
          ref={field}
          type="search"
          placeholder="Bed or patient (/)"
          aria-keyshortcuts="/"
          value={sought.value}
          onInput={(event) => (sought.value = event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return;
            sought.value = "";
            event.currentTarget.blur();
          }}
        />
      </label>
      <span class="found" role="status">{sought.value.trim() !== "" && `${plural(found.length, "bed")}, Enter opens the first`}</span>
    </form>
  );
}

export function WardPage() {
  const columns = COLUMNS.find(([most]) => beds.value.length <= most)![1];
  return (
    <main class="ward">
      <PageTitle text="Ward" hidden />
      {!wall.value && beds.value.length > 1 && <Search />}
      {beds.value.length === 0 && <p class="empty">No bed is connected.</p>}
      <div class="tiles" data-columns={columns}>
        {beds.value.map((bed, n) => <WardTile key={bed.bed} bed={bed} place={n + 1} />)}
      </div>
    </main>
  );
}

import type { BedState } from "../state/bed-state";
import { ledgerOf } from "../state/ward";
import { ageText, now } from "../state/clock";
import { countText } from "./words";

export function LedgerCard({ bed }: { bed: BedState }) {
  const book = ledgerOf(bed);
  return (
    <section class={`card ledger ${book?.damage ? "bad" : book ? "good" : ""}`} aria-labelledby="ledger-title">
      <h2 id="ledger-title">Ledger</h2>
      {!book && <p>not verified yet</p>}
      {book && !book.damage && (
        <p class="mark">✓ verified {countText(book.entries)} entries, {ageText(now.value - book.verified_at_ms)} ago</p>
      )}
      {book?.damage && (
        <p class="mark">
          ✗ DAMAGED <span class="damage">{book.damage}</span>
        </p>
      )}
    </section>
  );
}

import { useEffect } from "preact/hooks";
import { filter, loadAudit, NO_FILTER, rows } from "../state/audit-query";
import { AuditFoot } from "./audit-page";
import { AuditProof } from "./audit-proof";
import { sentenceOf } from "./audit-words";
import { PageTitle } from "./page-title";

// The audit as its patient reads it: sentences, and nothing to choose.
export function WhoLooked() {
  useEffect(() => {
    filter.value = NO_FILTER;
    void loadAudit(false);
  }, []);
  return (
    <main class="page who-looked">
      <PageTitle text="Who looked at my data" />
      <p class="about">Each look at your data is written into a ledger that nobody can change unnoticed. Each entry can be proved.</p>
      <ol class="sentences">
        {rows.value.map((row) => (
          <li key={row.index}>
            {sentenceOf(row)} {row.proof && <AuditProof index={row.index} />}
          </li>
        ))}
      </ol>
      <AuditFoot />
    </main>
  );
}

import { useEffect } from "preact/hooks";
import { auditError, type AuditFilter, filter, loadAudit, loading, more, people, rows } from "../state/audit-query";
import { dateText } from "../state/clock";
import { isPatient } from "../state/session";
import { beds } from "../state/ward";
import { AuditProof } from "./audit-proof";
import { KINDS, kindText, PURPOSE_NAMES } from "./audit-words";
import { PageTitle } from "./page-title";
import { WhoLooked } from "./who-looked";
import { purposeText, roleText, readsText } from "./words";

function Choice({ name, label, options }: { name: keyof AuditFilter; label: string; options: [string, string][] }) {
  const choose = (value: string) => {
    filter.value = { ...filter.value, [name]: value };
    void loadAudit(false);
  };
  return (
    <label>
      <span>{label}</span>
      <select name={name} value={filter.value[name]} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">all</option>
        {options.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
      </select>
    </label>
  );
}

function labelOf(bed: number): string {
  if (bed === 0) return "ward";
  return beds.value.find((state) => state.bed === bed)?.label.value || String(bed);
}

function AuditTable() {
  return (
    <div class="scroll wide" tabIndex={0} role="region" aria-label="Entries">
      <table class="records audit">
        <thead>
          <tr><th>Entry</th><th>Time</th><th>What</th><th>Who</th><th>Bed</th><th>Purpose</th><th>Class</th><th>Text</th><th>Proof</th></tr>
        </thead>
        <tbody>
          {rows.value.map((row) => (
            <tr key={row.index} class={row.kind}>
              <td>{row.index}</td>
              <td class="time">{dateText(row.at_ms)}</td>
              <td class="kind">{kindText(row.kind)}</td>
              <td>{row.who}{row.role && <span class="dim">, {roleText(row.role)}</span>}</td>
              <td>{labelOf(row.bed)}</td>
              <td>{row.purpose && purposeText(row.purpose)}</td>
              <td>{row.class}</td>
              <td>{readsText(row.text)}</td>
              <td class="proof">{row.proof && <AuditProof index={row.index} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function AuditFoot() {
  return (
    <div class="audit-foot" role="status">
      {auditError.value && <p class="notice bad">{auditError.value}</p>}
      {loading.value ? <p>reading</p> : rows.value.length === 0 && !auditError.value && <p>No entry.</p>}
      {more.value && !loading.value && <button class="older" onClick={() => void loadAudit(true)}>Older</button>}
    </div>
  );
}

function Audit() {
  useEffect(() => void loadAudit(false), []);
  return (
    <main class="page audit-page">
      <PageTitle text="Audit" />
      <form class="query" aria-label="Filter" onSubmit={(event) => event.preventDefault()}>
        <Choice name="bed" label="Bed" options={beds.value.map(({ bed }) => [String(bed), labelOf(bed)])} />
        <Choice name="person" label="Person" options={[...people.value]} />
        <Choice name="purpose" label="Purpose" options={PURPOSE_NAMES.map((name) => [name, purposeText(name)])} />
        <Choice name="kind" label="What" options={Object.entries(KINDS)} />
      </form>
      <AuditTable />
      <AuditFoot />
    </main>
  );
}

export const AuditPage = () => (isPatient.value ? <WhoLooked /> : <Audit />);

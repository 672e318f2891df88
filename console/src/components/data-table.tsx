// More rows than anybody reads would make the page slow; the whole result lies in the ledger.
const MAX_ROWS = 500;

// What a drawing shows, for those who cannot see it.
export function DataTable({ name, columns, rows }: { name: string; columns: string[]; rows: string[][] }) {
  const shown = rows.slice(0, MAX_ROWS);
  return (
    <details class="data">
      <summary>As a table</summary>
      <div class="scroll" tabIndex={0} role="region" aria-label={`${name}, table`}>
        <table>
          <thead><tr>{columns.map((column) => <th key={column} scope="col">{column}</th>)}</tr></thead>
          <tbody>
            {shown.map((row, n) => <tr key={n}>{row.map((cell, m) => <td key={m}>{cell}</td>)}</tr>)}
          </tbody>
        </table>
        {rows.length > MAX_ROWS && <p class="plain">The first {MAX_ROWS} of {rows.length}; all are in the ledger's entry of the result.</p>}
      </div>
    </details>
  );
}

import { useState } from "preact/hooks";
import { read } from "../api/read";
import { ledgerKey } from "../state/audit-query";

// Fetches the proof of an entry and hands it to the browser's downloads; then shows how anybody checks it.
export function AuditProof({ index }: { index: number }) {
  const [state, setState] = useState<{ done: boolean; error: string | null }>({ done: false, error: null });
  const file = `entry-${index}.proof`;
  const prove = async () => {
    try {
      const blob = await (await read(`audit/${index}/proof`)).blob();
      const address = URL.createObjectURL(blob);
      const link = Object.assign(document.createElement("a"), { href: address, download: file });
      link.click();
      URL.revokeObjectURL(address);
      setState({ done: true, error: null });
    } catch (error) {
      setState({ done: false, error: (error as Error).message });
    }
  };
  return (
    <>
      <button onClick={() => void prove()}>Prove<span class="visually-hidden"> entry {index}</span></button>
      {state.error && <span class="told" role="alert">{state.error}</span>}
      {state.done && <code class="check">bodywire ledger check {file} --key {ledgerKey.value}</code>}
    </>
  );
}

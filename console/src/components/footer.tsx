import type { Source } from "../api/types";
import { source } from "../state/ward";

export function sourceText({ kind, name }: Source): string {
  if (kind === "simulated") return "SIMULATED DATA (HTEST)";
  if (kind === "recording") return `ECG: RECORDING ${name ?? ""} - OTHER VALUES SIMULATED`;
  return "";
}

export function Footer() {
  return (
    <footer>
      <span>25 mm/s 10 mm/mV</span>
      <span class="source">{sourceText(source.value)}</span>
      <span>Research software - not a medical device</span>
    </footer>
  );
}

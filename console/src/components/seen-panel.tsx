import type { Answer, Replica } from "../api/aggregate-types";
import { bytesText, countText } from "./words";

// So many bytes of hexadecimal stand in a row.
const ROW_BYTES = 16;
const WORDS: Record<Replica["state"], string> = {
  agreed: "✓ agreed", away: "– away", refused: "– refused", lying: "✗ lying",
};

const rows = (hex: string): string => (hex.match(new RegExp(`.{1,${2 * ROW_BYTES}}`, "g")) ?? [])
  .map((row) => (row.match(/.{1,2}/g) ?? []).join(" "))
  .join("\n");

export function SeenPanel({ answer }: { answer: Answer }) {
  const { seen, replicas, rechecked } = answer;
  return (
    <section class="card side seen" aria-labelledby="seen-title">
      <h2 id="seen-title">What the replicas saw</h2>
      <p class="headline">
        <span class="large">{countText(seen.vectors)}</span> encrypted vectors, {bytesText(seen.bytes)}
      </p>
      <p class="plain">No replica has a key that opens them. To it {answer.function === "trend" ? "the first of the sums" : "the sum"} is:</p>
      <pre class="ciphertext" aria-label={`First ${seen.ciphertext.length / 2} bytes of the encrypted result`}>{rows(seen.ciphertext)} …</pre>
      <dl class="facts">
        <div><dt>SHA-256 of it</dt><dd><code class="hash">{seen.sha256}</code></dd></div>
        <div><dt>Check by the clinic</dt><dd>{countText(rechecked.vectors)} of the vectors added once more</dd></div>
      </dl>
      {replicas.length === 0 && <p class="plain">This clinic has no replicas: it has added the vectors by itself.</p>}
      <ul class="verdicts" aria-label="Replicas">
        {replicas.map(({ number, state, why }) => (
          <li key={number} class={state} data-replica={number}>
            <span class="name">Replica {number}</span>
            <span class="verdict">{WORDS[state] ?? state}</span>
            {why && <span class="why">{why}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

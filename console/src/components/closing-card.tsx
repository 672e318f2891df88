import { closingCard } from "../access/glass";
import { clockText } from "../state/clock";
import { Modal } from "./modal";
import { plural, readText } from "./words";

// What was seen under an access that has just been closed.
export function ClosingCard() {
  const card = closingCard.value;
  if (!card) return null;
  const { name, closed } = card;
  const close = () => (closingCard.value = null);
  return (
    <Modal title={`${name}: closed`} kind="closing-card" onCancel={close}>
      <dl class="facts">
        <div><dt>Open</dt><dd>{clockText(closed.from_ms)} to {clockText(closed.until_ms)}</dd></div>
        <div><dt>Looked at</dt><dd>{closed.signals.length > 0 ? closed.signals.map(readText).join(", ") : "nothing"}</dd></div>
        <div><dt>For</dt><dd>{plural(closed.seconds, "second")}</dd></div>
      </dl>
      <p class="hint">This is on record.</p>
      <div class="dialog-buttons"><button onClick={close}>Done</button></div>
    </Modal>
  );
}

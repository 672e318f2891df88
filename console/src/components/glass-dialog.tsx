import { useState } from "preact/hooks";
import { GLASS_MINUTES, glassFor, STATEMENT_MAX, STATEMENT_MIN } from "../access/glass";
import { ask } from "../access/run";
import { sensorNumber } from "../access/sensors";
import type { BedState } from "../state/bed-state";
import { asksCode } from "../state/session";
import { bedName } from "../state/ward";
import { GlassEvidence } from "./glass-evidence";
import { Modal } from "./modal";
import { sensorText } from "./words";

const OTHER = "Other reason";
const REASONS = ["Resuscitation", "Acute deterioration", "Patient cannot consent", "Covering for a colleague", "Transfer between wards", OTHER];
const CLASS_II = "II";

// The reason that goes on record, or a sentence about what is missing.
function statementOrWhy(reason: string, words: string): { statement: string } | { missing: string } {
  const text = words.trim();
  if (reason === "") return { missing: "Choose a reason." };
  if (reason === OTHER && text.length < STATEMENT_MIN) return { missing: `Say the reason in at least ${STATEMENT_MIN} characters.` };
  const statement = reason === OTHER ? text : text === "" ? reason : `${reason}: ${text}`;
  return statement.length > STATEMENT_MAX ? { missing: `Reason and words together are at most ${STATEMENT_MAX} characters.` } : { statement };
}

function GlassForm({ bed, sensor: wanted }: { bed: BedState; sensor: number | null }) {
  const sealed = bed.sensors.value.filter((sensor) => sensor.class === "III");
  const [reason, setReason] = useState("");
  const [words, setWords] = useState("");
  const [code, setCode] = useState("");
  const [scope, setScope] = useState(wanted === null ? CLASS_II : String(wanted));
  const [told, setTold] = useState<string | null>(null);
  const [sending, setSending] = useState(false);
  const close = () => (glassFor.value = null);
  const submit = async (event: Event) => {
    event.preventDefault();
    const said = statementOrWhy(reason, words);
    if ("missing" in said) return setTold(said.missing);
    if (asksCode.value && code === "") return setTold("Type the code of your card.");
    setTold(null);
    setSending(true);
    const sensor = sealed.find((candidate) => String(sensorNumber(candidate)) === scope);
    const outcome = await ask(bed, {
      class: sensor ? "III" : "II", purpose: "break-glass", sensor: sensor && { number: sensorNumber(sensor), name: sensor.name },
      statement: said.statement, code,
    });
    setSending(false);
    setCode("");
    if (outcome.state === "given") return close();
    return setTold(outcome.state === "refused" ? `Refused: ${outcome.refused.error}` : outcome.state === "failed" ? outcome.error : null);
  };
  return (
    <Modal title={`Break glass: ${bedName(bed)}`} kind="glass-dialog" onCancel={close}>
      <GlassEvidence bed={bed} />
      <form noValidate onSubmit={(event) => void submit(event)}>
        <label>
          <span>Reason</span>
          <select name="reason" value={reason} onChange={(event) => setReason(event.currentTarget.value)}>
            <option value="">choose</option>
            {REASONS.map((text) => <option key={text} value={text}>{text}</option>)}
          </select>
        </label>
        <label>
          <span>In your words{reason === OTHER ? "" : ", if there is more to say"}</span>
          <textarea name="statement" rows={2} maxLength={STATEMENT_MAX} value={words} onInput={(event) => setWords(event.currentTarget.value)} />
        </label>
        <label>
          <span>What you need</span>
          <select name="scope" value={scope} onChange={(event) => setScope(event.currentTarget.value)}>
            <option value={CLASS_II}>ECG and vital signs (class II)</option>
            {sealed.map((sensor) => (
              <option key={sensor.name} value={String(sensorNumber(sensor))}>and {sensorText(sensor.kind)} (class III, in a detected emergency)</option>
            ))}
          </select>
        </label>
        {asksCode.value && (
          <label>
            <span>Code of your card</span>
            <input name="code" type="password" autoComplete="off" value={code} onInput={(event) => setCode(event.currentTarget.value)} />
          </label>
        )}
        <p class="hint">Open for {GLASS_MINUTES} minutes, with your name on record and reviewed by a second person.</p>
        <p class="told" role="alert">{told}</p>
        <div class="dialog-buttons">
          <button type="button" onClick={close}>Cancel</button>
          <button type="submit" class="glass" disabled={sending}>{sending ? "Asking" : "Break glass"}</button>
        </div>
      </form>
    </Modal>
  );
}

export function GlassDialog() {
  const open = glassFor.value;
  return open && <GlassForm key={open.bed.bed} bed={open.bed} sensor={open.sensor} />;
}

import { useState } from "preact/hooks";
import type { Review } from "../api/access-types";
import { refusalText, send, UNREACHABLE } from "../api/actions";
import { clockText, dateText } from "../state/clock";
import { isPatient, mayReview, person } from "../state/session";
import { PageTitle } from "./page-title";
import { useLoaded } from "./use-loaded";
import { WhoLooked } from "./who-looked";
import { plural, roleText, readText } from "./words";

// Characters of a note, as of a reason.
const NOTE_MAX = 200;
const STATES: Record<Review["state"], string> = { open: "still open", waiting: "waits for review", accepted: "accepted", questioned: "questioned" };

function Verdict({ id, done }: { id: number; done: () => void }) {
  const [note, setNote] = useState("");
  const [told, setTold] = useState<string | null>(null);
  const give = async (verdict: "accepted" | "questioned") => {
    if (verdict === "questioned" && note.trim() === "") return setTold("Say in the note what is in question.");
    try {
      const response = await send("POST", `reviews/${id}`, { verdict, note: note.trim() });
      if (response.ok) return done();
      return setTold(await refusalText(response));
    } catch {
      return setTold(UNREACHABLE);
    }
  };
  return (
    <div class="verdict-form">
      <label>
        <span>Note</span>
        <input name={`note-${id}`} maxLength={NOTE_MAX} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
      </label>
      <button class="accept" onClick={() => void give("accepted")}>Accept</button>
      <button class="question" onClick={() => void give("questioned")}>Question</button>
      <span class="told" role="alert">{told}</span>
    </div>
  );
}

function Card({ review, done }: { review: Review; done: () => void }) {
  const { evidence } = review;
  const own = review.who === person.value.name;
  return (
    <article class={`card review ${review.state}`} data-review={review.id} aria-label={`Break-glass of ${review.who} at bed ${review.label}`}>
      <h2>Bed {review.label}: {review.who}, {roleText(review.role)} <span class="state">{STATES[review.state]}</span></h2>
      <p class="statement">"{review.statement}"</p>
      <dl class="facts">
        <div><dt>Open</dt><dd>{dateText(review.opened_ms)} to {review.closed_ms === null ? "now" : clockText(review.closed_ms)}</dd></div>
        <div><dt>Looked at</dt><dd>{review.signals.map(readText).join(", ") || "nothing"}, {plural(review.seconds, "second")}</dd></div>
        <div><dt>Condition</dt><dd>{review.condition ?? "not judged"}</dd></div>
        {evidence && <div><dt>Evidence</dt><dd>{evidence.reason}, ρ {evidence.rho.toFixed(2)} at threshold {evidence.threshold.toFixed(2)}</dd></div>}
        {review.withheld && <div><dt>Withheld</dt><dd>{review.withheld}</dd></div>}
        {review.review && <div><dt>Reviewed</dt><dd>{review.review.who}, {dateText(review.review.at_ms)}{review.review.note && `: ${review.review.note}`}</dd></div>}
      </dl>
      {review.state === "waiting" && mayReview.value && !own && <Verdict id={review.id} done={done} />}
      {review.state === "waiting" && own && <p class="hint">Your own: a second person reviews it.</p>}
    </article>
  );
}

function Reviews() {
  const [count, setCount] = useState(0);
  const { value, error } = useLoaded<{ reviews: Review[] }>("reviews", count);
  const waiting = value?.reviews.filter(({ state }) => state === "waiting").length ?? 0;
  return (
    <main class="page reviews-page">
      <PageTitle text="Reviews of break-glass" />
      <p class="about" role="status">{error ?? (value && (waiting > 0 ? `${waiting} to review` : "Nothing waits for review."))}</p>
      {value?.reviews.map((review) => <Card key={review.id} review={review} done={() => setCount((before) => before + 1)} />)}
    </main>
  );
}

export const ReviewsPage = () => (isPatient.value ? <WhoLooked /> : <Reviews />);

import { computed, signal } from "@preact/signals";
import type { RiskClass, Role, Session, SessionPerson } from "../api/types";

export const csrf = signal("");
export const person = signal<SessionPerson>({ name: "", role: null, highest: null });
export const demo = signal(false);
export const wall = signal(false);
export const certificate = signal<Session["certificate"]>(null);
// Whether break-glass asks for the person's code.
export const asksCode = signal(false);

// Who may break the glass (docs/access.md).
const CLINICIANS: (Role | null)[] = ["nurse", "physician", "consultant", "emergency-responder"];
export const isClinician = computed(() => CLINICIANS.includes(person.value.role));
export const isPatient = computed(() => person.value.role === "patient");
// Who looks at break-glass afterwards.
export const mayReview = computed(() => person.value.role === "reviewer" || person.value.role === "consultant");

export function enterSession(session: Session): void {
  csrf.value = session.csrf;
  person.value = session.person;
  demo.value = session.demo;
  wall.value = session.wall;
  certificate.value = session.certificate;
  asksCode.value = session.code;
}

const RANK: Record<RiskClass, number> = { I: 1, II: 2, III: 3 };
export const reaches = (given: RiskClass | null | undefined, wanted: RiskClass): boolean => given != null && RANK[given] >= RANK[wanted];

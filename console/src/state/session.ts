import { signal } from "@preact/signals";

export const csrf = signal("");
export const person = signal("");
export const demo = signal(false);

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Announcer } from "./announcer";

// The browser's own dialog: it keeps the focus inside, Esc cancels it, and the focus goes back to where it was.
export function Modal({ title, kind, onCancel, children }: { title: string; kind: string; onCancel: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const element = dialog.current!;
    element.showModal();
    return () => element.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={kind}
      aria-labelledby="modal-title"
      onCancel={(event) => {
        event.preventDefault();
        onCancel();
      }}
    >
      <h2 id="modal-title">{title}</h2>
      {children}
      {/* All outside a dialog is silent for screen readers; an urgent alarm is not. */}
      <Announcer />
    </dialog>
  );
}

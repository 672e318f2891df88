import { useEffect, useRef } from "preact/hooks";
import { pagesTurned } from "../state/page";

// The heading takes the focus when its page is turned to, so that a screen reader says where one is now.
export function PageTitle({ text, hidden }: { text: string; hidden?: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (pagesTurned > 0) heading.current?.focus();
  }, []);
  return <h1 ref={heading} tabIndex={-1} class={hidden ? "visually-hidden" : ""}>{text}</h1>;
}

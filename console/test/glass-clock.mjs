// How long it takes from the answer to a request for access to the first number and the first wave on the screen, measured in the
// page itself.

// Runs in the page before it does: notes when POST /access was sent and answered, and looks at each frame what there is.
export function glassClock() {
  const clock = { sent: null, answered: null, number: null, wave: null };
  window.bodywireGlassClock = clock;
  const fetchOf = window.fetch;
  window.fetch = async (...args) => {
    const [address, options] = args;
    const asks = options?.method === "POST" && new URL(address, location.href).pathname === "/api/v1/access";
    if (asks) Object.assign(clock, { sent: performance.now(), answered: null, number: null, wave: null });
    const response = await fetchOf(...args);
    if (asks) clock.answered = performance.now();
    return response;
  };
  const look = (now) => {
    if (clock.sent !== null) {
      const value = [...document.querySelectorAll("[data-signal]")].some(({ textContent }) => textContent !== "---");
      const wave = Number(document.querySelector(".strip.ecg .trace")?.dataset.headMs) > 0;
      if (value) clock.number ??= now;
      if (wave) clock.wave ??= now;
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

// Milliseconds from the answer to the first number and the first wave. Below zero: the event was faster than the answer.
export async function untilFirst(page) {
  await page.waitForFunction(() => {
    const { answered, number, wave } = window.bodywireGlassClock;
    return answered !== null && number !== null && wave !== null;
  }, null, { timeout: 10_000 });
  const { sent, answered, number, wave } = await page.evaluate(() => window.bodywireGlassClock);
  return { answer: answered - sent, number: number - answered, wave: wave - answered };
}

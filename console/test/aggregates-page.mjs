// The aggregates page of a real demonstration, ready to be asked.

// Two windows of ten seconds, on a busy machine.
const VECTORS_MS = 90_000;

export async function openAggregates(page, link) {
  await page.goto(link);
  await page.locator(".screen.live").waitFor({ timeout: 30_000 });
  await page.click(".pages a[href='#aggregates']");
  await page.locator("[data-vectors]:not([data-vectors='0'])").waitFor({ timeout: VECTORS_MS });
}

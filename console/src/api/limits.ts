import { refusalText, send, UNREACHABLE } from "./actions";
import type { Limit } from "./types";

export type LimitChange = Pick<Limit, "signal" | "low" | "high" | "priority" | "enabled">;

// Why the change was not made, or null.
export async function setLimit(bed: number, change: LimitChange): Promise<string | null> {
  try {
    const response = await send("PUT", `beds/${bed}/limits`, change);
    return response.ok ? null : await refusalText(response);
  } catch {
    return UNREACHABLE;
  }
}

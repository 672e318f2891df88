import { refusalText } from "./actions";

// A GET whose refusal is a sentence for people.
export async function read(path: string, abort?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`/api/v1/${path}`, abort ? { signal: abort } : {});
  } catch {
    abort?.throwIfAborted();
    throw new Error("The server does not answer. Wait until the page is live again.");
  }
  if (!response.ok) throw new Error(await refusalText(response));
  return response;
}

export const readJson = async <T>(path: string, abort?: AbortSignal): Promise<T> => (await read(path, abort)).json() as Promise<T>;

import { useEffect, useState } from "preact/hooks";
import { readJson } from "../api/read";

export interface Loaded<T> {
  value: T | null;
  error: string | null;
}

// What a path of the server answers, again whenever `again` changes. The old value is gone while a new one comes, unless
// it is only refreshed.
export function useLoaded<T>(path: string, again: unknown = 0): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T> & { path: string }>({ value: null, error: null, path });
  useEffect(() => {
    const abort = new AbortController();
    readJson<T>(path, abort.signal)
      .then((value) => setLoaded({ value, error: null, path }))
      .catch((error: Error) => {
        if (!abort.signal.aborted) setLoaded({ value: null, error: error.message, path });
      });
    return () => abort.abort();
  }, [path, again]);
  return loaded.path === path ? loaded : { value: null, error: null };
}

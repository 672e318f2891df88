// The browser's store of the session's key. What lies there is a CryptoKey that no script can read out.

const DATABASE = "bodywire";
const STORE = "keys";
const NAME = "credential";

export interface StoredKey {
  key: CryptoKey;
  // Serial of the certificate that the key was first used with; null before the server has named it.
  serial: string | null;
}

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

async function store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  return (await settled(opening)).transaction(STORE, mode).objectStore(STORE);
}

export const keepKey = async (stored: StoredKey) => settled((await store("readwrite")).put(stored, NAME));
export const storedKey = async (): Promise<StoredKey | undefined> => settled((await store("readonly")).get(NAME));

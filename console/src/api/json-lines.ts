// JSON objects, one a line, as they arrive: pieces of the stream end anywhere, also within a line or a character.

// A trend of a week has about 10,000 points of 40 characters; what is ten times longer is no answer.
const MAX_LINE_CHARACTERS = 4_000_000;

export class JsonLines {
  #rest = "";

  // The values of all lines that are complete now.
  push(text: string): unknown[] {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > MAX_LINE_CHARACTERS) throw new Error("The server's answer has a line without end. Ask again.");
    return lines.flatMap(parse);
  }

  // The last line may come without its end.
  end(): unknown[] {
    const last = this.#rest;
    this.#rest = "";
    return parse(last);
  }
}

function parse(line: string): unknown[] {
  if (line.trim() === "") return [];
  try {
    return [JSON.parse(line) as unknown];
  } catch {
    throw new Error("The server's answer is damaged: a line is no JSON. Ask again.");
  }
}

export async function readJsonLines(body: ReadableStream<Uint8Array<ArrayBuffer>>, onValue: (value: unknown) => void): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  const lines = new JsonLines();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    lines.push(value).forEach(onValue);
  }
  lines.end().forEach(onValue);
}

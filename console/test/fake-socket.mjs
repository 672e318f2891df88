// A WebSocket that only sends, for tests: RFC 6455, server side, binary frames. What the client sends is thrown away.
import { createHash } from "node:crypto";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const BINARY_END = 0x82;
const SHORT_MAX = 125;

export function acceptSocket(request, socket) {
  const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + GUID).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  // All but the wish to close (opcode 8).
  socket.on("data", (bytes) => {
    if ((bytes[0] & 15) === 8) socket.end(Buffer.from([0x88, 0]));
  });
  socket.on("error", () => {});
  return {
    send(bytes) {
      const head = bytes.length <= SHORT_MAX
        ? Buffer.from([BINARY_END, bytes.length])
        : Buffer.from([BINARY_END, 126, bytes.length >> 8, bytes.length & 255]);
      socket.write(Buffer.concat([head, bytes]));
    },
    onClose: (listener) => socket.on("close", listener),
  };
}

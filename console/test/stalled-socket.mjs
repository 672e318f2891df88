// Wave sockets that take nothing: what a screen whose line has failed looks like to the server.
import { randomBytes } from "node:crypto";
import { connect } from "node:net";

// Opens one with the cookies of a browser context; resolves when the server has accepted it, and reads nothing after that.
export async function stalledWaves(context, origin, beds) {
  const { hostname, port, host } = new URL(origin);
  const cookies = await context.cookies();
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  const path = `/api/v1/wave?${beds.map((bed) => `bed=${bed}`).join("&")}`;
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on("error", () => {});
  const lines = [`GET ${path} HTTP/1.1`, `Host: ${host}`, `Origin: ${origin}`, `Cookie: ${cookie}`, "Connection: Upgrade", "Upgrade: websocket",
    "Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  const first = await new Promise((resolve) => socket.once("data", (chunk) => {
    socket.pause();
    resolve(chunk.toString("latin1"));
  }));
  if (!first.startsWith("HTTP/1.1 101")) throw new Error(`no wave socket: ${first.slice(0, 200)}`);
  return socket;
}

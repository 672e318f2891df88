import { render } from "preact";
import { takeKeyFromAddress } from "./access/credential";
import { App } from "./components/app";
import { startConnection } from "./state/connection";
import { watchExpiry } from "./state/expiry";
import { listenForKeys } from "./state/keys";
import { listenForPages } from "./state/page";
import { startSounding } from "./audio/sounding";
import { startWaves } from "./wave/waves";

const root = document.getElementById("app");
if (root) {
  takeKeyFromAddress();
  render(<App />, root);
  startConnection();
  watchExpiry();
  startWaves();
  startSounding();
  listenForKeys();
  listenForPages();
}

import { render } from "preact";
import { App } from "./components/app";
import { startConnection } from "./state/connection";
import { listenForKeys } from "./state/keys";
import { listenForPages } from "./state/page";
import { startSounding } from "./audio/sounding";
import { startWaves } from "./wave/waves";

const root = document.getElementById("app");
if (root) {
  render(<App />, root);
  startConnection();
  startWaves();
  startSounding();
  listenForKeys();
  listenForPages();
}

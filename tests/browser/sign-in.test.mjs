/** Without a good token the page says why, which command prints one, and takes one. */
import assert from "node:assert/strict";
import { scenario } from "./support.mjs";

/** What a browser says about an answer of 401, and about a socket that is turned away. */
const TURNED_AWAY = /status of 401|WebSocket connection to .* failed/;

scenario("without a token the page says which command prints one, and takes it", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.page.goto(stage.dev.origin);
  const shown = await signIn(terminal);
  assert.match(shown, /Sign in/);
  assert.match(shown, /termfleet token/);
  assert.match(shown, /termfleet dev/);
  // The cursor is in the field already.
  await terminal.type(stage.dev.ready.token);
  await terminal.press("Enter");
  await terminal.prompt();
}, { complaints: TURNED_AWAY });

scenario("an expired token is said to be", async (stage) => {
  const terminal = await stage.visitor();
  await terminal.page.goto(`${stage.dev.origin}/#token=${stage.dev.expiredToken()}`);
  const shown = await signIn(terminal);
  assert.match(shown, /Your token has expired/);
  assert.match(shown, /termfleet token/);
  assert.match(shown, /Code 4003/);
}, { complaints: TURNED_AWAY });

scenario("a token of another server is not accepted, and a good URL over it is", async (stage) => {
  const terminal = await stage.visitor();
  const [header, payload] = stage.dev.ready.token.split(".");
  const forged = `${header}.${payload}.${"A".repeat(43)}`;
  await terminal.page.goto(`${stage.dev.origin}/#token=${forged}`);
  const shown = await signIn(terminal);
  assert.match(shown, /This token is not accepted/);
  assert.match(shown, /termfleet token/);
  assert.match(shown, /Code 4001/);
  await terminal.type(stage.dev.url);
  await terminal.press("Enter");
  await terminal.prompt();
}, { complaints: TURNED_AWAY });

async function signIn(terminal) {
  const page = terminal.page.getByTestId("sign-in-page");
  await page.waitFor();
  return await page.innerText();
}

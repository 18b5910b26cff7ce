/**
 * A balancer before a server, which lets each socket's server go away when a test wants it: it says
 * what a draining gateway says, and serves on as one does, until the client has left.
 */
import http from "node:http";
import { createRequire } from "node:module";
import { within } from "./wait.mjs";

const require = createRequire(new URL("../../../services/web/package.json", import.meta.url));
const { WebSocket, WebSocketServer } = require("ws");

/** Soon: a real gateway spreads its clients over seconds. */
const DRAINING = JSON.stringify({ type: "draining", retryAfterMs: 20 });

export class Balancer {
  #server = http.createServer((request, response) => this.#forward(request, response));
  #sockets = new WebSocketServer({ noServer: true, handleProtocols: ([first]) => first });
  #open = new Set();
  #target;
  /** How many sockets clients have opened. */
  opened = 0;

  /** @param {string} target the server's origin */
  constructor(target) {
    this.#target = target;
    this.#server.on("upgrade", (request, socket, head) => {
      this.#sockets.handleUpgrade(request, socket, head, (client) => this.#bridge(client, request));
    });
  }

  async start() {
    await new Promise((ready) => this.#server.listen(0, "127.0.0.1", ready));
    return this;
  }

  get origin() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Every server that a client is on goes away; done once all of them have been left in order. */
  async drain() {
    const codes = [...this.#open].map(
      (client) => new Promise((left) => client.once("close", left)),
    );
    for (const client of this.#open) client.send(DRAINING);
    return await within("the clients to leave", Promise.all(codes));
  }

  async stop() {
    for (const client of this.#open) client.terminate();
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  #bridge(client, { url, headers }) {
    this.opened += 1;
    this.#open.add(client);
    const forwarded = { origin: headers.origin, headers: { host: headers.host } };
    const server = new WebSocket(this.#target.replace("http", "ws") + url, client.protocol, forwarded);
    const early = [];
    client.on("message", (data, binary) => {
      if (server.readyState === WebSocket.OPEN) server.send(data, { binary });
      else early.push([data, binary]);
    });
    server.on("open", () => {
      for (const [data, binary] of early) server.send(data, { binary });
    });
    server.on("message", (data, binary) => client.send(data, { binary }));
    server.on("close", () => client.close());
    server.on("error", () => client.terminate());
    client.on("close", () => {
      this.#open.delete(client);
      server.close();
    });
  }

  #forward(request, response) {
    const { method, headers } = request;
    const onward = http.request(this.#target + request.url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.once("error", () => response.destroy());
    request.pipe(onward);
  }
}

/** A long way to a server: every byte takes its time, in both directions, and keeps its order. */
import net from "node:net";

export class SlowWay {
  #server;
  #sockets = new Set();
  #delayMs;

  /**
   * @param {string} origin the server's
   * @param {number} delayMs for a byte, one way
   */
  constructor(origin, delayMs) {
    const { hostname, port } = new URL(origin);
    this.#delayMs = delayMs;
    this.#server = net.createServer((near) => {
      const far = net.connect(Number(port), hostname);
      this.#carry(near, far);
      this.#carry(far, near);
    });
  }

  async start() {
    await new Promise((ready) => this.#server.listen(0, "127.0.0.1", ready));
    return this;
  }

  get origin() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }

  #carry(from, to) {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (bytes) => setTimeout(() => to.writable && to.write(bytes), this.#delayMs));
    from.on("end", () => setTimeout(() => to.end(), this.#delayMs));
    from.on("error", () => to.destroy());
    from.on("close", () => this.#sockets.delete(from));
  }
}

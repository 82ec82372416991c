/** A bare TCP connection for what no HTTP client would send. */
import { connect, type Socket } from "node:net";

/** One connection; collects all that comes. */
export class RawHttp implements Disposable {
  readonly socket: Socket;
  received = "";
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.received += chunk.toString("latin1");
    });
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once("close", () => resolve());
    });
  }

  static open(port: number): Promise<RawHttp> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(new RawHttp(socket)));
      socket.once("error", reject);
    });
  }

  /** Sends a request's head, and whatever of its body. */
  send(head: readonly string[], body: string | Uint8Array = ""): void {
    this.socket.write(`${head.join("\r\n")}\r\n\r\n`);
    if (body.length > 0) this.socket.write(body);
  }

  /** Waits until what has come so far passes a check. */
  async until(check: (received: string) => boolean): Promise<string> {
    while (!check(this.received)) {
      if (this.socket.closed) throw new Error(`the connection closed after: ${this.received.slice(0, 500)}`);
      await new Promise((resolve) => {
        this.socket.once("data", resolve);
        this.socket.once("close", resolve);
      });
    }
    return this.received;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** A TCP proxy in this process that a test can cut. */
import { createConnection, createServer, type Socket } from "node:net";

/** What a proxy does with what clients send. */
export interface TcpProxy {
  /** The server's URL, by way of the proxy. */
  readonly url: string;
  /** Called with what a client sends before it is passed on; what it answers is done to both ends after that. */
  onSent: (bytes: Buffer) => "pass" | "cut-before" | "cut-after";
  close(): Promise<void>;
}

/** Listens on loopback and passes everything on to the server of a URL. */
export async function tcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection({ host: hostname, port: Number(port) });
    let isMute = false;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", end);
      socket.on("close", () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on("data", (bytes: Buffer) => {
      const fate = proxy.onSent(bytes);
      if (fate === "cut-before") return end();
      if (fate === "cut-after") isMute = true;
      upstream.write(bytes);
    });
    upstream.on("data", (bytes: Buffer) => {
      // The server has answered, so it has done what it was told; the client never hears of it.
      if (isMute) end();
      else client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const own = new URL(target);
  if (address !== null && typeof address !== "string") own.port = String(address.port);
  const proxy: TcpProxy = {
    url: own.href,
    onSent: () => "pass",
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

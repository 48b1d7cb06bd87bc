import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './ports.js';

/** A line to an engine that a test can cut and mend: while it is cut, whoever dials is refused. */
export class Wire {
  /** A connection that says this is dead from then on, and neither end is told. */
  swallows: string | null = null;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly port: number,
    private readonly target: URL,
  ) {}

  /** @param url - of the engine at the far end. */
  static async to(url: string): Promise<Wire> {
    // Free for as long as it is cut, too.
    const [server, port] = [createServer(), await freePort()];
    await listen(server, port);
    const wire = new Wire(server, port, new URL(url));
    server.on('connection', (socket) => wire.join(socket));
    return wire;
  }

  /** The engine's URL by way of this wire. */
  get url(): string {
    return Object.assign(new URL(this.target), { host: `127.0.0.1:${this.port}` }).href;
  }

  async cut(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  mend(): Promise<void> {
    return listen(this.server, this.port);
  }

  private join(near: Socket): void {
    const far = connect(Number(this.target.port), this.target.hostname);
    let dead = false;
    near.on('data', (said) => (dead ||= this.swallows !== null && said.includes(this.swallows)));
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
      socket.on('data', (said) => {
        if (!dead) other.write(said);
      });
    }
  }
}

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });

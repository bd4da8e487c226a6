import { chmodSync, closeSync, openSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';

const NAME = 'owner.sock';
/** Room for a path in the address of a socket: 108 bytes on Linux, 104 elsewhere, the last one a zero. */
const MAX_PATH = 103;
const ANSWER_WITHIN_MS = 1_000;

/**
 * A socket in the folder of a run that its owner listens on. The kernel closes it with the process, whatever ends it,
 * and answers for it in every container that sees the folder: process ids mean something in one container only.
 */
export class RunSocket {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `undefined` where the file system takes no sockets. */
  static async open(folder: string): Promise<RunSocket | undefined> {
    if (process.platform === 'win32') return undefined;
    const server = createServer((socket) => socket.destroy());
    const isListening = await withShortPath(
      folder,
      (path) =>
        new Promise<boolean>((resolve) => {
          server.once('error', () => resolve(false));
          server.listen(path, () => {
            chmodSync(path, 0o600);
            resolve(true);
          });
        }),
    ).catch(() => false);
    if (isListening !== true) return undefined;
    server.on('error', () => undefined);
    server.unref();
    return new RunSocket(server);
  }

  close(): void {
    this.#server.close();
  }
}

/** Whether somebody listens, on this kernel; `undefined` when that cannot be known: there is no such socket. */
export async function isRunSocketHeld(folder: string): Promise<boolean | undefined> {
  const ask = (path: string): Promise<boolean | undefined> =>
    new Promise((resolve) => {
      const socket = connect(path);
      socket.setTimeout(ANSWER_WITHIN_MS, () => {
        socket.destroy();
        resolve(undefined);
      });
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', ({ code }: NodeJS.ErrnoException) => {
        // EAGAIN: so many ask at once that it has no room left for us; somebody is there.
        resolve(code === 'EAGAIN' ? true : code === 'ECONNREFUSED' ? false : undefined);
      });
    });
  return await withShortPath(folder, ask).catch(() => undefined);
}

/** The address of a socket has little room: a long path goes by way of the folder's descriptor. */
async function withShortPath<T>(folder: string, use: (path: string) => Promise<T>): Promise<T | undefined> {
  const path = join(folder, NAME);
  if (Buffer.byteLength(path) <= MAX_PATH) return await use(path);
  if (process.platform !== 'linux') return undefined;
  const descriptor = openSync(folder, 'r');
  try {
    return await use(`/proc/self/fd/${descriptor}/${NAME}`);
  } finally {
    closeSync(descriptor);
  }
}

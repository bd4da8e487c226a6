import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * Sends bytes as they are and resolves with what comes back until the server closes the connection: what `fetch` does not
 * let a test do, such as choosing `Host` and `Origin`.
 *
 * @param lines - the head of the request; `connection: close` is added
 */
export async function rawRequest(
  port: number,
  lines: readonly string[],
  body: string | Buffer = '',
): Promise<RawAnswer> {
  const head = [...lines, 'connection: close', `content-length: ${Buffer.byteLength(body)}`];
  const received = await rawBytes(port, [Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.from(body)]);
  const [top = '', ...rest] = received.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(top)?.[1] ?? 0), body: rest.join('\r\n\r\n') };
}

/** What a server sends until it closes the connection. */
export function rawBytes(port: number, chunks: readonly Buffer[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const received: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => {
      for (const chunk of chunks) socket.write(chunk);
    });
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.once('close', () => resolve(Buffer.concat(received).toString()));
    // A server may close while the rest is still being sent.
    socket.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? undefined : reject(error),
    );
  });
}

// What stands between the application and the server, and breaks.
import { Agent, createServer, request as forward } from 'node:http';
import { once } from 'node:events';

/** `refuse` connections, answer `503`, cut the connection `before` or `after` the server has the request, or `pass`. */
export class Proxy {
  /** @type {'pass' | '503' | 'before' | 'after'} */
  mode = 'pass';
  requests = 0;
  broken = 0;
  #port = 0;
  #server;
  #target;
  #agent = new Agent({ keepAlive: true, maxSockets: 200 });

  constructor(target) {
    this.#target = new URL(target);
  }

  get url() {
    return `http://127.0.0.1:${this.#port}/api`;
  }

  async open() {
    this.#server = createServer((request, response) => this.#handle(request, response));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = this.#server.address().port;
  }

  async refuse() {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  async close() {
    await this.refuse();
    this.#agent.destroy();
  }

  #handle(request, response) {
    this.requests++;
    const { mode } = this;
    if (mode !== 'pass') this.broken++;
    if (mode === 'before') return void request.socket.destroy();
    if (mode === '503') return void request.resume().on('end', () => response.writeHead(503).end('away'));
    const { method, headers, url } = request;
    const onward = forward(new URL(url, this.#target), { method, headers, agent: this.#agent }, (answer) => {
      if (mode === 'after') return void answer.resume().on('end', () => request.socket.destroy());
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => {
      if (!response.writableFinished) onward.destroy();
    });
    request.pipe(onward);
  }
}

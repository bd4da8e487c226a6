// Builds and drives the load server.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Program } from './processes.mjs';

const sources = fileURLToPath(new URL('../server/', import.meta.url));
const binary = fileURLToPath(new URL('../build/load-server', import.meta.url));

function build() {
  const changedMs = Math.max(...readdirSync(sources).map((file) => statSync(sources + file).mtimeMs));
  if ((statSync(binary, { throwIfNoEntry: false })?.mtimeMs ?? 0) > changedMs) return;
  mkdirSync(fileURLToPath(new URL('../build/', import.meta.url)), { recursive: true });
  const compiler = process.env.CXX ?? 'c++';
  try {
    execFileSync(compiler, ['-std=c++17', '-O2', `${sources}load-server.cpp`, '-o', binary], {
      stdio: 'inherit',
    });
  } catch (error) {
    throw new Error(`Cannot build the load server with "${compiler}": install a C++17 compiler or set CXX.`, {
      cause: error,
    });
  }
}

export class LoadServer {
  static async start() {
    if (process.platform !== 'linux')
      throw new Error('The bench needs Linux: its load server uses epoll, its figures come from /proc.');
    build();
    const program = new Program('load server', binary, []);
    return new LoadServer(program, Number(await program.line('listening ')));
  }

  constructor(program, port) {
    this.program = program;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Forgets all tasks; see server/load-server.cpp for the parameters. */
  reset(parameters) {
    return this.#call(
      'POST',
      `reset?${Object.entries(parameters)
        .map(([key, value]) => `${key}=${value}`)
        .join('&')}`,
    );
  }
  /** From now on this share of the updates is refused with 503. */
  setFaults(percent) {
    return this.#call('POST', `faults?percent=${percent}`);
  }
  mark() {
    return this.#call('POST', 'mark');
  }
  stats() {
    return this.#call('GET', 'stats');
  }

  async #call(method, path) {
    const response = await fetch(`${this.url}/admin/${path}`, { method });
    return await response.json();
  }
}

// Starts programs, reads what they cost from /proc, and leaves none behind.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const running = new Set();
let isStopping = false;

/** A program of the bench; `lines` of its output are awaited by prefix. */
export class Program {
  #child;
  #known = new Map();
  #stderr = '';
  #waiting = [];
  exitCode;

  constructor(name, file, args, env = {}) {
    if (isStopping) throw new Error('The bench is being stopped.');
    this.name = name;
    this.startedAt = performance.now();
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    this.#child.stdin.on('error', () => {});
    this.#child.stderr.on('data', (chunk) => (this.#stderr = (this.#stderr + chunk).slice(-4000)));
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#onLine(line));
    this.closed = new Promise((resolve) => {
      this.#child.once('error', (error) => ((this.#stderr += error.message), resolve()));
      this.#child.once('close', (code, signal) => ((this.exitCode = code ?? signal), resolve()));
    });
    void this.closed.then(() =>
      this.#waiting.splice(0).forEach(({ reject }) => reject(this.failure('ended'))),
    );
    running.add(this);
  }

  get pid() {
    return this.#child.pid;
  }

  failure(what) {
    return new Error(`${this.name} ${what} (exit ${this.exitCode ?? 'none'}).\n${this.#stderr.trim()}`);
  }

  /** Resolves with what follows `prefix` in the first line that starts with it. */
  line(prefix, timeoutMs = 30_000) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(this.failure(`did not print "${prefix}" in ${timeoutMs} ms`)),
        timeoutMs,
      );
      const settle = (done) => (value) => (clearTimeout(timer), done(value));
      this.#waiting.push({ prefix, resolve: settle(resolve), reject: settle(reject) });
    });
  }

  #onLine(line) {
    const at = this.#waiting.findIndex(({ prefix }) => line.startsWith(prefix));
    if (at < 0) return;
    const [{ prefix, resolve }] = this.#waiting.splice(at, 1);
    resolve(line.slice(prefix.length));
  }

  /** Every process of the program, itself first. */
  pids() {
    const pids = treeOf(this.pid);
    for (const pid of pids) this.#known.set(pid, startTimeOf(pid));
    return pids;
  }

  /** SIGTERM, and after `graceMs` SIGKILL to whatever is left of the tree. */
  async stop(graceMs = 1000) {
    if (this.exitCode === undefined && this.pid !== undefined) {
      this.pids();
      this.#child.kill('SIGTERM');
      await Promise.race([this.closed, sleep(graceMs, undefined, { ref: false })]);
    }
    this.killNow();
    await Promise.race([this.closed, sleep(2000, undefined, { ref: false })]);
    running.delete(this);
  }

  killNow() {
    if (this.exitCode === undefined && this.pid !== undefined) this.pids();
    for (const [pid, startTime] of this.#known) {
      if (startTime === undefined || startTimeOf(pid) !== startTime) continue; // gone, or the id is somebody else's
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it has just ended
      }
    }
  }
}

/** Ends all programs; none can be started any more. */
export async function stopEverything() {
  isStopping = true;
  await Promise.all([...running].map((program) => program.stop(0)));
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // the process is gone
  }
}

/** The fields of /proc/PID/stat from the third on (the second, a name in brackets, may hold anything). */
function statOf(pid) {
  const text = read(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}
const startTimeOf = (pid) => statOf(pid)?.[19];

export function treeOf(root) {
  const children = new Map();
  for (const entry of readdirSync('/proc')) {
    const parent = /^\d+$/.test(entry) && statOf(entry)?.[1];
    if (!parent) continue;
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(entry);
  }
  const tree = [String(root)];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree.map(Number);
}

/** CPU time that all threads of these processes have used so far, in ms. */
export function cpuMs(pids) {
  let ns = 0;
  for (const pid of pids) {
    for (const thread of threadsOf(pid)) {
      const text = read(`/proc/${pid}/task/${thread}/schedstat`);
      if (text !== undefined) ns += Number(text.split(' ')[0]);
    }
  }
  return ns / 1e6;
}

function threadsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** CPU time of the whole machine, stolen time included, in ms. Ticks of 10 ms: good for windows of seconds. */
export function machineCpuMs() {
  const [user, nice, system, , , irq, softIrq, steal] = read('/proc/stat')
    .split('\n')[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softIrq + steal) * 10;
}

/** Memory of one process in MB: resident, proportional (shared pages split), private. */
export function memoryOf(pid) {
  const text = read(`/proc/${pid}/smaps_rollup`) ?? '';
  const mb = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) / 1024;
  return {
    residentMb: mb('Rss'),
    proportionalMb: mb('Pss'),
    privateMb: mb('Private_Clean') + mb('Private_Dirty'),
  };
}

export const commandOf = (pid) => read(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ') ?? '';

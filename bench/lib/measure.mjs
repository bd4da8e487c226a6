// One measurement: start a program, warm it up, watch a window, stop it.
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { Program, cpuMs, machineCpuMs, treeOf } from './processes.mjs';

const file = (name) => fileURLToPath(new URL(`../clients/${name}-main.mjs`, import.meta.url));

/** `client` is a program of clients/, with a variant after a colon: `official:tuned`. */
export function startClient(client, options, stateDirectory) {
  const [name, variant] = client.split(':');
  return new Program(client, process.execPath, [file(name), JSON.stringify({ ...options, variant })], {
    NODE_ENV: 'production',
    NODE_OPTIONS: '',
    // what a program keeps on disk goes where the bench removes it
    TMPDIR: stateDirectory,
    XDG_STATE_HOME: stateDirectory,
  });
}

/** Until the server has accepted `tasks` results, but at least `minMs` and at most `maxMs` from the first one on. */
export async function warmUp(server, program, { tasks, minMs, maxMs }) {
  let firstAt;
  const givenUpAt = Date.now() + 30_000;
  for (;;) {
    if (program.exitCode !== undefined) throw program.failure('ended during its warm-up');
    const { accepted } = await server.stats();
    if (accepted > 0) firstAt ??= Date.now();
    else if (Date.now() > givenUpAt) throw program.failure('finished no task within 30 s');
    const elapsedMs = firstAt === undefined ? 0 : Date.now() - firstAt;
    if (elapsedMs >= maxMs || (elapsedMs >= minMs && accepted >= tasks)) return;
    await sleep(100);
  }
}

/** What the server saw and the program cost in `windowMs`. CPU counts all of the program's processes and threads. */
export async function watch(server, program, windowMs) {
  const bench = [process.pid, server.program.pid];
  const at = () => ({
    pids: program.pids(),
    cpu: cpuMs(program.pids()),
    server: cpuMs([server.program.pid]),
    bench: cpuMs(bench),
    machine: machineCpuMs(),
  });
  await server.mark();
  const before = at();
  await sleep(windowMs);
  const stats = await server.stats();
  const after = at();
  if (program.exitCode !== undefined) throw program.failure('ended while it was measured');
  const ownMs = after.cpu - before.cpu;
  const percent = (ms) => (ms / stats.elapsedMs) * 100;
  return {
    stats,
    processes: treeOf(program.pid).length,
    tasksPerSecond: (stats.accepted / stats.elapsedMs) * 1000,
    cpuMsPerTask: stats.accepted > 0 ? ownMs / stats.accepted : Number.NaN,
    cpuPercent: percent(ownMs),
    requestsPerSecond: (stats.requests / stats.elapsedMs) * 1000,
    serverCpuPercent: percent(after.server - before.server),
    foreignCpuPercent: Math.max(
      0,
      percent(after.machine - before.machine - ownMs - (after.bench - before.bench)),
    ),
  };
}

// node --expose-gc memory.mjs OPTIONS: prints the heap of a server, in MB and after a collection, as workflows come and go.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { embeddedServer } from '../../dist/server/index.js';

const { kept, steps, workflows, isInFile } = JSON.parse(process.argv[2]);
const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-'));
const nothing = () => undefined;
const logger = { log: nothing, debug: nothing, info: nothing, warn: nothing, error: console.error };
const place = isInFile ? { file: join(folder, 'conductor.db') } : {};
const server = await embeddedServer({ ...place, retention: { finished: kept } }).start(logger);

try {
  const heapMb = [];
  for (let step = 0; step < steps; step++) {
    await put({ workflows, atATime: 32 });
    globalThis.gc();
    heapMb.push(process.memoryUsage().heapUsed / 1e6);
  }
  console.log(JSON.stringify({ heapMb }));
} finally {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
}

/** From a thread, whose heap is its own. */
function put(parameters) {
  const load = new Worker(new URL('./load.mjs', import.meta.url), {
    argv: ['finish', server.url, JSON.stringify(parameters)],
    stdout: true,
  });
  load.stdout.resume();
  return new Promise((resolve, reject) => {
    load.once('error', reject);
    load.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the load ended with ${code}`))));
  });
}

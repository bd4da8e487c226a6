// The application of scripts/chaos.mjs: workers that do well, and workers that are told to hang or to swell.
import { execSync } from 'node:child_process';
import { bootstrap, functionWorker } from '../../dist/index.js';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const hoard = [];

function compute(ms) {
  const end = Date.now() + ms;
  while (Date.now() < end);
}

function block(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

async function sleepInNativeCode() {
  const { default: koffi } = await import('koffi');
  koffi.load('libc.so.6').func('unsigned int sleep(unsigned int)')(3600);
}

const hangs = {
  block: () => block(),
  native: sleepInNativeCode,
  spin: () => compute(3_600_000),
  deaf: () => pause(3_600_000),
  heap: () => {
    for (;;) hoard.push(Array.from({ length: 1_000 }, (_, index) => ({ index })));
  },
  resident: async () => {
    for (;;) {
      hoard.push(Buffer.alloc(20 * 2 ** 20, 1));
      await pause(100);
    }
  },
};

const orchestrator = await bootstrap({
  workers: [
    functionWorker('healthy', (task) => pause(task.inputData.ms), { name: 'healthy', concurrency: 10 }),
    functionWorker('computing', (task) => compute(task.inputData.ms), { name: 'computing' }),
    functionWorker('waiting', (task) => void execSync(`sleep ${task.inputData.ms / 1_000}`), {
      name: 'waiting',
    }),
    // It has declared that it blocks for longer than others may.
    functionWorker('patient', (task) => block(task.inputData.ms), { name: 'patient' }),
    functionWorker('victim', (task) => hangs[task.inputData.how](), {
      name: 'victim',
      processes: 2,
      executionTimeout: 2_000,
    }),
    functionWorker('swollen', (task) => hangs[task.inputData.how](), {
      name: 'swollen',
      heapLimit: 64,
      residentLimit: 250,
    }),
    functionWorker('frozen', (task) => pause(task.inputData.ms), { name: 'frozen', concurrency: 5 }),
  ],
  health: { port: 0 },
  restart: { initialDelay: 50, maxDelay: 200, maxDeaths: 1_000_000 },
});
process.send({ healthUrl: orchestrator.status().healthUrl });
await orchestrator.join();

// The application of the soak: several workers in several processes, told by the environment which server to use.
import { bootstrap, functionWorker } from 'tutti';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function work({ inputData }) {
  const { kind, ms } = inputData;
  if (kind === 'poison') process.kill(process.pid, 'SIGSEGV');
  if (kind === 'fail') throw new Error('this task always fails');
  if (kind === 'compute') for (const end = Date.now() + ms; Date.now() < end;);
  else await pause(ms);
  return { number: inputData.number };
}

const orchestrator = await bootstrap({
  workers: [
    functionWorker('soak_quick', work, { name: 'quick', concurrency: 20, processes: 2 }),
    functionWorker('soak_slow', work, { name: 'slow', concurrency: 20 }),
    functionWorker('soak_durable', work, { name: 'durable', concurrency: 10, durable: true }),
  ],
  restart: { initialDelay: 50, maxDelay: 500, maxDeaths: 1_000_000 },
  stopGrace: 10_000,
});

const tell = () =>
  process.send?.({ pids: orchestrator.status().replicas.flatMap(({ pid }) => pid ?? []) }, () => undefined);
setInterval(tell, 250).unref();
process.channel?.unref();
tell();
await orchestrator.join();

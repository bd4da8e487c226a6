// Prints how long it takes until an embedded server listens, in milliseconds: with loading its code, and once more without.
import { performance } from 'node:perf_hooks';

const origin = performance.now();
const { embeddedServer } = await import('../../dist/server/index.js');
const quiet = { log() {}, error() {}, warn() {}, info() {}, debug() {} };
const first = await embeddedServer().start(quiet);
const cold = performance.now() - origin;
await first.close();
const again = performance.now();
const second = await embeddedServer().start(quiet);
const warm = performance.now() - again;
await second.close();
console.log(JSON.stringify({ cold, warm }));

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build as esbuild, type BuildOptions } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build as vite } from 'vite';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Worker processes run the bundle, too. Modules that are loaded when they are needed are in it. */
const PROGRAM = `
import 'reflect-metadata';
import { bootstrap, functionWorker } from 'tutti';
import { native, NativeLibrary, openNativeLibrary } from 'tutti/native';
import { embeddedServer } from 'tutti/server';

class Maths {}
native('double cos(double x)')(Maths.prototype, 'cos');
NativeLibrary(process.platform === 'darwin' ? 'libm.dylib' : 'libm.so.6')(Maths);

async function main() {
  const maths = new Maths();
  openNativeLibrary(maths);
  const orchestrator = await bootstrap({
    workers: [functionWorker('cosine', ({ inputData }) => ({ cosine: maths.cos(inputData.x), pid: process.pid }))],
    server: embeddedServer(),
  });
  const { workflows } = await orchestrator.clients();
  const workflowDef = {
    name: 'cosines',
    version: 1,
    tasks: [{ name: 'cosine', taskReferenceName: 'cosine', type: 'SIMPLE', inputParameters: { x: 0 } }],
  };
  const id = await workflows.start({ name: 'cosines', workflowDef });
  const { status, tasks } = await workflows.waitFor(id);
  const { cosine, pid } = tasks[0].outputData;
  console.log(status, cosine, pid === process.pid ? 'in the same process' : 'in another process');
  await orchestrator.stop();
}
main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
`;

let folder = '';
const file = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-bundles-'));
  writeFileSync(file('package.json'), JSON.stringify({ private: true, type: 'module' }));
  writeFileSync(file('main.js'), PROGRAM);
  mkdirSync(file('node_modules'));
  symlinkSync(ROOT, file('node_modules/tutti'), 'junction');
  // A package with a binary stays outside of a bundle.
  for (const name of ['inversify', 'reflect-metadata', 'koffi', '@koromix'])
    symlinkSync(join(ROOT, 'node_modules', name), file(`node_modules/${name}`), 'junction');
});
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

/** Without what the test runner puts there. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(?:VITEST|TUTTI_|CONDUCTOR_)/.test(name)),
);

async function expectToRun(bundle: string): Promise<void> {
  const stateFolder = { TUTTI_STATE_DIR: file('state') };
  const { stdout } = await run(process.execPath, [file(bundle)], {
    cwd: folder,
    env: { ...env, ...stateFolder },
  });
  expect(stdout).toContain('COMPLETED 1 in another process');
}

describe.skipIf(process.platform === 'win32')('an application in one file', () => {
  const bundle = async (outfile: string, options: BuildOptions): Promise<void> => {
    await esbuild({
      entryPoints: [file('main.js')],
      bundle: true,
      platform: 'node',
      logLevel: 'error',
      external: ['koffi'],
      outfile: file(outfile),
      ...options,
    });
  };

  test('as CommonJS, by esbuild', async () => {
    await bundle('esbuild.cjs', { format: 'cjs' });
    await expectToRun('esbuild.cjs');
  });

  test('as an ES module, by esbuild, with the usual `require` for the CommonJS in it', async () => {
    const js = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
    await bundle('esbuild.mjs', { format: 'esm', banner: { js } });
    await expectToRun('esbuild.mjs');
  });

  test.each(['es', 'cjs'] as const)('by vite, with dynamic imports put inline: %s', async (format) => {
    const name = format === 'es' ? 'vite.mjs' : 'vite.cjs';
    await vite({
      root: folder,
      logLevel: 'error',
      ssr: { noExternal: true, external: ['koffi'] },
      build: {
        ssr: file('main.js'),
        outDir: folder,
        emptyOutDir: false,
        minify: false,
        rolldownOptions: { output: { format, entryFileNames: name, codeSplitting: false } },
      },
    });
    await expectToRun(name);
  });
});

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import buildOnce from '../support/build-once.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The packed package. */
    tarball: string;
  }
}

/** Packs the package once for all files of this suite. */
export default function packOnce(project: TestProject): () => void {
  buildOnce();
  const folder = mkdtempSync(join(tmpdir(), 'tutti-pack-'));
  const out = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: fileURLToPath(new URL('../../', import.meta.url)),
    encoding: 'utf8',
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [{ filename }] = JSON.parse(out) as [{ filename: string }];
  project.provide('tarball', join(folder, filename));
  return () => rmSync(folder, { recursive: true, force: true });
}

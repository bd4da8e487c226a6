import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SOURCES = fileURLToPath(new URL('../../../src/server/', import.meta.url));

/** What a file loads when it is imported, types and dynamic imports left out. */
function loadedBy(file: string): string[] {
  const text = readFileSync(SOURCES + file, 'utf8');
  return [...text.matchAll(/^(?:import|export) (?!type )[^;]*? from '([^']+)';$/gm)].map(
    (match) => match[1]!,
  );
}

describe('the description of a server', () => {
  it('loads nothing of the server, since every worker process holds one', () => {
    expect(loadedBy('index.ts')).toEqual([
      './clock/clock.js',
      './embedded-server.js',
      './clock/virtual-clock.js',
    ]);
    expect(loadedBy('embedded-server.ts')).toEqual([
      '../core/duration.js',
      '../core/logger.js',
      '../http/http-access.js',
      '../core/options.js',
      './clock/clock.js',
    ]);
    expect(loadedBy('clock/clock.ts')).toEqual([]);
    expect(loadedBy('clock/virtual-clock.ts')).toEqual([
      '../../core/duration.js',
      '../../core/errors.js',
      '../../core/options.js',
      './clock.js',
    ]);
    expect(loadedBy('server-runtime.ts')).toContain('./engine/conductor-engine.js');
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

test('scripts that import the build make it first', () => {
  const onBuild = Object.entries(scripts).filter(([, command]) => {
    const file = /\bnode (scripts\/[\w-]+\.mjs)/.exec(command)?.[1];
    return file !== undefined && /from '\.\.\/dist\//.test(readFileSync(join(ROOT, file), 'utf8'));
  });
  expect(onBuild.map(([name]) => name)).toContain('chaos');
  const withoutBuild = onBuild.filter(([, command]) => !command.startsWith('npm run build && '));
  expect(withoutBuild).toEqual([]);
});

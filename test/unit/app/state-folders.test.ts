import { isAbsolute, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { stateFolders, stateRoot } from '../../../src/app/state-folders.js';

test('a relative TUTTI_STATE_DIR is one folder for all processes, wherever their code changes to', () => {
  const env = { TUTTI_STATE_DIR: 'state' };
  expect(stateRoot(env)).toBe(resolve('state'));
  for (const { path } of stateFolders('/app/main.js', 'http://localhost/api', env))
    expect(path).toSatisfy(isAbsolute);
});

test('a relative XDG_STATE_HOME is not used, as its specification says', () => {
  expect(stateRoot({ XDG_STATE_HOME: 'state' })).toSatisfy(isAbsolute);
});

import { isAbsolute, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { stateFolders, stateRoots } from '../../../src/app/state-folders.js';

test('a relative TUTTI_STATE_DIR is one folder for all processes, wherever their code changes to', () => {
  const env = { TUTTI_STATE_DIR: 'state' };
  expect(stateRoots(env)).toEqual([resolve('state')]);
  for (const folder of stateFolders('/app/main.js', 'http://localhost/api', env))
    expect(folder).toSatisfy(isAbsolute);
});

test('a relative XDG_STATE_HOME is not used, as its specification says', () => {
  for (const root of stateRoots({ XDG_STATE_HOME: 'state' })) expect(root).toSatisfy(isAbsolute);
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findPostgres } from '../../../../scripts/conductor/postgres.mjs';

const PROGRAMS = ['initdb', 'postgres', 'pg_isready'];

let root;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tutti-find-postgres-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** @returns the folder */
function programsIn(folder, names = PROGRAMS) {
  const path = join(root, folder);
  mkdirSync(path, { recursive: true });
  for (const name of names) writeFileSync(join(path, name), '');
  return path;
}

describe('the programs of PostgreSQL', () => {
  test('are those of POSTGRES_BIN, whatever else there is', () => {
    const given = programsIn('given');
    const env = { POSTGRES_BIN: given, PATH: programsIn('on-path') };
    expect(findPostgres(env, [root])).toEqual({ bin: given });
  });

  test('POSTGRES_BIN is not passed over when it is wrong', () => {
    const env = { POSTGRES_BIN: programsIn('given', ['postgres']), PATH: programsIn('on-path') };
    expect(findPostgres(env, [])).toEqual({
      reason: `POSTGRES_BIN names ${env.POSTGRES_BIN}, which lacks one of initdb, postgres, pg_isready`,
    });
  });

  test('are taken from the path only where all of them are: Debian has some of the client there', () => {
    const client = programsIn('client', ['pg_isready']);
    const whole = programsIn('whole');
    expect(findPostgres({ PATH: [client, '', whole].join(delimiter) }, [])).toEqual({ bin: whole });
  });

  test('are the newest of the installed versions, by number', () => {
    programsIn(join('versions', '9', 'bin'));
    const newest = programsIn(join('versions', 'postgresql@16', 'bin'));
    programsIn(join('versions', '15', 'bin'));
    programsIn(join('versions', '17', 'bin'), ['pg_isready']);
    expect(findPostgres({}, [join(root, 'nothing'), join(root, 'versions')])).toEqual({ bin: newest });
  });

  test('are missing with a way out', () => {
    expect(findPostgres({ PATH: root }, [join(root, 'nothing')])).toEqual({
      reason: expect.stringMatching(/^no PostgreSQL was found .*nothing: install it, or set POSTGRES_BIN/),
    });
  });
});

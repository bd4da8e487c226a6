import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { describeThrown } from '../../core/errors.js';
import { findProblems, rules } from '../../core/options.js';

/** Where the certificates for HTTPS are, as paths of PEM files. */
export interface TlsFiles {
  /** Authorities to trust instead of the ones that Node trusts. */
  readonly caPath?: string | undefined;
  /** The client's certificate; needs `keyPath`. */
  readonly certPath?: string | undefined;
  /** The private key of the client's certificate, without a passphrase. */
  readonly keyPath?: string | undefined;
  /** `false` accepts any certificate: for tests only. @defaultValue true */
  readonly rejectUnauthorized?: boolean | undefined;
}

/** TLS settings in the form that Node takes. `key` is secret. */
export interface TlsSettings {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: boolean;
}

/** Reads the files that `files` names, once; what is wrong with them is added to `problems`. */
export function readTlsFiles(files: TlsFiles, where: string, problems: string[]): TlsSettings {
  const mistakes = findProblems(
    where,
    { ...files },
    {
      caPath: rules.string,
      certPath: rules.string,
      keyPath: rules.string,
      rejectUnauthorized: rules.boolean,
    },
  );
  if ((files.certPath === undefined) !== (files.keyPath === undefined)) {
    mistakes.push(`${where}: \`certPath\` and \`keyPath\` belong together, only one of them is given`);
  }
  const settings: TlsSettings = {
    rejectUnauthorized: files.rejectUnauthorized !== false,
    ...(mistakes.length === 0 ? readAll(files, where, mistakes) : {}),
  };
  if (mistakes.length === 0) checkTogether(settings, where, mistakes);
  problems.push(...mistakes);
  return settings;
}

function readAll(files: TlsFiles, where: string, problems: string[]): Partial<TlsSettings> {
  const read = (
    option: string,
    path: string | undefined,
    check: (pem: string) => unknown,
  ): string | undefined => {
    if (path === undefined) return undefined;
    try {
      const pem = readFileSync(path, 'utf8');
      check(pem);
      return pem;
    } catch (error) {
      problems.push(`${where}: cannot use the file of \`${option}\` (${path}): ${describeThrown(error)}`);
      return undefined;
    }
  };
  const ca = read('caPath', files.caPath, (pem) => new X509Certificate(pem));
  const cert = read('certPath', files.certPath, (pem) => new X509Certificate(pem));
  const key = read('keyPath', files.keyPath, checkPrivateKey);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function checkPrivateKey(pem: string): void {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) throw new Error('it holds no PEM private key');
}

/** Finds what only shows when all is put together: a key of another certificate, an encrypted key. */
function checkTogether(settings: TlsSettings, where: string, problems: string[]): void {
  try {
    createSecureContext(settings);
  } catch (error) {
    problems.push(`${where}: certificate and private key cannot be used together: ${describeThrown(error)}`);
  }
}

/**
 * The API reports in `etc/`: what each entry point exports, with all signatures.
 *
 *   node scripts/api.mjs           rewrites them
 *   node scripts/api.mjs --check   fails when they are out of date
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const isCheck = process.argv.includes('--check');
const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const entries = Object.entries(exports)
  .filter(([, target]) => typeof target === 'object')
  .map(([name, { types }]) => [name.replace(/^\./, 'tutti').replaceAll('/', '-'), types]);

// Inside of the project, where the types of packages are found, but not among the packages.
const folder = mkdtempSync(join(ROOT, '.api-'));
try {
  const wrong = makeReports();
  if (wrong.length > 0) {
    console.error(`\n${wrong.join('\n')}\n`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** @returns what is wrong, a sentence each */
function makeReports() {
  execFileSync(
    process.execPath,
    [
      join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'),
      '--project',
      'tsconfig.build.json',
      '--outDir',
      join(folder, 'dist'),
      '--emitDeclarationOnly',
      '--declarationMap',
      'false',
      '--sourceMap',
      'false',
    ],
    { cwd: ROOT, stdio: 'inherit' },
  );
  const configs = entries.map(([name, types]) => [name, configOf(name, types.replace('./dist/', ''))]);
  const compilerState = CompilerState.create(configs[0][1], {
    additionalEntryPoints: configs.map(([, config]) => config.mainEntryPointFilePath),
  });
  for (const one of [join(ROOT, 'etc'), join(folder, 'report')]) mkdirSync(one, { recursive: true });
  return configs.flatMap(([name, config]) => {
    const problems = [];
    Extractor.invoke(config, {
      localBuild: true,
      compilerState,
      messageCallback: (message) => {
        message.handled = true;
        if (message.logLevel !== ExtractorLogLevel.Error) return;
        const [, forgotten] = /^The symbol "(\w+)" needs to be exported/.exec(message.text) ?? [];
        if (forgotten === undefined || !isExported(forgotten)) problems.push(`${name}: ${message.text}`);
      },
    });
    return [...problems, ...compared(name)];
  });
}

/** Whether one of the entry points exports this name: programs can import it from there. */
function isExported(symbol) {
  return entries.some(([, types]) =>
    new RegExp(`^export .*\\b${symbol}\\b`, 'm').test(
      readFileSync(join(folder, types), 'utf8').replace(/\{[^}]*\}/g, (list) => list.replaceAll('\n', ' ')),
    ),
  );
}

function configOf(name, file) {
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: join(folder, 'dist', file),
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'ES2022',
            lib: ['ES2023', 'ESNext.Disposable'],
            module: 'NodeNext',
            moduleResolution: 'NodeNext',
            types: ['node'],
            strict: true,
            skipLibCheck: true,
          },
          files: entries.map(([, types]) => join(folder, types)),
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: join(folder, 'report'),
        reportTempFolder: join(folder, 'temp'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        extractorMessageReporting: {
          default: { logLevel: 'none' },
          // Whatever appears in a public signature is exported.
          'ae-forgotten-export': { logLevel: 'error' },
          'ae-incompatible-release-tags': { logLevel: 'none' },
        },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
        compilerMessageReporting: { default: { logLevel: 'error' } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(ROOT, 'package.json'),
  });
}

function compared(name) {
  const made = readFileSync(join(folder, 'temp', `${name}.api.md`), 'utf8');
  const file = join(ROOT, 'etc', `${name}.api.md`);
  const kept = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (made === kept) return [];
  if (isCheck)
    return [`etc/${name}.api.md is out of date: the API has changed. If that is meant, run \`npm run api\``];
  writeFileSync(file, made);
  console.log(`etc/${name}.api.md is rewritten`);
  return [];
}

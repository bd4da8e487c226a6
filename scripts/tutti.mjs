#!/usr/bin/env node
// The commands of the package. Building native libraries must work before the package is compiled; everything else is
// loaded when it is asked for.
import { readFileSync } from 'node:fs';
import { main as buildNative } from './build-native.mjs';

const USAGE = `Usage: tutti <command>

Commands:
  native build   compile native/<name>/*.{c,cc,cpp} into shared libraries
  outbox         list, replay or drop results that the server has not taken
  server         run a Conductor server for development and tests

Options:
  --help, -h     show this text; after a command: show its options
  --version, -v  show the version of Tutti`;

const COMMANDS = ['native build', 'outbox', 'server', 'help', 'version', '--help', '--version'];
const words = process.argv.slice(2);
const [topic, action, ...args] = words;

if (topic === 'native' && action === 'build') {
  process.exitCode = buildNative(args);
} else if (topic === 'outbox') {
  const { outboxCommand } = await import('../dist/cli/outbox-command.js');
  process.exitCode = await outboxCommand(words.slice(1));
} else if (topic === 'server') {
  const { serverCommand } = await import('../dist/cli/server-command.js');
  process.exitCode = await serverCommand(words.slice(1));
} else if (['--version', '-v', 'version'].includes(topic)) {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  console.log(version);
} else if (topic === undefined || ['--help', '-h', 'help'].includes(topic)) {
  console.log(USAGE);
} else if (topic === 'native' && (action === undefined || ['--help', '-h'].includes(action))) {
  process.exitCode = buildNative(['--help']);
} else {
  console.error(`There is no command "tutti ${words.join(' ')}"${await suggestion()}\n\n${USAGE}`);
  process.exitCode = 1;
}

/** The command that was probably meant, when the package is compiled. */
async function suggestion() {
  try {
    const { didYouMean } = await import('../dist/core/options.js');
    const typed = topic === 'native' ? `${topic} ${action}` : topic;
    const nearest = didYouMean(typed, [...COMMANDS, 'native']) ?? (topic === 'build' ? 'native' : undefined);
    return nearest === undefined
      ? '.'
      : `. Did you mean "tutti ${nearest === 'native' ? 'native build' : nearest}"?`;
  } catch {
    return '.';
  }
}

#!/usr/bin/env node
// The commands of the package. Building native libraries must work before the package is compiled; everything else is
// loaded when it is asked for.
import { main as buildNative } from './build-native.mjs';

const USAGE = `Usage: tutti <command>
  native build   compile native/<name>/*.{c,cc,cpp} into shared libraries (tutti native build --help)
  outbox         list, replay or drop results that the server has not taken (tutti outbox --help)`;

const [topic, action, ...args] = process.argv.slice(2);
if (topic === 'native' && action === 'build') {
  process.exitCode = buildNative(args);
} else if (topic === 'outbox') {
  const { outboxCommand } = await import('../dist/cli/outbox-command.js');
  process.exitCode = await outboxCommand(process.argv.slice(3));
} else {
  const isQuestion = topic === undefined || topic === '--help' || topic === 'help';
  (isQuestion ? console.log : console.error)(
    isQuestion ? USAGE : `There is no command "tutti ${process.argv.slice(2).join(' ')}"\n${USAGE}`,
  );
  process.exitCode = isQuestion ? 0 : 1;
}

#!/usr/bin/env node
// The commands of the package: `tutti native build`.
import { main as buildNative } from './build-native.mjs';

const USAGE = `Usage: tutti <command>
  native build   compile native/<name>/*.{c,cc,cpp} into shared libraries (tutti native build --help)`;

const [topic, action, ...args] = process.argv.slice(2);
if (topic === 'native' && action === 'build') {
  process.exitCode = buildNative(args);
} else {
  const isQuestion = topic === undefined || topic === '--help' || topic === 'help';
  (isQuestion ? console.log : console.error)(
    isQuestion ? USAGE : `There is no command "tutti ${process.argv.slice(2).join(' ')}"\n${USAGE}`,
  );
  process.exitCode = isQuestion ? 0 : 1;
}

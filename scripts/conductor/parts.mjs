// What a Conductor server of our own is made of.
import { findBootJar } from './boot-jar.mjs';
import { findJdk } from './jdk.mjs';

export const CONDUCTOR_VERSION = '3.32.1';
const MINIMUM_JAVA = 21;

/** @returns {{ java: string, version: string, jar: string } | { reason: string }} the version is that of Java */
export function findParts() {
  const jdk = findJdk(MINIMUM_JAVA);
  if ('seen' in jdk) {
    const seen = jdk.seen.length === 0 ? 'no Java was found' : `found only ${jdk.seen.join(', ')}`;
    return { reason: `Conductor ${CONDUCTOR_VERSION} needs Java ${MINIMUM_JAVA} or later: ${seen}` };
  }
  const found = findBootJar(CONDUCTOR_VERSION);
  return 'missing' in found ? { reason: found.missing } : { ...jdk, ...found };
}

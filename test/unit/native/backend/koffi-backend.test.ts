import 'reflect-metadata';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { KoffiBackend } from '../../../../src/native/backend/koffi-backend.js';
import { openNativeLibrary } from '../../../../src/native/native-activation.js';
import { native, NativeLibrary } from '../../../../src/native/native-library.decorator.js';
import { tuttiErrorOf } from '../../../support/native-project.js';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('a project where koffi cannot be loaded', () => {
  // A file that exists, and a library of the system.
  const libraries = [process.execPath, 'libm.so.6'].map((name) => {
    @NativeLibrary(name)
    class Maths {
      @native('double cos(double x)') readonly cos!: (x: number) => number;
    }
    return [name, Maths] as const;
  });

  it.each(libraries)('gets an error that says what to install, not one about %s', (_, Maths) => {
    const backend = new KoffiBackend('/nowhere/package.json');
    const error = tuttiErrorOf(() => openNativeLibrary(new Maths(), { backend }));
    expect(error).toMatchObject({ name: 'ConfigurationError', code: 'NATIVE_BACKEND_MISSING' });
    expect(error.message).toContain('koffi, which is not installed');
    expect(error.message).toContain('npm install koffi');
    expect(error.message).toContain('pnpm add koffi --allow-build=koffi');
  });

  it('reads the reason where the package is there and its binary is not', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tutti-koffi-'));
    folders.push(folder);
    mkdirSync(join(folder, 'node_modules', 'koffi'), { recursive: true });
    writeFileSync(
      join(folder, 'node_modules', 'koffi', 'index.js'),
      "throw new Error('Cannot find the native Koffi module; did you bundle it correctly?')",
    );
    const backend = new KoffiBackend(join(folder, 'package.json'));
    const error = tuttiErrorOf(() => backend.open(process.execPath));
    expect(error.code).toBe('NATIVE_BACKEND_MISSING');
    expect(error.message).toContain('is installed but cannot be loaded (Cannot find the native Koffi');
    expect(error.message).toContain(`on this machine (${process.platform}, ${process.arch})`);
  });
});

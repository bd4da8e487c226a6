import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, test, vi } from 'vitest';
import { ConfigurationError } from '../../../../src/core/errors.js';
import { ConsoleLogger } from '../../../../src/core/logger.js';
import type { Environment } from '../../../../src/core/environment.js';
import {
  DEFAULT_SERVER_URL,
  readConfig,
  resolveConfig,
  type Config,
} from '../../../../src/app/config/config.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const logger = new RecordingLogger();
const server = { start: () => Promise.reject(new Error('not started in this test')) };

function configOf(options: object = {}, env: Environment = {}): Config {
  const { config, problems } = resolveConfig({ logger, ...options }, env);
  expect(problems).toEqual([]);
  return config;
}

function problemsOf(options: object, env: Environment = {}): string[] {
  return resolveConfig({ logger, ...options }, env).problems;
}

describe('the format of the log', () => {
  const written = (options: object, env: Environment = {}): string => {
    const { config, problems } = resolveConfig(options, env);
    expect(problems).toEqual([]);
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    config.logger.info('hello');
    const line = String(write.mock.calls[0]![0]);
    write.mockRestore();
    return line;
  };

  test.each<[string, object, Environment, boolean]>([
    ['text by default', {}, {}, false],
    ['JSON by code', { logFormat: 'json' }, {}, true],
    ['JSON by the environment, in whatever case', {}, { CONDUCTOR_LOG_FORMAT: 'JSON' }, true],
    [
      'text by the environment against the code',
      { logFormat: 'json' },
      { CONDUCTOR_LOG_FORMAT: 'text' },
      false,
    ],
  ])('is %s', (_title, options, env, isJson) => {
    expect(written(options, env)).toMatch(
      isJson ? /^\{"time":"[^"]+","level":"info","message":"hello"\}\n$/ : / INFO {2}hello\n$/,
    );
  });

  it('that is none is reported, also where a logger of the program is used', () => {
    expect(problemsOf({ logFormat: 'xml' }, { CONDUCTOR_LOG_FORMAT: 'yaml' })).toEqual([
      'bootstrap(): expected `logFormat` to be one of "text", "json", got "xml" (string)',
      'environment: expected CONDUCTOR_LOG_FORMAT to be one of text, json, got "yaml" (string)',
    ]);
  });
});

describe('the environment wins over code, code over defaults', () => {
  const serverUrl = (config: Config): unknown => config.connection.serverUrl;
  const keyId = (config: Config): unknown => config.connection.keyId;
  const keySecret = (config: Config): unknown => config.connection.keySecret;
  const key = { keyId: 'code', keySecret: 'code' };
  test.each<[string, (config: Config) => unknown, object, Environment, unknown]>([
    ['server URL: default', serverUrl, {}, {}, DEFAULT_SERVER_URL],
    ['server URL: code', serverUrl, { serverUrl: 'http://code/api' }, {}, 'http://code/api'],
    [
      'server URL: environment',
      serverUrl,
      { serverUrl: 'http://code/api' },
      { CONDUCTOR_SERVER_URL: 'http://env/api' },
      'http://env/api',
    ],
    [
      'server URL: an empty variable is none',
      serverUrl,
      { serverUrl: 'http://code/api' },
      { CONDUCTOR_SERVER_URL: '' },
      'http://code/api',
    ],
    ['key: default', keyId, {}, {}, undefined],
    ['key: code', keyId, key, {}, 'code'],
    ['key: environment', keyId, key, { CONDUCTOR_AUTH_KEY: 'env' }, 'env'],
    ['secret: environment', keySecret, key, { CONDUCTOR_AUTH_SECRET: 'env' }, 'env'],
    ['embedded server: none', (c) => c.server, {}, {}, undefined],
    ['embedded server: code', (c) => c.server, { server }, {}, server],
    [
      'embedded server: left out when the environment names one',
      (c) => c.server,
      { server },
      { CONDUCTOR_SERVER_URL: 'http://env/api' },
      undefined,
    ],
    ['time to get ready: default', (c) => c.readyTimeoutMs, {}, {}, 60_000],
    ['time to get ready: code', (c) => c.readyTimeoutMs, { readyTimeout: 5 }, {}, 5],
    [
      'time to get ready: environment',
      (c) => c.readyTimeoutMs,
      { readyTimeout: 5 },
      { TUTTI_READY_TIMEOUT: '7' },
      7,
    ],
    ['grace: default', (c) => c.stopGraceMs, {}, {}, 25_000],
    ['grace: code, zero included', (c) => c.stopGraceMs, { stopGrace: 0 }, {}, 0],
    ['grace: environment', (c) => c.stopGraceMs, { stopGrace: 5 }, { TUTTI_STOP_GRACE: '0' }, 0],
    ['orphan grace: default', (c) => c.orphanGraceMs, {}, {}, 5_000],
    ['orphan grace: environment', (c) => c.orphanGraceMs, {}, { TUTTI_ORPHAN_GRACE: '1000' }, 1_000],
    ['signals: code', (c) => c.handlesSignals, { signals: false }, {}, false],
    ['failed start: default', (c) => c.onStartupFailure, {}, {}, 'stop'],
    [
      'restart: part in code, rest default',
      (c) => c.restart.maxDeaths,
      { restart: { initialDelay: 1 } },
      {},
      10,
    ],
    ['restart: code', (c) => c.restart.initialDelay, { restart: { initialDelay: 1 } }, {}, 1],
    [
      'restart: undefined is absent',
      (c) => c.restart.maxDelay,
      { restart: { maxDelay: undefined } },
      {},
      30_000,
    ],
    ['discover: one', (c) => c.discover, { discover: 'a/*.js' }, {}, ['a/*.js']],
    ['discover: many', (c) => c.discover, { discover: ['a', 'b'] }, {}, ['a', 'b']],
    ['entry: a path', (c) => c.entry, { entry: 'main.js' }, {}, resolve('main.js')],
    ['entry: a URL', (c) => c.entry, { entry: pathToFileURL('/a b/main.js') }, {}, resolve('/a b/main.js')],
    ['entry: a URL as text', (c) => c.entry, { entry: 'file:///a%20b/main.js' }, {}, resolve('/a b/main.js')],
  ])('%s', (_title, read, options, env, expected) => {
    expect(read(configOf(options, env))).toEqual(expected);
  });

  it('headers and the like of the connection are passed on', () => {
    expect(configOf({ http: { headers: { 'x-team': 'a' } } }).connection).toMatchObject({
      headers: { 'x-team': 'a' },
    });
  });

  it('the logger is the given one, else lines on standard error', () => {
    expect(configOf().logger).toBe(logger);
    expect(configOf({ logger: undefined }).logger).toBeInstanceOf(ConsoleLogger);
  });

  it('cannot be changed afterwards', () => {
    expect(Object.isFrozen(configOf())).toBe(true);
  });
});

describe('mistakes', () => {
  test.each<[string, object, Environment, RegExp]>([
    ['an unknown key', { worker: [] }, {}, /unknown option `worker`, did you mean `workers`\?/],
    ['workers', { workers: 'GreetWorker' }, {}, /`workers` to be an array/],
    ['discover: a number', { discover: 5 }, {}, /`discover`/],
    ['discover: an empty string', { discover: '' }, {}, /`discover`/],
    ['discover: a list with a hole', { discover: ['a', undefined] }, {}, /`discover`/],
    ['autobind', { autobind: 'yes' as never }, {}, /`autobind` to be true or false, got "yes"/],
    [
      'interceptors',
      { interceptors: [class Empty {} as never] },
      {},
      /`interceptors` to be an array of objects with an execute\(task, context, next\) method, or of classes/,
    ],
    ['modules', { modules: [() => undefined] }, {}, /`modules` to be an array of Inversify ContainerModules/],
    [
      'server',
      { server: 'http://localhost' },
      {},
      /`server` to be a server description such as embeddedServer\(\)/,
    ],
    ['server: null', { server: null }, {}, /`server`/],
    ['serverUrl', { serverUrl: new URL('http://x') }, {}, /`serverUrl`/],
    ['http: no object', { http: 'proxy' }, {}, /`http` to be an object, got "proxy"/],
    ['http: a key', { http: { proxyURL: 'x' } }, {}, /unknown option `proxyURL`, did you mean `proxyUrl`/],
    ['a key without its secret', { keyId: 'k' }, {}, /`keySecret` \(CONDUCTOR_AUTH_SECRET\) is missing/],
    [
      'a server variable without a scheme',
      { server },
      { CONDUCTOR_SERVER_URL: 'localhost:8080/api' },
      /`serverUrl` \(CONDUCTOR_SERVER_URL\) to be an http or https address.*got "localhost:8080\/api"/,
    ],
    ['logger', { logger: console.log }, {}, /`logger` to be a Logger/],
    ['logLevel', { logLevel: 'verbose' }, {}, /`logLevel` to be one of "silent"/],
    ['signals', { signals: 'SIGTERM' }, {}, /`signals` to be true or false/],
    ['onStartupFailure', { onStartupFailure: 'ignore' }, {}, /one of "stop", "continue"/],
    ['entry: a number', { entry: 5 }, {}, /`entry`/],
    ['entry: a URL that is no file', { entry: new URL('http://x/main.js') }, {}, /`entry`/],
    ['entry: such a URL as text', { entry: 'file://host/share/main.js' }, {}, /`entry`/],
    ['readyTimeout', { readyTimeout: 0 }, {}, /`readyTimeout` to be an integer from 1/],
    ['stopGrace', { stopGrace: -1 }, {}, /`stopGrace`/],
    ['restart: no object', { restart: 5 }, {}, /`restart` to be an object/],
    [
      'restart: a key',
      { restart: { maxDeath: 5 } },
      {},
      /unknown option `maxDeath`, did you mean `maxDeaths`/,
    ],
    [
      'restart: a value',
      { restart: { maxDeaths: 0 } },
      {},
      /`maxDeaths` to be an integer from 1 and up, got 0/,
    ],
    [
      'a variable that is no number',
      {},
      { TUTTI_STOP_GRACE: '25s' },
      /TUTTI_STOP_GRACE to be an integer from 0.*got "25s"/,
    ],
    ['a variable of white space', {}, { TUTTI_STOP_GRACE: ' ' }, /TUTTI_STOP_GRACE/],
    ['a variable out of range', {}, { TUTTI_READY_TIMEOUT: '0' }, /TUTTI_READY_TIMEOUT/],
    ['a variable with a fraction', {}, { TUTTI_ORPHAN_GRACE: '0.5' }, /TUTTI_ORPHAN_GRACE/],
    [
      'a log level',
      { logger: undefined },
      { CONDUCTOR_LOG_LEVEL: 'loud' },
      /CONDUCTOR_LOG_LEVEL to be one of silent, .*got "loud"/,
    ],
    [
      'health: a host with a port',
      { health: { port: 1, allowedHosts: ['a:80'] } },
      {},
      /`allowedHosts` to be an array of host names/,
    ],
    [
      'health: hosts',
      {},
      { TUTTI_HEALTH_PORT: '1', TUTTI_HEALTH_ALLOWED_HOSTS: 'a, http://b' },
      /got "a, http/,
    ],
    ['health: a token', { health: { port: 1, token: 'short' } }, {}, /`token` \(TUTTI_HEALTH_TOKEN\).* 16 /],
    ['health: a token', {}, { TUTTI_HEALTH_PORT: '1', TUTTI_HEALTH_TOKEN: 'with a space in it' }, /`token`/],
  ])('%s', (_title, options, env, pattern) => {
    const problems = problemsOf(options, env);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(pattern);
  });

  it('are told all together', () => {
    const problems = problemsOf(
      { worker: [], signals: 1, restart: { maxDeaths: -1 }, http: { tls: { caPath: '/nowhere/ca.pem' } } },
      { TUTTI_STOP_GRACE: 'x', TUTTI_READY_TIMEOUT: 'y', CONDUCTOR_SERVER_URL: 'z' },
    );
    expect(problems).toHaveLength(7);
  });

  it('are not looked for in the connection by a worker process, which reads the files of TLS for itself', () => {
    const options = { http: { tls: { caPath: '/nowhere/ca.pem' } }, stopGrace: -1 };
    expect(readConfig(options, {}).problems).toEqual([expect.stringContaining('`stopGrace`')]);
    expect(problemsOf(options)).toHaveLength(2);
  });

  it('never show a secret', () => {
    const problems = problemsOf({ keySecret: { value: 's3cret' }, keyId: ['s3cret'] });
    expect(problems).toHaveLength(2);
    expect(problems.join()).not.toContain('s3cret');
    expect(problemsOf({ keyId: 'k', keySecret: 271828 }).join()).not.toContain('271828');
    expect(problemsOf({ health: { port: 1, token: 's3cret' } }).join()).not.toContain('s3cret');
  });

  test.each([undefined, null, 'options', 5, []])('%j instead of options is an error at once', (options) => {
    expect(() => resolveConfig(options as never, {})).toThrow(ConfigurationError);
    expect(() => resolveConfig(options as never, {})).toThrow(
      /bootstrap\(\): expected an object with options/,
    );
  });
});

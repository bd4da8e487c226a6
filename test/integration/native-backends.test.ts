import { constants } from 'node:buffer';
import { createRequire } from 'node:module';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cancellationFlag } from '../../src/native/call/cancellation-flag.js';
import type { NativeFunctionOptions } from '../../src/native/c/native-types.js';
import type { NativeLibraryOptions } from '../../src/native/library/library-definition.js';
import { closeNativeLibrary, nativeCallback, openNativeLibrary } from '../../src/native/native-activation.js';
import { NativePointer } from '../../src/native/call/native-pointer.js';
import { native, NativeLibrary } from '../../src/native/native-library.decorator.js';
import { ABI_SOURCE, ABI_TYPES } from '../support/abi-library.js';
import { nativeBackends } from '../support/native-backends.js';
import { buildNativeProject, tuttiErrorOf } from '../support/native-project.js';

const project = buildNativeProject({ 'abi/abi.cpp': ABI_SOURCE });
afterAll(() => project.remove());

type Functions = Record<string, (...args: unknown[]) => unknown>;
type Declarations = Record<string, string | [prototype: string, options: NativeFunctionOptions]>;

const opened: object[] = [];
afterEach(async () => {
  for (const instance of opened.splice(0)) await closeNativeLibrary(instance);
});

describe.skipIf(!project.isBuilt).each(nativeBackends())('%s', (name, backend, isInstalled) => {
  beforeEach(({ skip }) => skip(!isInstalled, `${name} is not installed`));

  /** An opened library with these functions. */
  const open = (declarations: Declarations, options: NativeLibraryOptions = {}) => {
    class Abi {}
    for (const [member, declaration] of Object.entries(declarations)) {
      const [prototype, functionOptions = {}] = typeof declaration === 'string' ? [declaration] : declaration;
      native(prototype, functionOptions)(Abi.prototype, member);
    }
    NativeLibrary('abi', {
      path: project.built,
      types: ABI_TYPES,
      handles: { Box: 'box_close' },
      ...options,
    })(Abi);
    const library = new Abi();
    openNativeLibrary(library, { backend });
    opened.push(library);
    return library as unknown as Functions;
  };

  describe('structs, unions and enums', () => {
    it('go by value, both ways', () => {
      const { add, twice } = open({
        add: 'Point point_add(Point a, Point b)',
        twice: 'Small small_twice(Small s)',
      });
      expect(add!({ x: 1, y: 2 }, { x: 10, y: 20 })).toEqual({ x: 11, y: 22 });
      expect(twice!({ a: 1.5, b: 4 })).toEqual({ a: 3, b: 8 });
    });

    it.skipIf(name === 'ffi-napi')('go by value with unions, arrays and texts in them', () => {
      const { same, number } = open({
        same: 'Shape shape_same(Shape s)',
        number: 'Number number_same(Number n)',
      });
      const shape = {
        origin: { x: 1, y: 2 },
        color: 'BLUE',
        number: { i: -5 },
        name: 'grün',
        grid: [1, -2, 3],
        label: 'größer',
        id: 7,
      };
      const result = same!(shape) as typeof shape;
      expect({ ...result, number: result.number.i }).toEqual({
        ...shape,
        origin: { x: 2, y: 2 },
        number: -5,
      });
      expect(number!({ f: 2.5 })).toMatchObject({ f: 2.5 });
    });

    it.skipIf(name === 'koffi')('unions by value are refused when the library is opened', () => {
      const error = tuttiErrorOf(() => open({ same: 'Shape shape_same(Shape s)' }));
      expect(error.code).toBe('NATIVE_SIGNATURE');
      expect(error.message).toContain('cannot pass unions by value (Number); by pointer it can');
    });

    it('go by pointer: in, out and both', () => {
      const { length, sum, make, double } = open({
        length: 'double point_length(const Point *p)',
        sum: 'double points_sum(const Point *list, size_t n)',
        make: 'void point_make(double x, double y, _Out_ Point *out)',
        double: 'void point_double(_Inout_ Point *p)',
      });
      expect([length!({ x: 1, y: 2 }), length!(null)]).toEqual([3, -1]);
      expect(
        sum!(
          [
            { x: 1, y: 2 },
            { x: 3, y: 4 },
          ],
          2,
        ),
      ).toBe(10);
      const out = {};
      make!(3, 4, out);
      expect(out).toEqual({ x: 3, y: 4 });
      double!(out);
      expect(out).toEqual({ x: 6, y: 8 });
      expect(() => double!({})).toThrow('expected .x of parameter 1 "p" to be a number, got undefined');
    });

    it('are laid out as the C compiler lays them out', () => {
      const { fill, size, labelLength } = open({
        fill: 'void shape_fill(_Out_ Shape *out)',
        size: 'size_t shape_size(void)',
        labelLength: 'size_t shape_label_length(const Shape *s)',
      });
      const shape: Record<string, unknown> = {};
      fill!(shape);
      expect({ ...shape, number: (shape['number'] as { f: number }).f }).toEqual({
        origin: { x: 1, y: 2 },
        color: 'GREEN',
        number: 1.5,
        name: 'shape',
        grid: [-1, 2, 3],
        label: 'grüß dich',
        id: 9007199254740993n,
      });
      expect(size!()).toBe(64);
      expect(labelLength!({ ...shape, number: { i: 1 }, label: 'größe' })).toBe(7);
    });

    it('unions are read by the member that is asked for', () => {
      const { make } = open({ make: 'void number_make(float f, _Out_ Number *out)' });
      const out = {} as { f: number; i: number };
      const bytes = Buffer.alloc(8);
      make!(1, bytes);
      expect(bytes.readFloatLE()).toBe(1);
      make!(1, out);
      expect(() => make!(1, [])).toThrow('an object to put the members of Number into');
    });

    it('wrong members are named', () => {
      const { length, fill } = open({
        length: 'double point_length(const Point *p)',
        fill: 'size_t shape_label_length(const Shape *s)',
      });
      expect(() => length!({ x: 1 })).toThrow('expected .y of parameter 1 "p" to be a number, got undefined');
      expect(() => length!({ x: 1, y: 2, z: 3 })).toThrow(
        'expected .z of parameter 1 "p" to be one of the members of struct Point: x, y',
      );
      expect(() => length!(5)).toThrow(
        'an object, an array of objects, a Buffer, a pointer to Point, or null, got 5',
      );
      const shape = {
        origin: { x: 0, y: 0 },
        color: 'PINK',
        number: { i: 1 },
        name: '',
        grid: [1, 2, 3],
        label: null,
        id: 1,
      };
      expect(() => fill!(shape)).toThrow(
        'expected .color of parameter 1 "s" to be one of RED, GREEN, BLUE, or an integer, got "PINK"',
      );
      const grid = { ...shape, color: 'RED', grid: [1, 2, 70_000] };
      expect(() => fill!(grid)).toThrow(
        'expected .grid[2] of parameter 1 "s" to be an integer from -32768 to 32767',
      );
      expect(() => fill!({ ...grid, grid: [1] })).toThrow(
        'expected .grid of parameter 1 "s" to be an array of 3 elements',
      );
      expect(() => fill!({ ...grid, grid: [1, 2, 3], name: 'too long a name' })).toThrow(
        'expected .name of parameter 1 "s" to be a text of less than 8 bytes',
      );
      expect(() => fill!({ ...grid, grid: [1, 2, 3], number: { i: 1, f: 2 } })).toThrow(
        'an object with one of the members of union Number',
      );
    });

    it('enums by name, and by number where there is no name', () => {
      const { next } = open({ next: 'Color color_next(Color c)' });
      expect([next!('RED'), next!('GREEN'), next!(6), next!(5)]).toEqual(['GREEN', 'BLUE', 99, 'BLUE']);
      expect(() => next!('PINK')).toThrow(
        'expected parameter 1 "c" to be one of RED, GREEN, BLUE, or an integer',
      );
      expect(() => next!(2 ** 40)).toThrow('expected parameter 1 "c" to be an integer from ');
    });
  });

  describe('pointers and buffers', () => {
    it('bring values out, and in and out', () => {
      const { divide, increment } = open({
        divide: 'void divide(int32_t a, int32_t b, _Out_ int32_t *quotient, _Out_ int32_t *remainder)',
        increment: 'void increment(_Inout_ int64_t *value)',
      });
      const [quotient, remainder, value]: [number[], number[], number[]] = [[], [], [41]];
      divide!(17, 5, quotient, remainder);
      increment!(value);
      expect([quotient, remainder, value]).toEqual([[3], [2], [42]]);
      expect(() => divide!(1, 1, 5, [])).toThrow(
        'expected parameter 3 "quotient" to be an array to put the value into',
      );
      expect(() => increment!([])).toThrow(
        'expected parameter 1 "value" to be an array with the value that goes in, or null, got an array',
      );
    });

    it('arrays go in as arrays or typed arrays, and come out of both', () => {
      const { sum, squares } = open({
        sum: 'int32_t sum_array(const int32_t *list, size_t n)',
        squares: 'void squares(_Out_ int32_t *out, size_t n)',
      });
      expect([sum!([1, 2, 3], 3), sum!(new Int32Array([4, 5]), 2)]).toEqual([6, 9]);
      const [list, typed] = [[0, 0, 0, 0], new Int32Array(3)];
      squares!(list, 4);
      squares!(typed, 3);
      expect([list, [...typed]]).toEqual([
        [0, 1, 4, 9],
        [0, 1, 4],
      ]);
      expect(() => sum!([1, 2.5], 2)).toThrow('expected [1] of parameter 1 "list" to be an integer');
      expect(() => sum!(new Float64Array(2), 2)).toThrow(
        'an array of numbers, a Int32Array, a Buffer, a pointer to int32_t, or null',
      );
    });

    it('buffers are written in place, not copied', () => {
      const { fill, scale } = open({
        fill: 'void fill(uint8_t *bytes, size_t n, uint8_t value)',
        scale: 'void scale(double *values, size_t n, double by)',
      });
      const whole = Buffer.alloc(6);
      fill!(whole.subarray(1, 4), 3, 7);
      expect([...whole]).toEqual([0, 7, 7, 7, 0, 0]);
      const values = new Float64Array([1, 2]);
      scale!(values, 2, 1.5);
      expect([...values]).toEqual([1.5, 3]);
      expect(() => scale!([1, 2], 2, 2)).toThrow('a Float64Array, a Buffer, a pointer to double, or null');
    });

    it('shared memory', () => {
      const { fill } = open({ fill: 'void fill(uint8_t *bytes, size_t n, uint8_t value)' });
      const shared = new Uint8Array(new SharedArrayBuffer(4));
      if (name === 'ffi-napi') {
        expect(() => fill!(shared, 4, 9)).toThrow(
          'Abi.fill ("void fill(uint8_t *bytes, size_t n, uint8_t value)"): the backend ffi-napi cannot pass shared memory',
        );
      } else {
        fill!(shared, 4, 9);
        expect([...shared]).toEqual([9, 9, 9, 9]);
      }
    });

    it('memory that was given away is refused', () => {
      const { fill, total } = open({
        fill: 'void fill(uint8_t *bytes, size_t n, uint8_t value)',
        total: 'size_t total_length(const void *const *list)',
      });
      const bytes = new Uint8Array(4);
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
      const message = 'parameter 1 "bytes" to be memory that is still there, got "a detached buffer"';
      for (const given of [bytes, bytes.buffer]) expect(() => fill!(given, 4, 9)).toThrow(message);
      expect(() => total!([bytes])).toThrow(
        'expected [0] of parameter 1 "list" to be memory that is still there',
      );
    });

    it('lists of texts', () => {
      const { total } = open({ total: 'size_t total_length(const char **list)' });
      expect(total!(['one', 'grün', null])).toBe(8);
    });

    it('a buffer takes a text that is written', () => {
      const { write } = open({ write: 'int32_t write_text(char *out, size_t size, const char *text)' });
      const buffer = Buffer.alloc(16);
      write!(buffer, 16, 'hello');
      expect(buffer.toString('utf8', 0, 5)).toBe('hello');
      expect(() => write!('text', 4, 'x')).toThrow(
        'expected parameter 1 "out" to be a Buffer to write text into',
      );
    });
  });

  describe('ownership', () => {
    it('owned texts are copied and freed, borrowed ones are copied', () => {
      const library = open({
        duplicate: ['char *duplicate(const char *text)', { freedBy: 'give_back' }],
        message: ['int32_t message(_Out_ const char **text)', { freedBy: { text: 'give_back' } }],
        borrowed: 'int32_t borrowed(_Out_ const char **text)',
        freed: 'int32_t freed_count(void)',
      });
      const before = library['freed']!() as number;
      expect(library['duplicate']!('grüß dich')).toBe('grüß dich');
      expect(library['duplicate']!(null)).toBeNull();
      expect(library['freed']!()).toBe(before + 1);
      const [owned, borrowed]: [string[], string[]] = [[], []];
      library['message']!(owned);
      library['borrowed']!(borrowed);
      expect([owned, borrowed, library['freed']!()]).toEqual([['it is yours'], ['it is mine'], before + 2]);
    });

    it("texts are freed by the C library's free, where it is named", () => {
      const { duplicate } = open({ duplicate: ['char *duplicate(const char *text)', { freedBy: 'free' }] });
      expect(duplicate!('text')).toBe('text');
    });

    it('owned structs are copied and freed', () => {
      const library = open({
        make: ['Point *point_new(double x)', { freedBy: 'give_back' }],
        freed: 'int32_t freed_count(void)',
      });
      const before = library['freed']!() as number;
      expect(library['make']!(3)).toEqual({ x: 3, y: 3 });
      expect(library['freed']!()).toBe(before + 1);
    });

    it('UTF-16 both ways', () => {
      const { upper, same } = open({
        upper: ['char16_t *wide_upper(const char16_t *text)', { freedBy: 'free' }],
        same: 'const char16_t *wide_same(const char16_t *text)',
      });
      expect(upper!('grüße 世界 😀')).toBe('GRüßE 世界 😀');
      expect([same!('世界'), same!(null)]).toEqual(['世界', null]);
    });
  });

  describe('handles and pointers', () => {
    const BOX: Declarations = {
      open: 'Box *box_open(int32_t value)',
      make: 'int32_t box_make(int32_t value, _Out_ Box **out)',
      value: 'int32_t box_value(const Box *box)',
      self: 'Box *box_self(Box *box)',
      close: 'void box_close(Box *box)',
      count: 'int32_t boxes_open(void)',
      point: 'Point *point_new(double x)',
      length: 'double point_length(const Point *p)',
      free: 'void give_back(void *p)',
    };

    it('are given out by result and by _Out_ parameter, and taken', () => {
      const library = open(BOX);
      const box = library['open']!(5) as NativePointer;
      expect(box).toBeInstanceOf(NativePointer);
      expect([box.type, library['value']!(box), library['self']!(box)]).toEqual(['Box', 5, box]);
      const out: NativePointer[] = [];
      library['make']!(6, out);
      expect(library['value']!(out[0])).toBe(6);
      expect(library['open']!(-1)).toBeNull();
    });

    it('closed ones, and those of another type, are refused', () => {
      const library = open(BOX);
      const box = library['open']!(5) as NativePointer;
      library['close']!(box);
      expect(box.isClosed).toBe(true);
      for (const [member, text] of [
        ['value', 'int32_t box_value(const Box *box)'],
        ['close', 'void box_close(Box *box)'],
      ] as const) {
        const error = tuttiErrorOf(() => library[member]!(box));
        expect(error.code).toBe('ILLEGAL_STATE');
        expect(error.message).toBe(
          `Abi.${member} ("${text}"): parameter 1 "box": a pointer to Box cannot go from "closed" to "used"`,
        );
      }
      const point = library['point']!(1) as NativePointer;
      expect(() => library['value']!(point)).toThrow(
        'expected parameter 1 "box" to be a pointer to Box, or null, got "a pointer to Point"',
      );
      expect(() => library['value']!(5)).toThrow('a pointer to Box, or null, got 5');
      library['free']!(point);
    });

    it('of two types at one address are two', () => {
      const library = open(
        { ...BOX, first: 'Lid *box_first(Box *box)' },
        { types: `${ABI_TYPES} typedef struct Lid Lid;`, handles: { Box: 'box_close', Lid: 'noop' } },
      );
      const box = library['open']!(5) as NativePointer;
      const lid = library['first']!(box) as NativePointer;
      expect([lid.type, lid.address === box.address, library['first']!(box)]).toEqual(['Lid', true, lid]);
      expect(library['value']!(box)).toBe(5);
    });

    it('that are to be closed asynchronously while the library is being closed are closed with it', async () => {
      const library = open({
        ...BOX,
        wait: ['void wait_ms(int32_t ms)', { async: true }],
        closeAsync: ['void box_close(Box *box)', { async: true }],
      });
      const before = library['count']!() as number;
      const box = library['open']!(5);
      const waiting = library['wait']!(5);
      const closing = closeNativeLibrary(library);
      await expect(library['closeAsync']!(box)).rejects.toThrow('while its native library was being closed');
      await Promise.all([waiting, closing]);
      expect(open(BOX)['count']!()).toBe(before);
    });

    it('that are open when the library is closed are closed with it', async () => {
      const library = open(BOX);
      const before = library['count']!() as number;
      library['open']!(1);
      library['close']!(library['open']!(2));
      library['make']!(3, []);
      expect(library['count']!()).toBe(before + 2);
      await closeNativeLibrary(library);
      expect(open(BOX)['count']!()).toBe(before);
    });

    it('are read, as values, arrays, bytes and texts', () => {
      const library = open(BOX);
      const point = library['point']!(1.5) as NativePointer;
      expect(point.read()).toEqual({ x: 1.5, y: 1.5 });
      expect(point.read('double', 2)).toEqual([1.5, 1.5]);
      expect(library['length']!(point)).toBe(3);
      point.bytes(8).writeDoubleLE(4);
      expect(point.read()).toEqual({ x: 4, y: 1.5 });
      expect(() => point.read('itn32_t')).toThrow('unknown type');
      expect(() => point.read('double', -1)).toThrow('expected the count to be an integer from 0, got -1');
      expect(() => point.bytes(1.5)).toThrow('expected the length to be an integer from 0 to');
      // Node.js would end the process.
      for (const length of [constants.MAX_LENGTH + 1, 2 ** 60])
        expect(() => point.bytes(length)).toThrow('expected the length to be an integer from 0 to ');
      expect(() => point.read('double', 2 ** 50)).toThrow(
        `Abi: ${2 ** 50} × double takes ${2 ** 53} bytes, at most ${constants.MAX_LENGTH} can be read`,
      );
      expect(() => (library['open']!(1) as NativePointer).read()).toThrow('cannot be read without a type');
      library['free']!(point);
    });

    it('in use by an asynchronous call cannot be closed', async () => {
      const library = open({ ...BOX, slow: ['int32_t box_slow(Box *box)', { async: true }] });
      const box = library['open']!(5);
      const slow = library['slow']!(box);
      expect(() => library['close']!(box)).toThrow('in use by an asynchronous call');
      await expect(slow).resolves.toBe(5);
      library['close']!(box);
    });
  });

  describe('pointers inside of structs and arrays', () => {
    const NESTED: Declarations = {
      open: 'Box *box_open(int32_t value)',
      close: 'void box_close(Box *box)',
      point: 'Point *point_new(double x)',
      free: 'void give_back(void *p)',
      bundle: 'double bundle_sum(const Bundle *bundle)',
      slowBundle: ['double bundle_sum(const Bundle *bundle)', { async: true }],
      slowBoxes: ['int32_t boxes_sum(Box *const *list, size_t n)', { async: true }],
      boxes: 'int32_t boxes_sum(Box *const *list, size_t n)',
    };

    it('are passed as parameters are: handles, functions, arrays, typed arrays, objects', () => {
      const { open: make, bundle } = open(NESTED);
      const box = make!(5);
      const scale = (n: number): number => n * 10;
      const values = [1, 2.5];
      expect(bundle!({ box, map: scale, values, count: 2, point: { x: 1, y: 2 } })).toBe(50 + 3.5 + 3);
      expect(bundle!({ box, values: new Float64Array(values), count: 2 })).toBe(5 + 3.5);
      expect(bundle!({ count: 0 })).toBe(0);
    });

    it('are checked as those of parameters are', () => {
      const { open: make, close, point, free, bundle, boxes } = open(NESTED);
      const [box, wrong] = [make!(5), point!(1)];
      expect(() => bundle!({ box: wrong, count: 0 })).toThrow(
        'expected .box of parameter 1 "bundle" to be a pointer to Box, or null, got "a pointer to Point"',
      );
      expect(() => boxes!([box, wrong], 2)).toThrow(
        'expected [1] of parameter 1 "list" to be a pointer to Box, or null, got "a pointer to Point"',
      );
      expect(() => bundle!({ values: new Int32Array(2), count: 2 })).toThrow(
        'expected .values of parameter 1 "bundle" to be an array of numbers, a Float64Array',
      );
      expect(() => bundle!({ map: 5, count: 0 })).toThrow('.map of parameter 1 "bundle" to be a function');
      close!(box);
      expect(tuttiErrorOf(() => bundle!({ box, count: 0 })).code).toBe('ILLEGAL_STATE');
      free!(wrong);
    });

    it('cannot be closed while an asynchronous call uses them', async () => {
      const { open: make, close, slowBundle, slowBoxes } = open(NESTED);
      const box = make!(5);
      for (const call of [() => slowBundle!({ box, count: 0 }), () => slowBoxes!([box, null], 2)]) {
        const running = call();
        expect(() => close!(box)).toThrow('in use by an asynchronous call');
        await expect(running).resolves.toBe(5);
      }
      close!(box);
    });

    it('of a struct that is declared after its typedef are pointers to that struct', () => {
      const types = 'typedef struct _Node Node; struct _Node { int32_t value; const Node *next; };';
      const { sum, push } = open(
        {
          sum: 'int32_t nodes_sum(const Node *list)',
          push: 'Node *node_new(int32_t value, const Node *next)',
        },
        { types, handles: {} },
      );
      const list = push!(1, push!(2, null)) as NativePointer;
      expect(sum!(list)).toBe(3);
      const { next } = list.read() as { next: NativePointer };
      expect([sum!(next), next.read()]).toEqual([2, { value: 2, next: null }]);
      expect(sum!({ value: 4, next: { value: 5, next } })).toBe(11);
    });
  });

  describe('callbacks', () => {
    const CALLBACKS: Declarations = {
      apply: 'int32_t apply(map_fn f, int32_t n)',
      visit: 'void visit(void (*f)(const char *, const Point *, Color, int64_t))',
      keep: 'void keep(int32_t (*f)(int32_t))',
      callKept: 'int32_t call_kept(int32_t n)',
    };

    it('are called while the call runs', () => {
      const { apply, visit } = open(CALLBACKS);
      expect(apply!((n: number) => n * 10, 4)).toBe(60);
      const seen: unknown[] = [];
      visit!((text: string, point: NativePointer | null, color: string, id: bigint) => {
        seen.push([text, point?.read() ?? null, color, id]);
      });
      expect(seen).toEqual([
        ['one', { x: 1, y: 2 }, 'BLUE', 9007199254740993n],
        [null, null, 'RED', 1],
      ]);
    });

    it('what they throw is thrown by the call, wrong results too', () => {
      const { apply } = open(CALLBACKS);
      expect(() =>
        apply!((n: number) => {
          if (n === 2) throw new RangeError('two');
          return n;
        }, 4),
      ).toThrow(new RangeError('two'));
      expect(() => apply!(() => 'x', 1)).toThrow(
        'expected the callback map_fn to return an integer from -2147483648 to 2147483647, got "x"',
      );
      expect(() => apply!(5, 1)).toThrow(
        'expected parameter 1 "f" to be a function, a native callback, or null',
      );
    });

    it('that are registered live until they are released', () => {
      const library = open(CALLBACKS);
      const callback = nativeCallback(library, 'map_fn', (n: number) => n + 1);
      library['keep']!(callback);
      expect([library['callKept']!(1), library['callKept']!(41)]).toEqual([2, 42]);
      library['keep']!(null);
      callback.release();
      callback.release();
      expect(() => library['keep']!(callback)).toThrow(
        'a native callback of the type map_fn cannot go from "released" to "used"',
      );
      expect(() => nativeCallback(library, 'int32_t', () => 1)).toThrow('it is no pointer to a function');
      expect(() => nativeCallback(library, 'map_fn', undefined as never)).toThrow(
        'Abi: "map_fn": expected the callback to be a function, got undefined',
      );
    });

    it('that are registered are taken for their own type only', () => {
      const library = open(CALLBACKS);
      const callback = nativeCallback(library, 'int64_t (*)(double)', () => 1);
      expect(() => library['keep']!(callback)).toThrow(
        'expected parameter 1 "f" to be a function or a native callback of the type f, got "a int64_t (*)',
      );
      callback.release();
    });

    it('that are released while an asynchronous call uses them live until it has returned', async () => {
      const library = open({
        ...CALLBACKS,
        slow: ['int32_t apply_slowly(int32_t (*f)(int32_t), int32_t n)', { async: true }],
      });
      const callback = nativeCallback(library, 'map_fn', (n: number) => {
        callback.release();
        return n + 1;
      });
      await expect(library['slow']!(callback, 3)).resolves.toBe(6);
      expect(() => library['keep']!(callback)).toThrow(
        'a native callback of the type map_fn cannot go from "released" to "used"',
      );
    });

    it('that release themselves live until the call that they were passed to has returned', () => {
      const { apply, ...library } = open(CALLBACKS);
      const callback = nativeCallback(opened.at(-1)!, 'map_fn', (n: number) => {
        callback.release();
        return n + 1;
      });
      expect(apply!(callback, 3)).toBe(6);
      expect(() => library['keep']!(callback)).toThrow(
        'a native callback of the type map_fn cannot go from "released" to "used"',
      );
    });

    it('64 bits without a sign come as they are', () => {
      const { echo } = open({ echo: 'uint64_t echo_big(uint64_t (*f)(uint64_t))' });
      const seen: unknown[] = [];
      expect(echo!((n: unknown) => (seen.push(n), n))).toBe(2n ** 64n - 1n);
      expect(seen).toEqual([2n ** 64n - 1n]);
    });

    it.skipIf(name === 'ffi-napi')('cost no type each, which koffi would keep for good', () => {
      const { apply } = open(CALLBACKS);
      apply!((n: number) => n, 1);
      const proto = vi.spyOn(createRequire(import.meta.url)('koffi') as typeof import('koffi'), 'proto');
      for (let i = 0; i < 3; i++) apply!((n: number) => n, 1);
      expect(proto).not.toHaveBeenCalled();
      proto.mockRestore();
    });

    it.skipIf(name === 'ffi-napi')('more than there is room for are refused by name', () => {
      const library = open(CALLBACKS);
      const all: { release(): void }[] = [];
      try {
        const make = () => {
          for (let i = 0; i < 10_000; i++) all.push(nativeCallback(library, 'map_fn', () => 1));
        };
        expect(make).toThrow('Abi: no callback can be made for map_fn (');
      } finally {
        for (const callback of all) callback.release();
      }
      expect(library['apply']!((n: number) => n * 10, 4)).toBe(60);
    });

    it('are called from the thread pool', async () => {
      const { progress } = open({
        progress: ['void progress(void (*f)(double share), int32_t n)', { async: true }],
      });
      const shares: number[] = [];
      await progress!((share: number) => shares.push(share) && undefined, 4);
      expect(shares).toEqual([0.25, 0.5, 0.75, 1]);
      await expect(
        progress!(() => {
          throw new Error('in the callback');
        }, 2),
      ).rejects.toThrow('in the callback');
    });
  });

  describe('numbers and errors', () => {
    it('64-bit integers come back as declared', () => {
      const declare = (int64?: 'auto' | 'bigint' | 'number') => {
        const options = int64 === undefined ? {} : { int64 };
        return open({ big: ['int64_t big(void)', options], small: ['uint64_t small_big(void)', options] });
      };
      expect([declare()['big']!(), declare()['small']!()]).toEqual([9007199254740993n, 5]);
      expect([declare('bigint')['big']!(), declare('bigint')['small']!()]).toEqual([9007199254740993n, 5n]);
      expect(declare('number')['small']!()).toBe(5);
      expect(() => declare('number')['big']!()).toThrow(
        'returned 9007199254740993; expected a number that is exact',
      );
      expect(open({ small: 'uint64_t small_big(void)' }, { int64: 'bigint' })['small']!()).toBe(5n);
    });

    it('functions have as much stack as a program in C has', async () => {
      const prototype = 'int32_t use_stack(int32_t kilobytes)';
      const { use, useAsync } = open({ use: prototype, useAsync: [prototype, { async: true }] });
      expect(use!(4_000)).toBe(4_000);
      expect(await Promise.all([useAsync!(4_000), useAsync!(4_000)])).toEqual([4_000, 4_000]);
    });

    it('errno', () => {
      const { fail } = open({ fail: ['int32_t fail_with(int32_t code)', { errno: true }] });
      expect([fail!(2), fail!(13)]).toEqual([
        { value: -1, errno: 2 },
        { value: -1, errno: 13 },
      ]);
    });

    it('variadic functions', () => {
      const { addAll } = open({ addAll: 'double add_all(int32_t n, ...)' });
      expect(addAll!(4, ['int', 1], ['double', 2.5], ['int32_t', 3], ['float', 4])).toBe(10.5);
      expect(addAll!(1, ['int', 1])).toBe(1);
      expect(addAll!(0)).toBe(0);
      expect(() => addAll!(2, ['int', 1], 2)).toThrow(
        "expected parameter 3 to be a type and a value, e.g. ['int', 5]",
      );
      expect(() => addAll!(1, ['itn', 1])).toThrow('unknown type "itn"');
      for (const type of ['void', 'Box', 'int[3]'])
        expect(() => addAll!(1, [type, 1])).toThrow(
          `expected parameter 2 to be of a type that can be passed, got "${type}"`,
        );
      expect(() => addAll!()).toThrow('takes at least 1 argument, got 0');
    });

    it.skipIf(name === 'ffi-napi')(
      'reading and variadic calls cost no type each, which koffi would keep',
      () => {
        const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
        const { load } = koffi;
        const made: string[] = [];
        const array = vi.spyOn(koffi, 'array');
        const spy = vi.spyOn(koffi, 'load').mockImplementation((...args) => {
          const library = load(...args);
          return new Proxy(library, {
            get: (_, key) =>
              key === 'func'
                ? (symbol: string, ...types: [string, string[]]) => {
                    made.push(symbol);
                    return library.func(symbol, ...types);
                  }
                : (library[key as keyof typeof library] as () => void).bind(library),
          });
        });
        try {
          const { addAll, point } = open({
            addAll: 'double add_all(int32_t n, ...)',
            point: 'Point *point_new(double x)',
          });
          const pointer = point!(1) as NativePointer;
          for (let i = 1; i < 16; i++) pointer.read('int8_t', i);
          const values = Object.entries({ int: 1, uint: 2, int64_t: 3, 'const char *': 'x' });
          for (const one of values) for (const two of values) addAll!(0, one, two);
          expect(array).not.toHaveBeenCalled();
          // As it is declared, and with what stands for "...".
          expect(made.filter((symbol) => symbol === 'add_all')).toHaveLength(2);
        } finally {
          array.mockRestore();
          spy.mockRestore();
        }
      },
    );
  });

  describe('asynchronous calls', () => {
    it('run beside the event loop, and the same function both ways', async () => {
      const { wait, waitAsync } = open({
        wait: 'void wait_ms(int32_t ms)',
        waitAsync: ['void wait_ms(int32_t ms)', { async: true }],
      });
      let ticks = 0;
      const timer = setInterval(() => ticks++, 5);
      await waitAsync!(100);
      clearInterval(timer);
      expect(ticks).toBeGreaterThan(1);
      expect(wait!(1)).toBeUndefined();
    });

    it('take and fill structs, buffers and texts', async () => {
      const { make, fill, duplicate } = open({
        make: ['void point_make(double x, double y, _Out_ Point *out)', { async: true }],
        fill: ['void fill(uint8_t *bytes, size_t n, uint8_t value)', { async: true }],
        duplicate: ['char *duplicate(const char *text)', { async: true, freedBy: 'give_back' }],
      });
      const point = {};
      const bytes = Buffer.alloc(3);
      await Promise.all([make!(1, 2, point), fill!(bytes, 3, 4)]);
      expect([point, [...bytes], await duplicate!('grün')]).toEqual([{ x: 1, y: 2 }, [4, 4, 4], 'grün']);
    });

    it('wrong arguments reject', async () => {
      const { wait } = open({ wait: ['void wait_ms(int32_t ms)', { async: true }] });
      await expect(wait!('x')).rejects.toThrow('expected parameter 1 "ms" to be an integer');
      await expect(wait!()).rejects.toThrow('takes 1 argument, got 0');
    });

    it('a thousand at a time, with texts that are still theirs when their turn comes', async () => {
      const { duplicate } = open({
        duplicate: ['char *duplicate(const char *text)', { async: true, freedBy: 'give_back' }],
      });
      const texts = Array.from({ length: 1000 }, (_, i) => `text number ${i}`);
      expect(await Promise.all(texts.map((text) => duplicate!(text)))).toEqual(texts);
    });

    it('are waited for when the library is closed; new ones are refused', async () => {
      const library = open({
        wait: ['void wait_ms(int32_t ms)', { async: true }],
        count: 'int32_t boxes_open(void)',
      });
      const calls = Array.from({ length: 20 }, () => library['wait']!(5));
      let isDone = false;
      void Promise.all(calls).then(() => (isDone = true));
      const closing = closeNativeLibrary(library);
      await expect(library['wait']!(1)).rejects.toThrow(
        'was called while its native library was being closed',
      );
      expect(library['count']!()).toBe(0);
      await closing;
      await new Promise(setImmediate);
      expect(isDone).toBe(true);
      await expect(library['wait']!(1)).rejects.toThrow('was called after its native library was closed');
      expect(tuttiErrorOf(() => library['count']!()).code).toBe('ILLEGAL_STATE');
    });

    it('end when a signal aborts', async () => {
      const { wait } = open({ wait: ['int32_t wait_for(const volatile int32_t *flag)', { async: true }] });
      const controller = new AbortController();
      const waited = wait!(cancellationFlag(controller.signal));
      controller.abort();
      expect(await waited).toBeGreaterThanOrEqual(0);
      expect(await wait!(cancellationFlag(controller.signal))).toBe(0);
    });

    it('one at a time for a library that is not thread-safe, whoever calls', async () => {
      const declarations: Declarations = {
        enter: ['int32_t enter(void)', { async: true }],
        most: 'int32_t most_inside(void)',
      };
      const [first, second] = [open(declarations, { serial: true }), open(declarations, { serial: true })];
      const calls = Array.from({ length: 6 }, (_, i) => (i % 2 === 0 ? first : second)['enter']!());
      expect(() => first['most']!()).toThrow('the library takes one call at a time (serial: true)');
      await Promise.all(calls);
      expect(first['most']!()).toBe(1);
      const parallel = open(declarations);
      await Promise.all(Array.from({ length: 6 }, () => parallel['enter']!()));
      expect(parallel['most']!()).toBeGreaterThan(1);
    });
  });
});

import type { LoweredSignature, LoweredType } from '../backend/backend.js';
import type { CallFrame } from './call-frame.js';
import type { CallScope } from './open-library.js';
import { parameterCodec, type ParameterCodec } from './parameter-codec.js';
import { RecentMap } from '../backend/recent-map.js';
import { ValueMismatch } from '../c/scalar-memory.js';

/** The arguments behind `...`, lowered. */
export interface VariadicArguments {
  readonly values: readonly unknown[];
  /** The signature with them; the same object for the same types. */
  signature(fixed: LoweredSignature): LoweredSignature;
}

/** C passes these wider where a function is variadic. */
const PROMOTED: Readonly<Record<string, LoweredType>> = {
  float: 'double',
  bool: 'int32_t',
  int8_t: 'int32_t',
  int16_t: 'int32_t',
  uint8_t: 'int32_t',
  uint16_t: 'int32_t',
};

/** Programs that put types together at run time could make ever more of them. */
const REMEMBERED_TYPES = 100;

/** The arguments of variadic functions: `[type, value]` each, e.g. `['int', 5]`. */
export class VariadicCalls {
  readonly #scope: CallScope;
  readonly #codecs = new RecentMap<string, ParameterCodec>(REMEMBERED_TYPES);
  readonly #signatures = new RecentMap<string, LoweredSignature>(REMEMBERED_TYPES);

  constructor(scope: CallScope) {
    this.#scope = scope;
  }

  /** @throws ValueMismatch; `onEach` is called before each argument but the first, to know which it was */
  lower(args: readonly unknown[], frame: CallFrame, onEach: () => void): VariadicArguments {
    const types: LoweredType[] = [];
    const values = args.map((arg, i) => {
      if (i > 0) onEach();
      if (!Array.isArray(arg) || arg.length !== 2 || typeof arg[0] !== 'string') {
        throw new ValueMismatch("a type and a value, e.g. ['int', 5] or ['const char *', 'text']", arg);
      }
      const [type, value] = arg as [string, unknown];
      const codec = this.#codec(type);
      const promoted = typeof codec.lowered === 'string' ? PROMOTED[codec.lowered] : undefined;
      types.push(promoted ?? codec.lowered);
      const lowered = codec.lower(value, frame);
      return typeof lowered === 'boolean' ? Number(lowered) : lowered;
    });
    const key = args.map((arg) => (arg as [string])[0]).join('\0');
    return { values, signature: (fixed) => this.#signature(key, fixed, types) };
  }

  #codec(type: string): ParameterCodec {
    return this.#codecs.getOr(type, () => {
      const parsed = this.#scope.library.parseType(type);
      const kind = typeof parsed === 'string' ? parsed : parsed.kind;
      if (kind === 'void' || kind === 'opaque' || kind === 'array')
        throw new ValueMismatch('of a type that can be passed', type);
      return parameterCodec({ name: undefined, type: parsed }, this.#scope, undefined);
    });
  }

  #signature(key: string, fixed: LoweredSignature, types: readonly LoweredType[]): LoweredSignature {
    return this.#signatures.getOr(key, () => {
      return { ...fixed, parameters: [...fixed.parameters, ...types], variadicOf: fixed };
    });
  }
}

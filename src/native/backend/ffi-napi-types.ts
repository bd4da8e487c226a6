/** The parts of `ffi-napi` and `ref-napi` that are used here; the packages are optional, and so are their types. */
/** The name of a type, or a type as `ref-napi` describes it. */
export type FfiType = string | { readonly size: number; readonly indirection: number };

export type FfiFunction = ((...args: unknown[]) => unknown) & { async: (...args: unknown[]) => void };

export interface FfiNapi {
  readonly ForeignFunction: (pointer: Buffer, result: FfiType, parameters: readonly FfiType[]) => FfiFunction;
  readonly VariadicForeignFunction: (
    pointer: Buffer,
    result: FfiType,
    parameters: readonly FfiType[],
  ) => (...types: FfiType[]) => FfiFunction;
  readonly DynamicLibrary: {
    new (path: string | null, mode: number): { get(symbol: string): Buffer; close(): void; path(): string };
    readonly FLAGS: { readonly RTLD_NOW: number };
  };
  readonly Library: (...args: unknown[]) => object;
  readonly Callback: (
    result: FfiType,
    parameters: readonly FfiType[],
    fn: (...args: unknown[]) => unknown,
  ) => Buffer;
  readonly errno: () => number;
  readonly types: Record<string, FfiType>;
}

export interface RefNapi {
  isNull(buffer: Buffer): boolean;
  hexAddress(buffer: Buffer): string;
  readPointer(buffer: Buffer, offset: number, length: number): Buffer;
  readCString(buffer: Buffer, offset: number): string;
  refType(type: FfiType): FfiType;
}

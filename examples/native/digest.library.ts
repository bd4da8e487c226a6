import { native, NativeLibrary, type NativePointer } from 'tutti/native';

/** OpenSSL's digests. A context that is still open is closed together with the library. */
@NativeLibrary(process.platform === 'darwin' ? 'libcrypto.3.dylib' : 'libcrypto.so.3', {
  types: 'typedef struct EVP_MD EVP_MD; typedef struct ENGINE ENGINE;',
  handles: { EVP_MD_CTX: 'EVP_MD_CTX_free' },
})
export class Digests {
  @native('const EVP_MD *EVP_get_digestbyname(const char *name)')
  private readonly byName!: (name: string) => NativePointer | null;
  @native('EVP_MD_CTX *EVP_MD_CTX_new(void)') private readonly newContext!: () => NativePointer;
  @native('void EVP_MD_CTX_free(EVP_MD_CTX *context)')
  private readonly freeContext!: (context: NativePointer) => void;
  @native('int EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *type, ENGINE *engine)')
  private readonly init!: (context: NativePointer, type: NativePointer, engine: null) => number;
  @native('int EVP_DigestUpdate(EVP_MD_CTX *context, const void *bytes, size_t length)', { async: true })
  private readonly update!: (context: NativePointer, bytes: Uint8Array, length: number) => Promise<number>;
  @native('int EVP_DigestFinal_ex(EVP_MD_CTX *context, uint8_t *digest, _Out_ unsigned int *length)')
  private readonly final!: (context: NativePointer, digest: Uint8Array, length: number[]) => number;

  /** The digest of all chunks, in hexadecimal. Chunks are read in place, off the event loop. */
  async hex(name: string, chunks: Iterable<Uint8Array>): Promise<string> {
    const type = this.byName(name);
    if (type === null) throw new RangeError(`OpenSSL has no digest "${name}"`);
    const context = this.newContext();
    try {
      this.init(context, type, null);
      for (const chunk of chunks) await this.update(context, chunk, chunk.length);
      const digest = Buffer.alloc(64); // EVP_MAX_MD_SIZE
      const length: number[] = [];
      this.final(context, digest, length);
      return digest.toString('hex', 0, length[0]);
    } finally {
      this.freeContext(context);
    }
  }
}

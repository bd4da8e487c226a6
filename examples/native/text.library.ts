import { native, NativeLibrary, type NativePointer } from 'tutti/native';

export interface TextStats {
  readonly words: number;
  readonly lines: number;
  readonly mean_word_length: number;
}

/** `native/text/text.cpp`. */
@NativeLibrary('text', {
  types: 'typedef struct { uint32_t words, lines; double mean_word_length; } TextStats;',
  handles: { text_counter: 'text_counter_close' },
})
export class TextLibrary {
  // `const char *` belongs to the library: it is copied.
  @native('const char *text_version(void)') readonly version!: () => string;
  // `char *` belongs to us: it is copied, then freed with the library's own function.
  @native('char *text_upper(const char *text)', { freedBy: 'text_free' })
  readonly upper!: (text: string) => string;
  @native('int text_split(const char *text, char separator, _Out_ char **before, _Out_ char **after)', {
    freedBy: { before: 'text_free', after: 'text_free' },
  })
  private readonly splitInto!: (text: string, separator: number, before: string[], after: string[]) => number;
  @native('TextStats text_stats(const char *text)') readonly stats!: (text: string) => TextStats;
  @native('uint32_t text_each_word(const char *text, bool (*visit)(const char *word, uint32_t index))')
  readonly eachWord!: (text: string, visit: (word: string, index: number) => boolean) => number;

  @native('text_counter *text_counter_open(void)') readonly openCounter!: () => NativePointer;
  @native('void text_counter_add(text_counter *counter, const char *text)')
  readonly addToCounter!: (counter: NativePointer, text: string) => void;
  @native('uint32_t text_counter_get(const text_counter *counter, const char *word)')
  readonly countOf!: (counter: NativePointer, word: string) => number;
  @native('void text_counter_close(text_counter *counter)')
  readonly closeCounter!: (counter: NativePointer) => void;
  @native('int text_counters_open(void)') readonly openCounters!: () => number;

  split(text: string, separator: string): [before: string, after: string] | undefined {
    const [before, after]: [string[], string[]] = [[], []];
    const isFound = this.splitInto(text, separator.charCodeAt(0), before, after) === 1;
    return isFound ? [before[0]!, after[0]!] : undefined;
  }
}

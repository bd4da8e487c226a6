/** What the server asks its script thread to run. The input travels as JSON, which the interpreter reads itself. */
export interface ScriptRequest {
  readonly id: number;
  readonly language: 'javascript' | 'jq';
  readonly expression: string;
  readonly inputJson: string;
  readonly timeoutMs: number;
  readonly memoryBytes: number;
}

export type ScriptReply =
  { readonly id: number; readonly valueJson: string } | { readonly id: number; readonly error: string };

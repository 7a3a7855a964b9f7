/** What goes out of the components, and the words they use. */

/** What a user can ask for. */
export interface IWishes {
  start(): void;
  pause(name: string): void;
  resume(name: string): void;
  cancel(runId: string): void;
  copy(text: string): void;
  dismiss(): void;
}

/** JupyterLab's translation bundle, or something like it. */
export interface IWords {
  __(text: string, ...args: any[]): string;
  _n(singular: string, plural: string, n: number, ...args: any[]): string;
}

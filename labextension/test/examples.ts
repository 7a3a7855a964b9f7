import type { IFunction, IRun } from '../src/model';
import type { IWishes, IWords } from '../src/wishes';

export function run(id: string, state: string, more: Partial<IRun> = {}): IRun {
  return {
    id,
    function: 'daily_delays',
    version: 3,
    trigger: 'daily_delays-1',
    state,
    reason: '',
    attempts: 1,
    created: '2026-11-24T08:00:00.000000Z',
    started: '2026-11-24T08:00:00.100000Z',
    ended: null,
    duration_ms: 41.3,
    memory_mb: 512,
    max_memory_mb: 60,
    cost_usd: '0.0000006833335',
    worker: 'w1',
    cold: false,
    error: null,
    result: null,
    ...more
  };
}

export function fn(name: string, more: Partial<IFunction> = {}): IFunction {
  return { name, version: 1, state: 'active', triggers: [], runs: {}, cost_usd: '0', ...more };
}

const filled = (text: string, args: any[]) =>
  text.replace(/%(\d)/g, (_, i) => String(args[Number(i) - 1]));

export const words: IWords = {
  __: (text, ...args) => filled(text, args),
  _n: (one, many, n, ...args) => filled(n === 1 ? one : many, [n, ...args])
};

/** Wishes that are written down. */
export function wishes(): IWishes & { said: any[][] } {
  const said: any[][] = [];
  const note =
    (what: string) =>
    (...args: any[]) =>
      void said.push([what, ...args]);
  return {
    said,
    start: note('start'),
    pause: note('pause'),
    resume: note('resume'),
    cancel: note('cancel'),
    copy: note('copy'),
    dismiss: note('dismiss')
  };
}

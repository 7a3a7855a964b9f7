/**
 * What the panel shows, as a value, and how pushed events change it. No I/O, no clock.
 */

/** A run, as `jupyter fn runs --json` gives it; only what the panel reads. */
export interface IRun {
  id: string;
  function: string;
  version: number;
  trigger: string;
  state: string;
  reason: string;
  attempts: number;
  created: string;
  started: string | null;
  ended: string | null;
  duration_ms: number;
  memory_mb: number;
  max_memory_mb: number;
  cost_usd: string;
  worker: string;
  cold: boolean;
  error: { type: string; message: string; traceback?: string } | null;
  result: unknown;
}

export interface ITrigger {
  id: string;
  uri: string;
  state: string;
  lag: number | null;
}

/** A function, as `jupyter fn ls --json` gives it. */
export interface IFunction {
  name: string;
  version: number;
  state: string;
  triggers: ITrigger[];
  runs: { [state: string]: number };
  cost_usd: string;
}

/** What went wrong, and what to do: the `error` of every answer. */
export interface IFault {
  type: string;
  message: string;
  remedy: string;
}

/** One server-sent event, its data parsed. */
export interface IPushed {
  event: string;
  data: any;
}

export type Service = 'unknown' | 'absent' | 'starting' | 'running';

export interface IState {
  /** Whether the Jupyter server answers. */
  linked: boolean;
  service: Service;
  /** The functions have been listed since the service was last seen to start. */
  loaded: boolean;
  functions: ReadonlyArray<IFunction>;
  /** Running ones first, then those that wait for their turn, oldest first. */
  live: ReadonlyArray<IRun>;
  /** The last that ended first. */
  ended: ReadonlyArray<IRun>;
  progress: { readonly [runId: string]: number };
  fault: IFault | null;
}

export const MOST_LIVE = 50;
export const MOST_ENDED = 100;

export const NOTHING: IState = {
  linked: true,
  service: 'unknown',
  loaded: false,
  functions: [],
  live: [],
  ended: [],
  progress: {},
  fault: null
};

const LIVE = ['running', 'waiting', 'queued'];

export function isLive(run: IRun): boolean {
  return LIVE.includes(run.state);
}

/** The state after the service listed everything. */
export function listed(state: IState, functions: IFunction[], runs: IRun[]): IState {
  const fresh = { ...state, loaded: true, functions: byName(functions), live: [], ended: [] };
  return withRuns(fresh, runs);
}

/** The state after one pushed event. Events of a kind that is not shown change nothing. */
export function pushed(state: IState, { event, data }: IPushed): IState {
  switch (event) {
    case 'service':
      return data.running
        ? { ...state, service: 'running', fault: null }
        : { ...NOTHING, service: state.service === 'starting' ? 'starting' : 'absent' };
    case 'function':
      return withFunction(state, data);
    case 'run':
      return withRuns(state, [data]);
    case 'progress':
      return withProgress(state, data);
    default:
      return state;
  }
}

function byName(functions: ReadonlyArray<IFunction>): IFunction[] {
  return [...functions].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function withFunction(state: IState, data: IFunction & { removed?: string }): IState {
  const name = data.removed ?? data.name;
  const others = state.functions.filter(each => each.name !== name);
  return { ...state, functions: data.removed ? others : byName([...others, data]) };
}

function withRuns(state: IState, runs: IRun[]): IState {
  const over = new Set(state.ended.map(run => run.id));
  // Terminal is final: what was pushed before a listing may arrive after it.
  const news = runs.filter(run => !(isLive(run) && over.has(run.id)));
  const ids = new Set(news.map(run => run.id));
  const kept = [...state.live, ...state.ended].filter(run => !ids.has(run.id));
  const all = [...kept, ...news];
  const live = all.filter(isLive).sort(byTurn).slice(0, MOST_LIVE);
  const ended = all
    .filter(run => !isLive(run))
    .sort(byEnd)
    .slice(0, MOST_ENDED);
  const running = new Set(live.map(run => run.id));
  const progress = Object.fromEntries(
    Object.entries(state.progress).filter(([id]) => running.has(id))
  );
  return { ...state, live, ended, progress };
}

function byTurn(a: IRun, b: IRun): number {
  return LIVE.indexOf(a.state) - LIVE.indexOf(b.state) || compare(a.created, b.created);
}

function byEnd(a: IRun, b: IRun): number {
  return compare(b.ended ?? b.created, a.ended ?? a.created);
}

/** ISO 8601 UTC texts of one precision sort as times do. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function withProgress(
  state: IState,
  data: { run_id: string; done: number; total: number }
): IState {
  if (!(data.total > 0)) {
    return state;
  }
  const part = Math.min(1, Math.max(0, data.done / data.total));
  return { ...state, progress: { ...state.progress, [data.run_id]: part } };
}

/**
 * Keeps an IState true: lists by REST, then follows the pushed events; comes back after every break; silent when closed.
 */

import { IFault, IPushed, IState, NOTHING, listed, pushed } from './model';

/** The server extension, or something like it. Paths are relative to it; a refusal is thrown as a Refusal. */
export interface IBackend {
  request(method: string, path: string): Promise<any>;
  /** Opens the stream; ends with an error or with the stream. */
  stream(path: string, signal: AbortSignal): AsyncIterable<IPushed>;
}

/** An answer that says no. */
export class Refusal extends Error {
  constructor(readonly fault: IFault) {
    super(fault.message);
  }
}

export interface IClock {
  /** Resolves after `ms`, or rejects when the signal fires. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  random(): number;
}

/** Not worth telling: the stream says it too, and says when it is over. */
const GONE = 'ServiceNotRunning';
const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 15000;

export class Feed {
  constructor(
    private readonly backend: IBackend,
    private readonly changed: (state: IState) => void,
    private readonly clock: IClock = BROWSER
  ) {}

  get state(): IState {
    return this._state;
  }

  /** Begin, or go on, to follow. */
  open(): void {
    if (!this.abort) {
      this.abort = new AbortController();
      void this.follow(this.abort.signal);
    }
  }

  /** Stop following. The last state stays. */
  close(): void {
    this.abort?.abort();
    this.abort = null;
  }

  /** Start the service. */
  async start(): Promise<void> {
    this.set({ ...this._state, service: 'starting', fault: null });
    try {
      await this.backend.request('POST', 'service/start');
    } catch (error) {
      this.set({ ...this._state, service: 'absent', fault: faultOf(error) });
    }
  }

  pause(name: string): Promise<void> {
    return this.act('function', `functions/${encodeURIComponent(name)}/pause`);
  }

  resume(name: string): Promise<void> {
    return this.act('function', `functions/${encodeURIComponent(name)}/resume`);
  }

  cancel(runId: string): Promise<void> {
    return this.act('run', `runs/${encodeURIComponent(runId)}/cancel`);
  }

  dismiss(): void {
    this.set({ ...this._state, fault: null });
  }

  private async act(event: string, path: string): Promise<void> {
    try {
      const data = await this.backend.request('POST', `api/v1/${path}`);
      this.set(pushed({ ...this._state, fault: null }, { event, data }));
    } catch (error) {
      this.set({ ...this._state, fault: faultOf(error) });
    }
  }

  private async follow(signal: AbortSignal): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      try {
        for await (const event of this.backend.stream('api/v1/events', signal)) {
          pause = FIRST_PAUSE_MS;
          await this.take(event);
        }
      } catch (error) {
        if (!signal.aborted && error instanceof Refusal && error.fault.type !== GONE) {
          this.set({ ...this._state, fault: error.fault });
        }
      }
      if (!signal.aborted) {
        this.set({ ...this._state, linked: false });
        await this.clock
          .wait(pause * (0.5 + this.clock.random() / 2), signal)
          .catch(() => undefined);
        pause = Math.min(pause * 2, LAST_PAUSE_MS);
      }
    }
  }

  private async take(event: IPushed): Promise<void> {
    this.set(pushed({ ...this._state, linked: true }, event));
    if (event.event === 'service' && this._state.service === 'running') {
      // The stream is open already, so nothing is missed between the listing and what is pushed after it.
      const [functions, runs] = await Promise.all([
        this.backend.request('GET', 'api/v1/functions'),
        this.backend.request('GET', 'api/v1/runs?last=100')
      ]);
      this.set(listed(this._state, functions, runs));
    }
  }

  private set(state: IState): void {
    this._state = state;
    this.changed(state);
  }

  private _state: IState = NOTHING;
  private abort: AbortController | null = null;
}

function faultOf(error: unknown): IFault {
  return error instanceof Refusal
    ? error.fault
    : {
        type: 'Error',
        message: error instanceof Error ? error.message : String(error),
        remedy: ''
      };
}

const BROWSER: IClock = {
  random: Math.random,
  wait: (ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    })
};

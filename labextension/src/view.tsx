/**
 * The panel as React components: an IState in, the user's wishes out. Nothing of JupyterLab in here.
 */

import * as React from 'react';

import { dollars } from './format';
import { FunctionCard } from './functions';
import { IconButton } from './glyphs';
import type { IFault, IState } from './model';
import { RunCard } from './runs';
import type { IWishes, IWords } from './wishes';

export interface IViewProps {
  state: IState;
  wishes: IWishes;
  words: IWords;
  now: Date;
}

/** Three cells, short enough for the panel. */
export const EXAMPLE = [
  '%load_ext jupyter_fn',
  '%%fn square\ndef handler(event):\n    return event.n ** 2',
  'square.invoke({"n": 12})'
];

export function View(props: IViewProps): JSX.Element {
  const { state, wishes, words } = props;
  return (
    <div className="jp-fn">
      <Status {...props} />
      {state.fault && <Fault fault={state.fault} wishes={wishes} words={words} />}
      {state.service === 'running' && state.loaded && <Lists {...props} />}
      {(state.service === 'absent' || state.service === 'starting') && <Absent {...props} />}
    </div>
  );
}

/** One line that a screen reader is told of whenever it changes. */
function Status({ state, words }: IViewProps): JSX.Element {
  return (
    <div className="jp-fn-status" role="status">
      <span className={`jp-fn-dot jp-fn-dot-${state.linked ? state.service : 'lost'}`} />
      <span className="jp-fn-status-text">{statusText(state, words)}</span>
      {state.linked && state.loaded && (
        <span className="jp-fn-total" title={words.__('Cost of all runs so far')}>
          {dollars(state.functions.reduce((sum, each) => sum + Number(each.cost_usd), 0))}
        </span>
      )}
    </div>
  );
}

function statusText(state: IState, words: IWords): string {
  if (!state.linked) {
    return words.__('Reconnecting…');
  }
  switch (state.service) {
    case 'running':
      return words.__('Service running');
    case 'starting':
      return words.__('Service is starting…');
    case 'absent':
      return words.__('Service is not running');
    default:
      return words.__('Connecting…');
  }
}

function Fault(props: { fault: IFault; wishes: IWishes; words: IWords }): JSX.Element {
  const { fault, wishes, words } = props;
  return (
    <div className="jp-fn-fault" role="alert">
      <div>
        <div>{fault.message}</div>
        {fault.remedy && <div className="jp-fn-quiet">{fault.remedy}</div>}
      </div>
      <IconButton glyph="close" label={words.__('Dismiss')} onClick={() => wishes.dismiss()} />
    </div>
  );
}

function Absent(props: IViewProps): JSX.Element {
  const { state, wishes, words } = props;
  const starting = state.service === 'starting';
  return (
    <div className="jp-fn-empty">
      <button className="jp-fn-start" onClick={() => wishes.start()} disabled={starting}>
        {starting ? words.__('Starting…') : words.__('Start the service')}
      </button>
      <p>{words.__('It also starts by itself when a function is published. In notebook cells:')}</p>
      <Cells wishes={wishes} words={words} />
    </div>
  );
}

function Lists(props: IViewProps): JSX.Element {
  const { state, wishes, words, now } = props;
  if (!state.functions.length && !state.ended.length && !state.live.length) {
    return <Welcome wishes={wishes} words={words} />;
  }
  return (
    <>
      <Section title={words.__('Functions')} count={state.functions.length}>
        {state.functions.map(each => (
          <FunctionCard key={each.name} fn={each} wishes={wishes} words={words} />
        ))}
      </Section>
      <Runs title={words.__('Live runs')} runs={state.live} {...{ state, wishes, words, now }} />
      {state.ended.length > 0 ? (
        <Runs
          title={words.__('Recent runs')}
          runs={state.ended}
          {...{ state, wishes, words, now }}
        />
      ) : (
        <p className="jp-fn-quiet jp-fn-note">{words.__('No run has ended yet.')}</p>
      )}
    </>
  );
}

function Runs(props: IViewProps & { title: string; runs: IState['live'] }): JSX.Element | null {
  const { title, runs, state, wishes, words, now } = props;
  return runs.length ? (
    <Section title={title} count={runs.length}>
      {runs.map(run => (
        <RunCard
          key={run.id}
          run={run}
          part={state.progress[run.id]}
          wishes={wishes}
          words={words}
          now={now}
        />
      ))}
    </Section>
  ) : null;
}

function Section(props: { title: string; count: number; children: React.ReactNode }): JSX.Element {
  const id = React.useId();
  return (
    <section aria-labelledby={id}>
      <h3 id={id} className="jp-fn-title">
        {props.title} <span className="jp-fn-count">{props.count}</span>
      </h3>
      <ul className="jp-fn-list">{props.children}</ul>
    </section>
  );
}

function Welcome({ wishes, words }: { wishes: IWishes; words: IWords }): JSX.Element {
  return (
    <div className="jp-fn-empty">
      <p>{words.__('No functions yet. In notebook cells:')}</p>
      <Cells wishes={wishes} words={words} />
      <p className="jp-fn-quiet">
        {words.__('With --on "incoming/*.csv" after the name it runs for every file that comes.')}
      </p>
    </div>
  );
}

function Cells({ wishes, words }: { wishes: IWishes; words: IWords }): JSX.Element {
  return (
    <>
      {EXAMPLE.map(cell => (
        <div key={cell} className="jp-fn-example">
          <pre>{cell}</pre>
          <IconButton glyph="copy" label={words.__('Copy')} onClick={() => wishes.copy(cell)} />
        </div>
      ))}
    </>
  );
}

// The live view of `fn.dashboard()`. Draws what the kernel pushes; no library, nothing fetched.

const OVER = ['succeeded', 'failed', 'dead', 'cancelled', 'split', 'unknown', 'skipped'];
const BAD = ['failed', 'dead', 'unknown'];

function node(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  made.append(...children.filter(child => child !== null));
  return made;
}

function duration(ms) {
  const s = ms / 1000;
  if (s < 1) return `${Math.round(ms)} ms`;
  if (s < 120) return `${Number(s.toPrecision(3))} s`;
  const minutes = Math.floor(s / 60);
  return minutes < 60 ? `${minutes} m ${Math.floor(s % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} m`;
}

function dollars(text) {
  const amount = Number(text);
  if (!(amount > 0)) return '$0';
  if (amount >= 0.01) return `$${amount.toFixed(2)}`;
  return `$${amount.toFixed(Math.min(14, 2 - Math.floor(Math.log10(amount)))).replace(/0+$/, '')}`;
}

function clock(iso) {
  return new Date(iso).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
}

const count = (functions, ...states) =>
  functions.reduce((sum, each) => sum + states.reduce((n, state) => n + (each.runs[state] ?? 0), 0), 0);

const word = state => node('span', { class: `jpfn-state jpfn-${state}` }, state);

function tile(name, value, kind = '') {
  return node('div', { class: `jpfn-tile ${kind}` }, node('b', {}, String(value)), node('span', {}, name));
}

function tiles(functions, cost) {
  const failed = count(functions, ...BAD);
  return [
    tile('functions', functions.length),
    tile('running', count(functions, 'running'), 'jpfn-running'),
    tile('waiting', count(functions, 'queued', 'waiting').toLocaleString()),
    tile('succeeded', count(functions, 'succeeded').toLocaleString(), 'jpfn-succeeded'),
    tile('failed', failed.toLocaleString(), failed ? 'jpfn-failed' : ''),
    tile('total cost', dollars(cost))
  ];
}

/** One bar per ended run, the newest on the right; its height grows with the logarithm of its duration. */
function strip(runs) {
  const ended = runs.filter(run => OVER.includes(run.state)).reverse();
  const most = Math.max(1, ...ended.map(run => Math.log1p(run.duration_ms)));
  return ended.map(run =>
    node('i', {
      class: `jpfn-${run.state}`,
      style: `height: ${Math.round(15 + (85 * Math.log1p(run.duration_ms)) / most)}%`,
      title: `${run.function}: ${run.state}, ${duration(run.duration_ms)}, ${dollars(run.cost_usd)}`
    })
  );
}

function table(titles, rows, empty) {
  if (!rows.length) return node('p', { class: 'jpfn-quiet' }, empty);
  const head = titles.map(title => node('th', { scope: 'col' }, title));
  const body = rows.map(cells => node('tr', {}, ...cells.map(cell => node('td', {}, cell))));
  return node('table', {}, node('thead', {}, node('tr', {}, ...head)), node('tbody', {}, ...body));
}

function functionRow(each) {
  const done = count([each], 'succeeded');
  const failed = count([each], ...BAD);
  const triggers = each.triggers.map(trigger => node('code', { title: trigger.uri }, trigger.uri));
  return [
    node('b', { title: each.name }, each.name),
    `v${each.version}`,
    word(each.state),
    node('span', { class: 'jpfn-triggers' }, ...triggers),
    done.toLocaleString(),
    failed ? node('span', { class: 'jpfn-state jpfn-failed' }, failed.toLocaleString()) : '0',
    dollars(each.cost_usd)
  ];
}

function runRow(run, now) {
  const since = run.state === 'running' && run.started ? Math.max(0, now - Date.parse(run.started)) : null;
  const took = since === null ? (OVER.includes(run.state) ? duration(run.duration_ms) : '') : duration(since);
  const error = run.error ? `${run.error.type}: ${run.error.message}` : '';
  return [
    word(run.state),
    node('b', { title: run.function }, run.function),
    `v${run.version}`,
    clock(run.ended ?? run.started ?? run.created),
    took,
    OVER.includes(run.state) ? dollars(run.cost_usd) : '',
    node('span', { class: 'jpfn-error', title: error }, error)
  ];
}

function render({ model, el }) {
  const status = node('div', { class: 'jpfn-status', role: 'status' });
  const top = node('div', { class: 'jpfn-tiles' });
  const bars = node('div', { class: 'jpfn-strip', 'aria-hidden': 'true' });
  const functions = node('div', { class: 'jpfn-scroll' });
  const runs = node('div', { class: 'jpfn-scroll jpfn-runs' });
  el.classList.add('jpfn-board');
  el.replaceChildren(
    node('style', {}, `.jp-OutputArea-child:has(.${model.get('twin')}) { display: none }`),
    status, top, bars, functions, runs
  );

  const draw = () => {
    const live = model.get('running');
    status.className = `jpfn-status ${live ? 'jpfn-live' : ''}`;
    status.textContent = live ? 'Live' : 'The service is not running';
    top.replaceChildren(...tiles(model.get('functions'), model.get('cost_usd')));
    bars.replaceChildren(...strip(model.get('runs')));
    functions.replaceChildren(
      table(
        ['function', '', 'state', 'triggers', 'succeeded', 'failed', 'cost'],
        model.get('functions').map(functionRow),
        'No functions yet.'
      )
    );
    runs.replaceChildren(
      table(
        ['state', 'run of', '', 'at', 'duration', 'cost', ''],
        model.get('runs').map(run => runRow(run, Date.now())),
        'No runs yet.'
      )
    );
  };
  let asked = 0;
  const soon = () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(draw);
  };
  const timer = setInterval(() => {
    if (!document.hidden && model.get('runs').some(run => run.state === 'running')) soon();
  }, 1000);
  const traits = ['functions', 'runs', 'cost_usd', 'running'];
  traits.forEach(name => model.on(`change:${name}`, soon));
  model.send({ views: 1 });
  draw();
  return () => {
    clearInterval(timer);
    cancelAnimationFrame(asked);
    traits.forEach(name => model.off(`change:${name}`, soon));
    model.send({ views: -1 });
  };
}

export default { render };

// For operators (superduper admins): health, requests and faults by the minute, and the last audit report.

import {session} from './api.js';
import {h, replace, s} from './dom.js';

const SECONDS_BETWEEN_LOOKS = 10;
const MINUTES = 60;
const ACCOUNTS_SHOWN = 50;

export async function showOperators(main) {
  const health = h('dl', {class: 'health'});
  const chart = h('div');
  const counts = h('dl', {class: 'health'});
  const report = h('div');
  const minutes = new Map();
  let before = null;

  async function look() {
    const [state, metrics] = await Promise.all([fetched('/health'), fetched('/console/operators/metrics')]);
    replace(health, terms(healthOf(JSON.parse(state || '{"status":"no answer"}'))));
    if (!metrics) return replace(chart, h('p', {}, 'There are no metrics.'));
    const now = sums(metrics);
    const minute = Math.floor(Date.now() / 60000);
    const kept = minutes.get(minute) || {requests: 0, faults: 0};
    if (before) {
      kept.requests += Math.max(0, now.requests - before.requests);
      kept.faults += Math.max(0, now.faults - before.faults);
    }
    minutes.set(minute, kept);
    before = now;
    replace(chart, bars(minutes, minute));
    replace(counts, terms(now.named));
  }

  replace(main, h('h1', {}, 'Operation'),
    h('section', {}, h('h2', {}, 'Health'), health),
    h('section', {}, h('h2', {}, 'Requests by the minute'), h('p', {}, 'Since this page was opened.'), chart, counts),
    h('section', {}, h('h2', {}, 'Last audit'), report));
  const timer = setInterval(look, 1000 * SECONDS_BETWEEN_LOOKS);
  await look();
  replace(report, audit(await fetched('/console/operators/audit')));
  return {dispose: () => clearInterval(timer)};
}

// The text of an answer, whatever its status, unless it is none of the service's; null where there is nothing.
async function fetched(path) {
  try {
    const answer = await fetch(path, {headers: {'X-Auth-Token': session.token}, cache: 'no-store'});
    return answer.ok || answer.status === 503 ? await answer.text() : null;
  } catch {
    return null;
  }
}

function terms(pairs) { return pairs.map(([name, value]) => [h('dt', {}, name), h('dd', {}, String(value))]); }

function healthOf(state) {
  const store = state.store || {};
  return [
    ['Service', state.status], ['Store', [store.state, store.engine, store.message].filter(Boolean).join(', ')],
    ['Broker', state.broker || ''],
    ...Object.entries(store.nodes || {}).map(([name, value]) => [`Node ${name}`, value]),
    ...Object.entries(store.coordinator || {}).map(([name, value]) => [`Coordinator of ${name}`, value]),
  ];
}

// What counts, summed over nouns and verbs.
function sums(text) {
  const found = {requests: 0, faults: 0, named: []};
  for (const line of text.split('\n')) {
    const match = /^connectivity_(\w+)_total(\{[^}]*\})? ([0-9.e+]+)$/.exec(line);
    if (!match) continue;
    const [, name, labels = '', value] = match;
    if (name === 'requests') {
      found.requests += Number(value);
      if (/status="5\d\d"/.test(labels)) found.faults += Number(value);
    } else found.named.push([`${name.replaceAll('_', ' ')} ${labels}`.trim(), Number(value)]);
  }
  return found;
}

// A line that is still being written is left out.
function lineOf(line) {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}

function bars(minutes, newest) {
  const shown = Array.from({length: MINUTES}, (_, index) => newest - MINUTES + 1 + index);
  const of = (minute) => minutes.get(minute) || {requests: 0, faults: 0};
  const most = Math.max(1, ...shown.map((minute) => of(minute).requests));
  const last = of(newest);
  return s('svg', {viewBox: `0 0 ${MINUTES * 12} 120`, class: 'chart', role: 'img',
    'aria-label': `In this minute ${last.requests} requests, ${last.faults} of them faults`},
  shown.flatMap((minute, index) => ['requests', 'faults'].map((kind) => {
    const height = 100 * of(minute)[kind] / most;
    return s('rect', {class: kind, x: index * 12, y: 100 - height, width: 10, height});
  })),
  s('text', {x: 0, y: 116}, `At most ${most} a minute; in this minute ${last.requests}, ${last.faults} faults`));
}

// The output of `audit --json`, a line for each account.
function audit(text) {
  if (!text) return h('p', {}, 'No report was saved where AUDIT_REPORT says.');
  const accounts = text.split('\n').flatMap(lineOf)
    .map((account) => ({...account, errors: account.findings.filter((finding) => finding.severity === 'error').length}))
    .filter((account) => account.findings.length)
    .sort((one, other) => other.errors - one.errors || other.findings.length - one.findings.length);
  return [h('p', {}, `${accounts.length} accounts with findings`), accounts.slice(0, ACCOUNTS_SHOWN).map((account) =>
    h('details', {}, h('summary', {}, `${account.name || account.account_id}: ${account.errors} errors, ${account.findings.length} findings`),
      h('ul', {}, account.findings.map((finding) => h('li', {class: finding.severity},
        `${finding.severity} ${finding.rule}: ${finding.document_id} ${finding.path}: ${finding.message}`)))))];
}

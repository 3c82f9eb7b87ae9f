// For operators (superduper admins): health, requests and errors per minute, and the last audit report.

import {session} from './api.js';
import {h, replace, s} from './dom.js';

const REFRESH_SECONDS = 10;
const MINUTES = 60;
const ACCOUNTS_SHOWN = 50;

export async function showOperators(main) {
  const health = h('dl', {class: 'health'});
  const chart = h('div');
  const counts = h('dl', {class: 'health'});
  const report = h('div');
  const minutes = new Map();
  let previous = null;

  async function refresh() {
    const [state, metrics] = await Promise.all([fetchText('/health'), fetchText('/console/operators/metrics')]);
    replace(health, terms(healthOf(JSON.parse(state || '{"status":"no answer"}'))));
    if (!metrics) return replace(chart, h('p', {}, 'There are no metrics.'));
    const totals = totalsOf(metrics);
    const minute = Math.floor(Date.now() / 60000);
    const counted = minutes.get(minute) || {requests: 0, faults: 0};
    if (previous) {
      counted.requests += Math.max(0, totals.requests - previous.requests);
      counted.faults += Math.max(0, totals.faults - previous.faults);
    }
    minutes.set(minute, counted);
    previous = totals;
    replace(chart, bars(minutes, minute));
    replace(counts, terms(totals.others));
  }

  replace(main, h('h1', {}, 'Operation'),
    h('section', {}, h('h2', {}, 'Health'), health),
    h('section', {}, h('h2', {}, 'Requests per minute'), h('p', {}, 'Since this page was opened.'), chart, counts),
    h('section', {}, h('h2', {}, 'Last audit'), report));
  const timer = setInterval(refresh, 1000 * REFRESH_SECONDS);
  await refresh();
  replace(report, audit(await fetchText('/console/operators/audit')));
  return {dispose: () => clearInterval(timer)};
}

// The text of a successful answer or a 503; null for any other answer.
async function fetchText(path) {
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

// The totals of requests and of 5xx answers, and all other counters.
function totalsOf(text) {
  const totals = {requests: 0, faults: 0, others: []};
  for (const line of text.split('\n')) {
    const match = /^connectivity_(\w+)_total(\{[^}]*\})? ([0-9.e+]+)$/.exec(line);
    if (!match) continue;
    const [, name, labels = '', value] = match;
    if (name === 'requests') {
      totals.requests += Number(value);
      if (/status="5\d\d"/.test(labels)) totals.faults += Number(value);
    } else totals.others.push([`${name.replaceAll('_', ' ')} ${labels}`.trim(), Number(value)]);
  }
  return totals;
}

// The object in a line of JSON, in an array. The array is empty if the line is incomplete.
function parseLine(line) {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}

function bars(minutes, newest) {
  const shown = Array.from({length: MINUTES}, (_, index) => newest - MINUTES + 1 + index);
  const countsOf = (minute) => minutes.get(minute) || {requests: 0, faults: 0};
  const most = Math.max(1, ...shown.map((minute) => countsOf(minute).requests));
  const latest = countsOf(newest);
  return s('svg', {viewBox: `0 0 ${MINUTES * 12} 120`, class: 'chart', role: 'img',
    'aria-label': `This minute: ${latest.requests} requests, ${latest.faults} errors`},
  shown.flatMap((minute, index) => ['requests', 'faults'].map((kind) => {
    const height = 100 * countsOf(minute)[kind] / most;
    return s('rect', {class: kind, x: index * 12, y: 100 - height, width: 10, height});
  })),
  s('text', {x: 0, y: 116}, `Peak: ${most} per minute. This minute: ${latest.requests}, ${latest.faults} errors`));
}

// Shows the output of `audit --json`, which has a line for each account.
function audit(text) {
  if (!text) return h('p', {}, 'AUDIT_REPORT names no report.');
  const accounts = text.split('\n').flatMap(parseLine)
    .map((account) => ({...account, errors: account.findings.filter((finding) => finding.severity === 'error').length}))
    .filter((account) => account.findings.length)
    .sort((a, b) => b.errors - a.errors || b.findings.length - a.findings.length);
  return [h('p', {}, `${accounts.length} accounts with findings`), accounts.slice(0, ACCOUNTS_SHOWN).map((account) =>
    h('details', {}, h('summary', {}, `${account.name || account.account_id}: ${account.errors} errors, ${account.findings.length} findings`),
      h('ul', {}, account.findings.map((finding) => h('li', {class: finding.severity},
        `${finding.severity} ${finding.rule}: ${finding.document_id} ${finding.path}: ${finding.message}`)))))];
}

// For operators (superduper admins): the requests and the health of the instance that answers, and the last audit report.

import {fetchPage, session} from './api.js';
import {attempt, badge, h, replace, s} from './dom.js';
import {t} from './texts.js';

const TEXTS = t.operators;
const REFRESH_SECONDS = 10;
const MINUTES = 60;
const ACCOUNTS_SHOWN = 50;
const LOOKS = {
  ok: 'success', up: 'success', connected: 'success', error: 'danger', down: 'danger', 'not connected': 'warning',
  warning: 'warning', note: 'secondary',
};
// Of the chart, in pixels. It is drawn at its true size, so that its text stays readable on small screens.
const HEIGHT = 220;
const TOP = 26;
const BOTTOM = 24;
const RIGHT = 8;
const FONT = 13;
const DIGIT = 8;
const LABEL = 40;
const ROOM = 120;
const MOST_STEPS = 4;
// What a bar consists of, from the bottom up.
const PARTS = [
  ['server_errors', 'text-danger'], ['client_errors', 'text-warning'], ['succeeded', 'text-primary'],
];

export async function showOperators(main) {
  const headline = h('div', {class: 'row row-cols-2 row-cols-md-4 g-2 mb-3'});
  const health = h('div');
  const counters = h('tbody');
  const report = h('div');
  const chart = new Chart();

  async function refresh() {
    const [state, metrics, hour] = await Promise.all([
      read(`/health?account_id=${encodeURIComponent(session.accountId)}`),
      read('/console/operators/metrics'), read('/console/operators/requests'),
    ]);
    replace(health, healthOf((state && parseLine(state.text)[0]) || {status: TEXTS.noAnswer}));
    if (!metrics || !hour) return replace(headline, h('p', {class: 'col'}, TEXTS.noNumbers));
    const totals = totalsOf(metrics.text);
    const {started, now, minutes} = JSON.parse(hour.text);
    replace(headline, headlineOf(totals, started));
    replace(counters, totals.others.map(([name, number]) => h('tr', {}, h('td', {}, name), h('td', {class: 'text-end'}, format(number)))));
    chart.show(minutes, started, now);
  }

  replace(main, h('h1', {class: 'h3'}, TEXTS.title),
    h('p', {class: 'text-body-secondary'}, TEXTS.ofInstance), headline,
    card(TEXTS.lastHour, chart.element),
    card(TEXTS.health, health, h('details', {class: 'mt-2'}, h('summary', {}, TEXTS.counters),
      h('div', {class: 'health d-block'}, table('', [TEXTS.counter, TEXTS.number], counters)))),
    card(TEXTS.audit, report));
  await refresh();
  const audit = await read('/console/operators/audit');
  replace(report, audit && audit.text ? auditOf(audit) : noAudit());
  const timer = setInterval(() => attempt(refresh), 1000 * REFRESH_SECONDS);
  return {dispose: () => { clearInterval(timer); chart.dispose(); }};
}

// The text and the time of a successful answer or a 503; null for any other answer.
async function read(path) {
  const answer = await fetchPage(path).catch(() => null);
  if (!answer || (!answer.ok && answer.status !== 503)) return null;
  return {text: await answer.text(), changed: answer.headers.get('Last-Modified')};
}

const badgeOf = (text) => badge(text, LOOKS[text] || 'secondary');

function language() { return document.documentElement.lang || undefined; }

function format(number) { return number.toLocaleString(language()); }

function formatDate(date) { return date.toLocaleString(language(), {dateStyle: 'medium', timeStyle: 'short'}); }

function formatMinute(at) {
  return new Date(at * 1000).toLocaleTimeString(language(), {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'});
}

function card(title, ...content) {
  return h('section', {class: 'card mb-3'}, h('div', {class: 'card-body'}, h('h2', {class: 'card-title h5'}, title), content));
}

function table(caption, heads, body) {
  return h('table', {class: 'table table-sm align-middle mb-0'}, caption && h('caption', {class: 'caption-top'}, caption),
    h('thead', {}, h('tr', {}, heads.map((head, index) => h('th', {scope: 'col', class: index ? 'text-end' : ''}, head)))), body);
}

// The totals of requests by kind of answer, and all other counters with readable names.
function totalsOf(text) {
  const totals = {requests: 0, clientErrors: 0, serverErrors: 0, others: []};
  for (const line of text.split('\n')) {
    const match = /^connectivity_(\w+)_total(\{[^}]*\})? ([0-9.e+]+)$/.exec(line);
    if (!match) continue;
    const [, name, labels = '', value] = match;
    if (name === 'requests') {
      totals.requests += Number(value);
      if (/status="4\d\d"/.test(labels)) totals.clientErrors += Number(value);
      if (/status="5\d\d"/.test(labels)) totals.serverErrors += Number(value);
    } else {
      const values = [...labels.matchAll(/"([^"]*)"/g)].map(([, label]) => label);
      totals.others.push([[name.replaceAll('_', ' '), ...values].join(' '), Number(value)]);
    }
  }
  return totals;
}

function headlineOf(totals, started) {
  const counted = ['requests', 'clientErrors', 'serverErrors'].map((name) => [name, TEXTS[name], format(totals[name]), 'fs-3']);
  const since = ['since', TEXTS.since, formatDate(new Date(started * 1000)), 'fs-6'];
  return [...counted, since].map(([name, text, value, size]) => h('div', {class: 'col'}, h('div', {class: 'card h-100'},
    h('div', {class: 'card-body p-2'}, h('div', {class: 'text-body-secondary'}, text),
      h('div', {class: `${size} fw-semibold`, 'data-total': name}, value)))));
}

function healthOf(state) {
  const store = state.store || {};
  const pairs = [
    [TEXTS.service, badgeOf(state.status)], [TEXTS.store, [badgeOf(store.state || TEXTS.noAnswer), store.message && ` ${store.message}`]],
    [TEXTS.engine, store.engine], [TEXTS.broker, state.broker === 'none' ? TEXTS.noBroker : state.broker && badgeOf(state.broker)],
  ].filter(([, value]) => value);
  const list = h('dl', {class: 'row mb-2'}, pairs.map(([name, value]) => [h('dt', {class: 'col-4 col-md-2'}, name), h('dd', {class: 'col-8 col-md-10 mb-1'}, value)]));
  return [list, store.nodes ? nodesOf(store) : h('p', {class: 'mb-0'}, store.engine && TEXTS.oneNode)];
}

// The nodes of a cluster, and of which databases each of them coordinates the writes.
function nodesOf({nodes, coordinator = {}}) {
  const databases = (node) => Object.entries(coordinator).filter(([, name]) => name === node).map(([db]) => db);
  return table(TEXTS.nodes, [TEXTS.node, TEXTS.state, TEXTS.coordinates], h('tbody', {}, Object.entries(nodes).map(
    ([node, state]) => h('tr', {}, h('th', {scope: 'row', class: 'fw-normal text-break'}, node), h('td', {class: 'text-end'}, badgeOf(state)),
      h('td', {class: 'text-end text-break'}, databases(node).join(', '))))));
}

// The requests of the last hour as bars, one for each minute, as wide as the page. One bar can be reached with the
// tabulator key, and the others from there with the arrow keys. The minute of the bar is told above the chart.
class Chart {
  constructor() {
    this.told = h('p', {class: 'mb-1', 'data-told': true}, TEXTS.hint);
    this.plot = h('div', {class: 'chart', onpointerleave: () => this.#point(null)});
    const legend = [['succeeded', 'primary'], ['refused', 'warning'], ['failed', 'danger']];
    this.element = h('div', {}, this.told, this.plot,
      h('p', {class: 'mb-0 mt-1'}, legend.map(([name, look]) => [badge(TEXTS[name], look), ' '])));
    this.minutes = [];
    this.pointed = null;
    this.width = 0;
    // The page is laid out after this view has been made.
    this.observer = new ResizeObserver(() => { if (this.plot.clientWidth !== this.width) this.#draw(); });
    this.observer.observe(this.plot);
  }

  // `counted` are the minutes with requests, since the instance `started`, and `now` is its time; all in Unix seconds.
  show(counted, started, now) {
    this.started = started;
    const known = new Map(counted.map((minute) => [minute.at, minute]));
    const last = now - now % 60;
    this.minutes = Array.from({length: MINUTES}, (_, index) => {
      const at = last - 60 * (MINUTES - 1 - index);
      return known.get(at) || {at, requests: 0, client_errors: 0, server_errors: 0};
    });
    this.#draw();
  }

  dispose() { this.observer.disconnect(); }

  #draw() {
    this.width = this.plot.clientWidth;
    if (!this.width || !this.minutes.length) return;
    const focused = this.#focused();
    const most = Math.max(...this.minutes.map((minute) => minute.requests));
    const steps = stepsTo(most);
    const left = DIGIT * format(steps.at(-1)).length + 10;
    const wide = (this.width - left - RIGHT) / MINUTES;
    const sum = (name) => this.minutes.reduce((total, minute) => total + minute[name], 0);
    this.bars = this.minutes.map((minute, index) => this.#bar(minute, left + index * wide, wide, steps.at(-1)));
    replace(this.plot, s('svg', {width: this.width, height: HEIGHT, role: 'group', class: 'd-block', 'font-size': FONT, 'aria-label': TEXTS.chart(sum('requests'), sum('server_errors'))},
      text(0, FONT, 'start', TEXTS.peak(most)),
      this.#before(left, wide),
      steps.map((step) => this.#line(left, heightOf(step, steps.at(-1)), step)),
      this.minutes.map((minute, index) => this.#time(minute.at, left + (index + 0.5) * wide)),
      this.bars));
    this.#tell();
    if (focused !== null) this.#barOf(focused).focus({preventScroll: true});
  }

  // The part of the hour in which the instance was not running, so that it is not taken for one without requests.
  #before(left, wide) {
    const width = wide * this.minutes.filter(({at}) => at + 60 <= this.started).length;
    if (!width) return [];
    return [s('rect', {x: left, y: TOP, width, height: HEIGHT - BOTTOM - TOP, fill: 'currentColor', 'fill-opacity': 0.06}),
      width > ROOM && text(left + width / 2, (TOP + HEIGHT - BOTTOM) / 2 - DIGIT, 'middle', TEXTS.notRunning, 'before')];
  }

  #line(left, height, step) {
    const y = HEIGHT - BOTTOM - height;
    return [text(left - 6, y + FONT / 3, 'end', format(step), 'count'),
      s('line', {x1: left, x2: this.width - RIGHT, y1: y, y2: y, stroke: 'currentColor', 'stroke-opacity': 0.2})];
  }

  // The label of a time, every quarter of an hour or, where there is room, every ten minutes.
  #time(at, x) {
    const every = this.width < 600 ? 15 : 10;
    const isShown = new Date(at * 1000).getMinutes() % every === 0 && x > LABEL / 2 && x < this.width - LABEL / 2;
    return isShown && text(x, HEIGHT - 6, 'middle', formatMinute(at), 'time');
  }

  #bar(minute, x, wide, most) {
    const shown = {...minute, succeeded: minute.requests - minute.client_errors - minute.server_errors};
    let top = HEIGHT - BOTTOM;
    const parts = PARTS.filter(([name]) => shown[name]).map(([name, look]) => {
      // Even one request among thousands is visible.
      const height = Math.max(2, heightOf(shown[name], most));
      top -= height;
      return s('rect', {class: look, fill: 'currentColor', x: x + wide * 0.1, y: top, width: wide * 0.8, height});
    });
    const back = s('rect', {class: 'back', x, y: TOP, width: wide, height: HEIGHT - BOTTOM - TOP, fill: 'currentColor', 'fill-opacity': 0});
    return s('g', {role: 'img', tabindex: -1, 'data-at': minute.at, 'aria-label': told(minute),
      onpointerenter: () => this.#point(minute.at), onfocus: () => this.#point(minute.at), onkeydown: (event) => this.#key(event)}, back, parts);
  }

  #barOf(at) { return this.bars.find((bar) => Number(bar.dataset.at) === at) || this.bars.at(-1); }

  #key(event) {
    const places = {ArrowLeft: (place) => place - 1, ArrowRight: (place) => place + 1, Home: () => 0, End: () => MINUTES - 1};
    if (!(event.key in places)) return;
    event.preventDefault();
    const next = this.bars[places[event.key](this.bars.indexOf(event.currentTarget))];
    if (next) next.focus();
  }

  #point(at) {
    // When the pointer leaves, the bar that has the focus is told again.
    this.pointed = at === null ? this.#focused() : at;
    this.#tell();
  }

  #focused() { return this.plot.contains(document.activeElement) ? Number(document.activeElement.dataset.at) : null; }

  // Tells the minute of the bar that is pointed at, which stands out and is where the tabulator key leads.
  #tell() {
    const chosen = this.#barOf(this.pointed);
    const minute = this.pointed !== null && this.minutes.find(({at}) => at === this.pointed);
    for (const bar of this.bars) {
      bar.setAttribute('tabindex', bar === chosen ? 0 : -1);
      bar.querySelector('.back').setAttribute('fill-opacity', minute && bar === chosen ? 0.15 : 0);
    }
    this.told.textContent = minute ? told(minute) : TEXTS.hint;
  }
}

function told(minute) { return TEXTS.minute(formatMinute(minute.at), minute); }

function text(x, y, anchor, content, kind = '') {
  return s('text', {x, y, 'text-anchor': anchor, fill: 'currentColor', 'font-size': FONT, 'data-axis': kind || null}, content);
}

function heightOf(number, most) { return (HEIGHT - TOP - BOTTOM) * number / most; }

// Round numbers from 0 up to at least `most`, for the axis.
function stepsTo(most) {
  let step = 1;
  for (let power = 1; most / step > MOST_STEPS; power *= 10) {
    step = [2, 5, 10].map((factor) => factor * power).find((candidate) => most / candidate <= MOST_STEPS) || 10 * power;
  }
  return Array.from({length: Math.max(1, Math.ceil(most / step)) + 1}, (_, index) => index * step);
}

// The object in a line of JSON, in an array. The array is empty if the line is incomplete.
function parseLine(line) {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}

function noAudit() {
  return [h('p', {}, TEXTS.noReport), h('pre', {class: 'text-wrap text-break mb-0'}, h('code', {}, TEXTS.howToReport.join('\n')))];
}

// Shows the output of `audit --json`, which has a line for each account.
function auditOf(report) {
  const accounts = report.text.split('\n').flatMap(parseLine).filter((account) => Array.isArray(account.findings))
    .map((account) => ({...account, errors: account.findings.filter((finding) => finding.severity === 'error').length}));
  const found = accounts.filter((account) => account.findings.length)
    .sort((a, b) => b.errors - a.errors || b.findings.length - a.findings.length);
  const errors = found.reduce((sum, account) => sum + account.errors, 0);
  const written = report.changed && `${TEXTS.reportOf(formatDate(new Date(report.changed)))} `;
  return [
    h('p', {}, written, TEXTS.summary(accounts.length, found.length, errors)),
    found.length && table(TEXTS.caption, [TEXTS.account, TEXTS.errors, TEXTS.findings], h('tbody', {}, found.slice(0, ACCOUNTS_SHOWN).map(accountRow))),
    found.length > ACCOUNTS_SHOWN && h('p', {class: 'mb-0 mt-2'}, TEXTS.more(found.length - ACCOUNTS_SHOWN)),
  ];
}

// The row of an account, and one with its findings, which the first one unfolds.
function accountRow(account) {
  const name = account.name || account.account_id;
  const findings = h('ul', {class: 'list-unstyled mb-0'}, account.findings.map((finding) => h('li', {class: 'mb-2 text-break'},
    badge(TEXTS.severities[finding.severity] || finding.severity, LOOKS[finding.severity] || 'secondary'), ` ${finding.rule}: ${finding.message} `,
    h('code', {}, [finding.document_id, finding.path].filter(Boolean).join(' ')))));
  const number = (count, look) => h('td', {class: 'text-end align-top'}, count ? badge(format(count), look) : '0');
  // In a row of their own, because the cell of the name is narrow on small screens.
  const below = h('tr', {hidden: true}, h('td', {colspan: 3}, findings));
  const details = h('details', {ontoggle: () => { below.hidden = !details.open; }}, h('summary', {}, name));
  return [h('tr', {}, h('td', {class: 'text-break'}, details), number(account.errors, 'danger'), number(account.findings.length, 'secondary')), below];
}

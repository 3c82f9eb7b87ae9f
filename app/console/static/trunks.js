// The list of trunks, page by page. The API lists only ids, so the documents on a page are read one by one; a search and
// an order need all of them.

import {call, inAccount} from './api.js';
import {attempt, badge, button, formatTime, h, notify, replace, section} from './dom.js';
import {ASK, errorsIn} from './findings.js';
import {deletedTrunks, newestVersion, putBack, whoOf} from './history.js';
import {textOf} from './paths.js';
import {authOf, methodOf, nameOf, numbersOf, placesOf, serversOf} from './servers.js';
import {t} from './texts.js';
import {trunkPath} from './trunk_requests.js';

const PAGE = 20;
const AT_ONCE = 6;
const TYPING = 200;
const compareTexts = new Intl.Collator(undefined, {numeric: true, sensitivity: 'base'}).compare;
// What the columns that can be sorted show, by the name of their text.
const ORDERS = {
  name: (a, b) => compareTexts(textOf(a.name || a.id), textOf(b.name || b.id)),
  pbxs: (a, b) => serversOf(a).length - serversOf(b).length,
  numbers: (a, b) => placesOf(a).length - placesOf(b).length,
};
const COLUMNS = ['name', 'state', 'pbxs', 'numbers', 'lastChange'];

export async function showTrunks(main) {
  const ids = (await call('GET', inAccount('/connectivity?paginate=false'))).data;
  return new TrunkList(main, ids).start();
}

class TrunkList {
  constructor(main, ids) {
    this.main = main;
    this.ids = ids;
    // What was read, by id: the document as `data`, null if it is deleted, and `findings` if they were asked for.
    this.answers = new Map();
    this.page = 0;
    this.round = 0;
    this.order = null;
    // The first row tells whether the service keeps versions. Without them, times of changes are unknown.
    this.hasTimes = true;
    this.rows = h('tbody');
    this.status = h('p', {role: 'status', class: 'mb-0 me-auto'});
    this.search = h('input', {id: 'search', class: 'form-control', type: 'search', autocomplete: 'off', placeholder: t.searchHint, oninput: () => this.#typed()});
    this.previous = button(t.previous, 'outline-secondary', () => this.#turn(-1));
    this.next = button(t.next, 'outline-secondary', () => this.#turn(1));
    this.heads = COLUMNS.map((name) => this.#head(name));
  }

  start() {
    replace(this.main,
      h('div', {class: 'd-flex flex-wrap gap-2 align-items-center mb-3'}, h('h1', {class: 'h3 mb-0 me-auto'}, t.trunks),
        h('a', {class: 'btn btn-primary', href: '#/trunks/new'}, t.newTrunk)),
      h('div', {class: 'mb-3'}, h('label', {class: 'form-label mb-1', for: 'search'}, t.search), this.search),
      h('table', {class: 'table trunks stacked'}, h('caption', {class: 'visually-hidden'}, t.trunksOfAccount),
        h('thead', {}, h('tr', {}, this.heads)), this.rows),
      h('div', {class: 'd-flex flex-wrap gap-2 align-items-center'}, this.status, this.previous, this.next),
      deletedSection());
    this.#show();
    return {dispose: () => { clearTimeout(this.typing); this.round += 1; }};
  }

  #head(name) {
    const text = name in ORDERS ? button(t[name], 'link p-0 text-reset', () => this.#sort(name), {title: t.sortBy(t[name])}) : t[name];
    return h('th', {scope: 'col', 'data-column': name}, text);
  }

  #typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.#show(), TYPING);
  }

  #turn(step) {
    this.page += step;
    this.#show();
  }

  // By this column, and the other way round at the second click.
  #sort(name) {
    const isSame = this.order && this.order.name === name;
    this.order = {name, direction: isSame ? -this.order.direction : 1};
    this.page = 0;
    this.heads.forEach((head) => {
      if (head.dataset.column !== name) head.removeAttribute('aria-sort');
      else head.setAttribute('aria-sort', this.order.direction > 0 ? 'ascending' : 'descending');
    });
    this.#show();
  }

  async #show() {
    const round = ++this.round;
    const query = this.search.value.trim().toLowerCase();
    if (query) return this.#find(query, round);
    if (this.order && !await this.#putInOrder(round)) return;
    const shown = this.ids.slice(this.page * PAGE, (this.page + 1) * PAGE);
    this.previous.hidden = this.next.hidden = this.ids.length <= PAGE;
    this.previous.disabled = this.page === 0;
    this.next.disabled = (this.page + 1) * PAGE >= this.ids.length;
    replace(this.rows, shown.map((id) => h('tr', {'data-id': id}, h('td', {colspan: COLUMNS.length}, '…'))));
    this.status.textContent = this.ids.length ? t.rows(this.page * PAGE + 1, this.page * PAGE + shown.length, this.ids.length) : t.noTrunks;
    await this.#forEach(shown, round, (id, answer) => {
      const row = this.#rowWith(id);
      if (row) row.replaceWith(rowOf(id, answer));
    }, ASK);
    for (const id of shown) if (round === this.round) await this.#showRest(id, round);
  }

  // Reads all trunks. Resolves to whether that is still wanted.
  async #putInOrder(round) {
    let read = 0;
    await this.#forEach(this.ids, round, () => { this.status.textContent = t.reading(++read, this.ids.length); });
    if (round !== this.round) return false;
    const documentOf = (id) => (this.answers.get(id) || {}).data || {id};
    const {name, direction} = this.order;
    this.ids.sort((a, b) => direction * ORDERS[name](documentOf(a), documentOf(b)) || compareTexts(a, b));
    return true;
  }

  async #find(query, round) {
    this.previous.hidden = this.next.hidden = true;
    replace(this.rows);
    let searched = 0;
    const matches = [];
    await this.#forEach(this.ids, round, (id, answer) => {
      searched += 1;
      if (answer.data && matchesQuery(id, answer.data, query)) {
        matches.push(id);
        this.rows.append(rowOf(id, answer));
      }
      this.status.textContent = t.found(matches.length, searched, this.ids.length);
    });
    for (const id of matches.slice(0, PAGE)) if (round === this.round) await this.#showRest(id, round);
  }

  // Calls `handle` with each answer as it arrives. Stops once another round has begun.
  async #forEach(wanted, round, handle, query = '') {
    const remaining = [...wanted];
    const work = async () => {
      while (remaining.length && round === this.round) {
        const id = remaining.shift();
        const answer = await this.#read(id, query);
        if (round === this.round) handle(id, answer);
      }
    };
    try {
      await Promise.all(Array.from({length: AT_ONCE}, work));
    } catch (error) {
      if (round === this.round && error.status !== 401) notify(error.message);
    }
  }

  #rowWith(id) { return this.rows.querySelector(`tr[data-id="${CSS.escape(id)}"]`); }

  // Reads a trunk once, and once more if its findings are asked for later.
  async #read(id, query) {
    const known = this.answers.get(id);
    if (known && (!query || known.findings)) return known;
    const answer = await call('GET', trunkPath(id) + query)
      .catch((error) => { if (error.status !== 404) throw error; return {data: null, findings: []}; });
    this.answers.set(id, answer);
    return answer;
  }

  // What a search has not asked for, and the last change, which takes a request of its own.
  async #showRest(id, round) {
    const {findings, data} = await this.#read(id, ASK).catch(() => ({}));
    const version = this.hasTimes ? await newestVersion(id).catch(() => undefined) : null;
    if (version === null) this.hasTimes = false;
    const row = this.#rowWith(id);
    if (!row || round !== this.round) return;
    if (data && row.querySelector('.state')) replace(row.querySelector('.state'), stateOf(data, findings || []));
    if (version && row.querySelector('.time')) row.querySelector('.time').textContent = formatTime(version.when);
  }
}

// The deleted trunks, which are asked for when somebody opens the section.
function deletedSection() {
  const list = h('ul', {class: 'list-group mt-2'});
  const fill = async () => {
    const trunks = await deletedTrunks();
    replace(list, trunks.length ? trunks.map(deletedLine) : h('li', {class: 'list-group-item'}, t.noneDeleted));
  };
  const details = section(t.deletedTrunks, () => list, {id: 'deleted', class: 'mt-4'});
  details.addEventListener('toggle', () => { if (details.open) attempt(fill); });
  return details;
}

function deletedLine({id, name, revision, when, who}) {
  const path = trunkPath(id);
  const bringBack = async () => {
    await putBack(path, revision);
    notify(t.isBack(name || id));
    location.hash = `#/trunks/${encodeURIComponent(id)}`;
  };
  return h('li', {class: 'list-group-item d-flex flex-wrap gap-2 align-items-center'},
    h('strong', {}, name || id), h('span', {class: 'me-auto'}, t.deletedBy(formatTime(when), whoOf(who))),
    button(t.bringBack, 'sm btn-outline-primary', bringBack, {'aria-label': `${t.bringBack}: ${name || id}`}));
}

// Which of the PBXs with a password can register, as far as the findings tell. One of these spoils the whole document.
function stateOf(document, findings) {
  const errors = errorsIn(findings);
  const servers = serversOf(document);
  if (!servers.length) return badge(t.noPbxs, 'secondary');
  const registering = servers.map((server, index) => [server, index]).filter(([server]) => methodOf(server) === 'password');
  const isSpoilt = errors.some((finding) => ['no-options', 'no-user', 'realm', 'private', 'schema'].includes(finding.rule));
  const able = registering.filter(([, index]) => !isSpoilt && !errors.some(({path}) => `${path}.`.startsWith(`servers.${index}.auth.`)));
  const isBad = able.length < registering.length || errors.length;
  const look = isBad ? 'danger' : findings.some((finding) => finding.severity === 'warning') ? 'warning' : 'success';
  const others = servers.length - registering.length;
  return [
    registering.length ? badge(t.canRegister(able.length, registering.length), look) : null,
    others ? [' ', badge(t.byAddress(others), registering.length ? 'secondary' : look)] : null,
    errors.length ? h('small', {class: 'd-block bad'}, t.problems(errors.length)) : null,
  ].flat();
}

function rowOf(id, {data: document, findings}) {
  if (!document) return h('tr', {'data-id': id}, h('td', {colspan: COLUMNS.length}, t.deleted));
  const servers = serversOf(document);
  const numbers = servers.flatMap(numbersOf);
  const some = (texts) => texts.slice(0, 2).join(', ') + (texts.length > 2 ? t.andMore(texts.length - 2) : '');
  const counted = (number, texts) => [h('strong', {}, String(number)), number ? h('small', {class: 'text-body-secondary d-block'}, some(texts)) : null];
  return h('tr', {'data-id': id},
    h('th', {scope: 'row'}, h('a', {href: `#/trunks/${encodeURIComponent(id)}`}, textOf(document.name || id))),
    h('td', {'data-label': t.state, class: 'state'}, findings ? stateOf(document, findings) : null),
    h('td', {'data-label': t.pbxs}, counted(servers.length, servers.map((server, index) => `${nameOf(server, index)} (${authOf(server)})`))),
    h('td', {'data-label': t.numbers}, counted(numbers.length, numbers)),
    h('td', {'data-label': t.lastChange, class: 'time'}));
}

// Numbers are found however they are written: (415) 555-0100.
function matchesQuery(id, document, query) {
  const servers = serversOf(document);
  const numbers = servers.flatMap(numbersOf);
  const digits = /^[\d\s()+./-]+$/.test(query) ? query.replace(/\D/g, '') : '';
  return [id, textOf(document.name || ''), ...servers.map(nameOf), ...servers.map(authOf), ...numbers].join(' ').toLowerCase().includes(query)
    || (digits.length > 2 && numbers.some((number) => number.replace(/\D/g, '').includes(digits)));
}

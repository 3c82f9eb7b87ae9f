// The list of trunks, page by page. The API lists only ids, so the documents on a page are read one by one.

import {call, inAccount} from './api.js';
import {formatTime, h, notify, replace} from './dom.js';
import {newestVersion} from './history.js';
import {segment} from './paths.js';

const PAGE = 20;
const AT_ONCE = 6;

export async function showTrunks(main) {
  const rows = h('tbody');
  const status = h('p', {role: 'status'});
  const search = h('input', {id: 'search', type: 'search', autocomplete: 'off'});
  const previous = h('button', {type: 'button'}, 'Previous');
  const next = h('button', {type: 'button'}, 'Next');
  const documents = new Map();
  let ids = [];
  let page = 0;
  let round = 0;
  // The first row shows whether the service keeps versions. Without them, times of changes are unknown.
  let hasTimes = true;

  async function showTime(id) {
    const version = hasTimes ? await newestVersion(id).catch(() => null) : null;
    if (!version) hasTimes = false;
    const cell = rowWith(id) && rowWith(id).querySelector('.time');
    if (cell && version) cell.textContent = formatTime(version.when);
  }

  const rowWith = (id) => rows.querySelector(`tr[data-id="${CSS.escape(id)}"]`);

  async function show() {
    const thisRound = ++round;
    const query = search.value.trim().toLowerCase();
    previous.hidden = next.hidden = Boolean(query);
    if (query) return find(query, thisRound);
    const shown = ids.slice(page * PAGE, (page + 1) * PAGE);
    previous.disabled = page === 0;
    next.disabled = (page + 1) * PAGE >= ids.length;
    replace(rows, shown.map((id) => h('tr', {'data-id': id}, h('td', {colspan: 5}, '…'))));
    status.textContent = ids.length
      ? `${page * PAGE + 1} to ${page * PAGE + shown.length} of ${ids.length}` : 'There are no trunks yet.';
    await forEachDocument(shown, thisRound, (id, document) => {
      const row = rowWith(id);
      if (row) row.replaceWith(rowOf(id, document));
    });
    for (const id of shown) if (thisRound === round) await showTime(id);
  }

  async function find(query, thisRound) {
    replace(rows);
    let searched = 0;
    let matches = 0;
    await forEachDocument(ids, thisRound, (id, document) => {
      searched += 1;
      if (document && textOf(id, document).includes(query)) {
        matches += 1;
        rows.append(rowOf(id, document));
      }
      status.textContent = `${matches} found in ${searched} of ${ids.length}`;
    });
  }

  // Calls `handle` with each document as it arrives. Stops once another round has begun.
  async function forEachDocument(wantedIds, thisRound, handle) {
    const remaining = [...wantedIds];
    const work = async () => {
      while (remaining.length && thisRound === round) {
        const id = remaining.shift();
        if (!documents.has(id)) {
          documents.set(id, await call('GET', inAccount(`/connectivity/${segment(id)}`)).then((answer) => answer.data)
            .catch((error) => { if (error.status !== 404) throw error; return null; }));
        }
        if (thisRound === round) handle(id, documents.get(id));
      }
    };
    try {
      await Promise.all(Array.from({length: AT_ONCE}, work));
    } catch (error) {
      if (thisRound === round && error.status !== 401) notify(error.message);
    }
  }

  previous.addEventListener('click', () => { page -= 1; show(); });
  next.addEventListener('click', () => { page += 1; show(); });
  let typing = null;
  search.addEventListener('input', () => { clearTimeout(typing); typing = setTimeout(show, 200); });

  ids = (await call('GET', inAccount('/connectivity?paginate=false'))).data;
  replace(main,
    h('div', {class: 'bar'}, h('h1', {}, 'Trunks'), h('a', {class: 'button main', href: '#/trunks/new'}, 'New trunk')),
    h('label', {class: 'field'}, h('span', {}, 'Search (name, server, user, address, number)'), search),
    h('table', {class: 'trunks'},
      h('caption', {class: 'hidden'}, 'Trunks of the account'),
      h('thead', {}, h('tr', {}, ['Name', 'Servers', 'Authentication', 'Numbers', 'Last change'].map((text) => h('th', {scope: 'col'}, text)))),
      rows),
    h('div', {class: 'bar'}, status, previous, next));
  show();
  return {dispose: () => { round += 1; }};
}


function serversOf(document) { return Array.isArray(document.servers) ? document.servers : []; }

export function numbersOf(server) {
  return Object.keys(server && server.DIDs && typeof server.DIDs === 'object' ? server.DIDs : {});
}

export function nameOf(server, index) {
  return (server && (server.server_name || server.name)) || `Server ${index + 1}`;
}

// How a server authenticates.
export function authOf(server) {
  const auth = (server && server.auth) || {};
  if (String(auth.auth_method).toLowerCase() === 'ip') return `IP ${auth.ip || '(none)'}`;
  return `user ${auth.auth_user || '(none)'}`;
}

function rowOf(id, document) {
  if (!document) return h('tr', {'data-id': id}, h('td', {colspan: 5}, 'deleted'));
  const servers = serversOf(document);
  const numbers = servers.flatMap(numbersOf);
  const some = (texts) => texts.slice(0, 3).join(', ') + (texts.length > 3 ? ` and ${texts.length - 3} more` : '');
  return h('tr', {'data-id': id},
    h('th', {scope: 'row'}, h('a', {href: `#/trunks/${encodeURIComponent(id)}`}, document.name || id)),
    h('td', {'data-label': 'Servers'}, some(servers.map(nameOf)) || 'none'),
    h('td', {'data-label': 'Authentication'}, some(servers.map(authOf))),
    h('td', {'data-label': 'Numbers'}, some(numbers) || 'none'),
    h('td', {'data-label': 'Last change', class: 'time'}));
}

function textOf(id, document) {
  const servers = serversOf(document);
  return [id, document.name, ...servers.map(nameOf), ...servers.map(authOf), ...servers.flatMap(numbersOf)]
    .join(' ').toLowerCase();
}

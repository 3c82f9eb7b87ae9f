// The accounts below the current one. Choosing one switches to it.

import {call, chooseAccount, inAccount, session} from './api.js';
import {h, replace} from './dom.js';

export async function showAccounts(main) {
  const list = h('ul', {class: 'accounts'});
  const more = h('button', {type: 'button'}, 'More');
  let startKey = null;
  const load = async () => {
    const query = startKey ? `?start_key=${encodeURIComponent(startKey)}` : '';
    const page = await call('GET', inAccount(`/children${query}`));
    list.append(...page.data.map(item));
    startKey = page.next_start_key;
    more.hidden = !startKey;
    if (!list.children.length) list.append(h('li', {}, 'None.'));
  };
  more.addEventListener('click', load);
  const parents = session.accountId === session.ownId ? [] : await parentAccounts();
  replace(main,
    h('h1', {}, session.accountName),
    parents.length ? h('nav', {'aria-label': 'Accounts above'}, 'Below: ', parents.map(button)) : null,
    h('p', {}, h('code', {}, session.accountId)),
    h('h2', {}, 'Accounts below this one'), list, more);
  await load();
}

// The accounts from the user's own down to the parent of the current one.
async function parentAccounts() {
  const parents = (await call('GET', inAccount('/parents'))).data;
  const start = parents.findIndex((account) => account.id === session.ownId);
  return start < 0 ? [{id: session.ownId, name: session.ownName}] : parents.slice(start);
}

function item(account) {
  return h('li', {}, button(account), h('small', {}, account.realm || ''));
}

function button(account) {
  const choose = () => { chooseAccount(account.id, account.name); location.hash = '#/trunks'; };
  return h('button', {type: 'button', class: 'link', onclick: choose}, account.name || account.id);
}

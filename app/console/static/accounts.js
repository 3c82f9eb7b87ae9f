// The accounts below the current one. Choosing one switches to it.

import {call, chooseAccount, inAccount, session} from './api.js';
import {button, h, replace} from './dom.js';
import {t} from './texts.js';

export async function showAccounts(main) {
  const list = h('ul', {class: 'accounts list-group mb-3'});
  let startKey = null;
  const load = async () => {
    const query = startKey ? `?start_key=${encodeURIComponent(startKey)}` : '';
    const page = await call('GET', inAccount(`/children${query}`));
    list.append(...page.data.map(item));
    startKey = page.next_start_key;
    more.hidden = !startKey;
    if (!list.children.length) list.append(h('li', {class: 'list-group-item'}, t.noneBelow));
  };
  const more = button(t.more, 'outline-secondary', load);
  const parents = session.accountId === session.ownId ? [] : await parentAccounts();
  replace(main,
    h('h1', {class: 'h3'}, session.accountName),
    parents.length ? h('nav', {'aria-label': t.accountsAbove}, t.below, ' ', parents.map(choice)) : null,
    h('p', {}, h('code', {}, session.accountId)),
    h('h2', {class: 'h5'}, t.accountsBelow), list, more);
  await load();
}

// The accounts from the user's own down to the parent of the current one.
async function parentAccounts() {
  const parents = (await call('GET', inAccount('/parents'))).data;
  const start = parents.findIndex((account) => account.id === session.ownId);
  return start < 0 ? [{id: session.ownId, name: session.ownName}] : parents.slice(start);
}

function item(account) {
  return h('li', {class: 'list-group-item'}, choice(account), h('small', {class: 'd-block text-body-secondary'}, account.realm || ''));
}

function choice(account) {
  const choose = () => { chooseAccount(account.id, account.name); location.hash = '#/trunks'; };
  return button(account.name || account.id, 'link p-0', choose);
}

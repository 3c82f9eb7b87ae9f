// Which view belongs to which address, and what is around it.

import {chooseAccount, onLogOut, session, logOut} from './api.js';
import {h, notify, replace} from './dom.js';
import {showAccounts} from './accounts.js';
import {showLogin} from './login.js';
import {showOperators} from './operators.js';
import {showTrunk} from './trunk.js';
import {showTrunks} from './trunks.js';

const ROUTES = [
  [/^#\/trunks$/, showTrunks],
  [/^#\/trunks\/([^/]+)$/, showTrunk],
  [/^#\/accounts$/, showAccounts],
  [/^#\/operators$/, showOperators],
];
const main = document.getElementById('main');
let leave = null;

async function show() {
  // Who has unsaved changes is asked before another view takes their place.
  if (leave && !leave()) return;
  leave = null;
  showHeader();
  if (!session) return showLogin(main, () => go('#/trunks'));
  for (const [pattern, view] of ROUTES) {
    const match = pattern.exec(location.hash);
    if (!match) continue;
    try {
      leave = await view(main, ...match.slice(1).map(decodeURIComponent)) || null;
    } catch (error) {
      if (session) replace(main, h('h1', {}, 'It did not work'), h('p', {role: 'alert'}, error.message));
    }
    main.focus({preventScroll: true});
    return;
  }
  go('#/trunks');
}

function go(hash) {
  if (location.hash === hash) show();
  else location.hash = hash;
}

function showHeader() {
  const header = document.getElementById('header');
  if (!session) return replace(header, h('strong', {}, 'Console'));
  const link = (hash, text) => {
    const isHere = location.hash.startsWith(hash);
    return h('a', {href: hash, 'aria-current': isHere ? 'page' : null}, text);
  };
  replace(header,
    h('nav', {'aria-label': 'Main'},
      link('#/trunks', 'Trunks'),
      link('#/accounts', `Account: ${session.accountName}`),
      session.isOperator ? link('#/operators', 'Operation') : null),
    session.accountId === session.ownId ? null
      : h('button', {type: 'button', onclick: backToOwn}, 'Back to my account'),
    h('button', {type: 'button', onclick: () => logOut()}, 'Log out'));
}

function backToOwn() {
  chooseAccount(session.ownId, session.ownName);
  go('#/trunks');
}

onLogOut((reason) => {
  leave = null;
  document.querySelectorAll('dialog').forEach((dialog) => dialog.close());
  if (reason) notify(reason);
  show();
});
addEventListener('hashchange', show);
show();

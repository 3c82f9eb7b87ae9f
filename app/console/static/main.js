// Which view belongs to which address, and what is around it.

import {chooseAccount, onExpired, onLogOut, session, logOut} from './api.js';
import {ask, h, notify, replace} from './dom.js';
import {showAccounts} from './accounts.js';
import {loginForms, showLogin} from './login.js';
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
// What a view gives back: `mayLeave()`, if it may have unsaved changes, and `dispose()`, if it must end something.
let current = {};
let round = 0;

async function show() {
  // Who has unsaved changes is asked before another view takes their place.
  if (session && current.mayLeave && !current.mayLeave()) return;
  dispose();
  const own = ++round;
  showHeader();
  if (!session) return showLogin(main, show);
  for (const [pattern, view] of ROUTES) {
    const match = pattern.exec(location.hash);
    if (match) return present(own, view, match.slice(1).map(decodeURIComponent));
  }
  go('#/trunks');
}

async function present(own, view, params) {
  const place = h('div');
  let made = {};
  try {
    made = await view(place, ...params) || {};
  } catch (error) {
    replace(place, h('h1', {}, 'It did not work'), h('p', {role: 'alert'}, error.message));
  }
  // Another view may have been chosen meanwhile.
  if (own !== round || !session) return made.dispose && made.dispose();
  current = made;
  replace(main, place);
  main.focus({preventScroll: true});
}

function dispose() {
  if (current.dispose) current.dispose();
  current = {};
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

onLogOut((reason, ended) => {
  dispose();
  // After an expiry the next log-in goes on where this one was, if it sees the same account.
  if (!reason || ended.accountId !== ended.ownId) history.replaceState(null, '', '#/trunks');
  document.querySelectorAll('dialog').forEach((dialog) => dialog.close());
  if (reason) notify(reason);
  show();
});
onExpired(async () => {
  if (!current.isChanged || !current.isChanged()) return false;
  const own = session.ownId;
  const isBack = await ask('Your session has expired', (close) => [
    h('p', {}, 'Log in again to go on. What you have changed is still here.'), loginForms(() => close(true)),
  ]);
  return Boolean(isBack && session && session.ownId === own);
});
addEventListener('hashchange', show);
show();

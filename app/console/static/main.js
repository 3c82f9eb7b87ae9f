// Shows the view for the current address, with the header above it.

import {showAccounts} from './accounts.js';
import {chooseAccount, onExpired, onLogOut, session, logOut} from './api.js';
import {ask, button, h, notify, replace} from './dom.js';
import {loginForms, showLogin} from './login.js';
import {showOperators} from './operators.js';
import {t} from './texts.js';
import {showTrunk} from './trunk.js';
import {showTrunks} from './trunks.js';

const ROUTES = [
  [/^#\/trunks$/, showTrunks],
  [/^#\/trunks\/([^/]+)$/, showTrunk],
  [/^#\/accounts$/, showAccounts],
  [/^#\/operators$/, showOperators],
];
const main = document.getElementById('main');
// What the view returned. It may have `mayLeave()` and `isChanged()` for unsaved changes, and `dispose()` to clean up.
let current = {};
let round = 0;

async function show() {
  // Ask before unsaved changes are lost.
  if (session && current.mayLeave && !current.mayLeave()) return;
  dispose();
  const thisRound = ++round;
  document.title = t.console;
  showHeader();
  if (!session) return showLogin(main, show);
  for (const [pattern, view] of ROUTES) {
    const match = pattern.exec(location.hash);
    if (match) return present(thisRound, view, match.slice(1).map(unescaped));
  }
  go('#/trunks');
}

// A segment of the address. Someone may have typed it, so a malformed escape is left as it is.
function unescaped(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

async function present(thisRound, view, params) {
  const container = h('div');
  let shown = {};
  try {
    shown = await view(container, ...params) || {};
  } catch (error) {
    replace(container, h('h1', {}, t.wentWrong), h('p', {role: 'alert'}, error.message));
  }
  // The user may have chosen another view in the meantime.
  if (thisRound !== round || !session) return shown.dispose && shown.dispose();
  current = shown;
  replace(main, container);
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
  const inner = h('div', {class: 'container-xxl flex-wrap gap-2'}, h('span', {class: 'navbar-brand mb-0'}, t.console));
  replace(document.getElementById('header'), inner);
  if (!session) return;
  const link = (hash, text) => {
    const isHere = location.hash.startsWith(hash);
    return h('a', {href: hash, class: `nav-link${isHere ? ' active' : ''}`, 'aria-current': isHere ? 'page' : null}, text);
  };
  inner.append(
    h('nav', {'aria-label': t.main, class: 'navbar-nav flex-wrap flex-grow-1'},
      link('#/trunks', t.trunks),
      link('#/accounts', t.accountIs(session.accountName)),
      session.isOperator ? link('#/operators', t.operation) : ''),
    session.accountId === session.ownId ? '' : button(t.backToOwn, 'sm btn-outline-secondary', backToOwn),
    button(t.logOut, 'sm btn-outline-secondary', () => logOut()));
}

function backToOwn() {
  if (current.mayLeave && !current.mayLeave()) return;
  dispose();
  chooseAccount(session.ownId, session.ownName);
  go('#/trunks');
}

onLogOut((reason, ended) => {
  dispose();
  // After an expiry, the next log-in continues at the same address, unless that belongs to another account.
  if (!reason || ended.accountId !== ended.ownId) history.replaceState(null, '', '#/trunks');
  document.querySelectorAll('dialog').forEach((dialog) => dialog.close());
  if (reason) notify(reason);
  show();
});
onExpired(async () => {
  if (!current.isChanged || !current.isChanged()) return false;
  const {ownId} = session;
  const hasLoggedIn = await ask(t.expired, (close) => [h('p', {}, t.logInToContinue), loginForms(() => close(true))]);
  const isSame = Boolean(hasLoggedIn && session && session.ownId === ownId);
  if (isSame && current.keep) current.keep();
  return isSame;
});
const skip = document.getElementById('skip');
skip.textContent = t.skip;
skip.addEventListener('click', (event) => { event.preventDefault(); main.focus(); });
addEventListener('hashchange', show);
show();

// Shows openapi.json in Swagger UI, below a log-in. Each log-in authorizes all later requests, and fills in the
// account's id wherever one is asked for.

import {logInAs} from '../console/credentials.js';
import {mend, withoutLinksInButtons} from './mend.js';

const LOG_IN = /\/v[12]\/(user_auth|api_auth|shared_auth)(\?|$)/;
const SCHEME = 'token';
const PARAMETER = 'path.account_id';
const part = (id) => document.getElementById(id);

const ui = SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'none',
  filter: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  plugins: [withoutLinksInButtons, {statePlugins: {spec: {
    actions: {fillInAccount: (accountId) => ({type: 'fill_in_account', payload: accountId})},
    reducers: {fill_in_account: fillInAccount},
  }}}],
  responseInterceptor: followLogIn,
  onComplete: start,
});

function start() {
  endExpired();
  let shown = null;
  const follow = () => {
    if (token() === shown) return;
    shown = token();
    showSession();
  };
  part('session').hidden = false;
  showSession();
  ui.getStore().subscribe(follow);
  mend(part('docs'));
}

// The token that Swagger UI sends, whether it is from a form of this page, from an operation, or was typed.
function token() {
  return ui.authSelectors.authorized().getIn([SCHEME, 'value']) || null;
}

// What a token says about itself. It may be anything if somebody typed it.
function claims() {
  try {
    return JSON.parse(atob(token().split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
  } catch {
    return {};
  }
}

function showSession() {
  const accountId = claims().account_id || '';
  part('logged-out').hidden = Boolean(token());
  part('logged-in').hidden = !token();
  part('logged-in').classList.toggle('d-flex', Boolean(token()));
  part('account-id').textContent = accountId || '(unknown)';
  if (accountId) ui.specActions.fillInAccount(accountId);
}

// What was typed is gone then: it may be another account's.
function fillInAccount(state, {payload: accountId}) {
  return state.withMutations((changed) => state.getIn(['json', 'paths']).forEach((item, path) => {
    if (!path.includes('{account_id}')) return;
    for (const method of item.keys()) {
      const place = ['meta', 'paths', path, method, 'parameters'];
      if (state.hasIn(place)) changed.updateIn(place, (all) => all.filterNot((_, name) => name.startsWith(PARAMETER)));
      changed.setIn([...place, PARAMETER, 'value'], accountId);
    }
  }));
}

function followLogIn(response) {
  if (response.ok && LOG_IN.test(response.url)) authorize(JSON.parse(response.text).auth_token);
  if (response.status === 401) endExpired();
  return response;
}

function authorize(value) {
  ui.preauthorizeApiKey(SCHEME, value);
  ui.authActions.persistAuthorizationIfNeeded();
}

// Also forgets what was typed into Swagger UI's own dialog.
function logOut() {
  ui.authActions.logoutWithPersistOption(ui.authSelectors.authorized().keySeq().toArray());
}

function endExpired() {
  if (claims().exp * 1000 <= Date.now()) logOut();
}

class Refused extends Error {
  constructor(status, envelope) {
    super((envelope.data && envelope.data.message) || envelope.message || `HTTP ${status}`);
    this.status = status;
  }
}

async function logIn(noun, data) {
  const headers = {'Content-Type': 'application/json'};
  const answer = await fetch(`v2/${noun}`, {method: 'PUT', headers, body: JSON.stringify({data}), cache: 'no-store'});
  const envelope = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, envelope);
  authorize(envelope.auth_token);
}

function onSubmit(form, run) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button');
    button.disabled = true;
    part('refusal').textContent = '';
    try {
      await run();
      form.reset();
      part('log-out').focus();
    } catch (error) {
      part('refusal').textContent = [401, 404].includes(error.status) ? 'Unknown credentials.' : error.message;
    } finally {
      button.disabled = false;
    }
  });
}

onSubmit(part('log-in'), () => logInAs(part('account').value, part('user').value, part('password').value,
  (data) => logIn('user_auth', data)));
onSubmit(part('log-in-with-key'), () => logIn('api_auth', {api_key: part('api-key').value.trim()}));
part('log-out').addEventListener('click', () => {
  logOut();
  part('account').focus();
});

// Calls the API and keeps the session. The token is only in memory and in sessionStorage.

import {logInAs} from './credentials.js';
import {parse} from './paths.js';
import {t} from './texts.js';

const ROOT = '/v2';
// What the console keeps in sessionStorage has names that begin with this.
export const PREFIX = 'console-';
const KEY = `${PREFIX}session`;
const MOST_TRIES = 8;

export let session = JSON.parse(sessionStorage.getItem(KEY) || 'null');
let whenLoggedOut = () => {};
// Asks the user to log in again if unsaved changes would be lost. Resolves to whether they did.
let whenExpired = async () => false;
let renewal = null;

export function onLogOut(callback) { whenLoggedOut = callback; }

export function onExpired(callback) { whenExpired = callback; }

// An error from the API, in its own words. `fields` has messages by the path of a member.
export class ApiError extends Error {
  constructor(status, envelope) {
    const data = envelope.data;
    super((data && typeof data.message === 'string' && data.message) || envelope.message || `HTTP ${status}`);
    this.status = status;
    this.fields = status === 400 ? fieldErrors(data) : {};
  }
}

function fieldErrors(data) {
  const messages = {};
  for (const [path, rules] of Object.entries(data && typeof data === 'object' ? data : {})) {
    if (!rules || typeof rules !== 'object') continue;
    messages[path] = Object.values(rules).map((rule) => (rule && rule.message) || String(rule)).join('; ');
  }
  return messages;
}

// Sends a request with `data` in an envelope. Resolves to the answer's envelope, or rejects with an ApiError.
export async function call(method, path, data, headers = {}) {
  const options = {method, headers: {...headers}};
  if (data !== undefined) {
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify({data});
  }
  for (let tries = 1; ; tries++) {
    const token = session && session.token;
    if (token) options.headers['X-Auth-Token'] = token;
    const answer = await send(ROOT + path, options);
    const envelope = await answer.text().then(parse).catch(() => ({}));
    if (answer.ok) return envelope;
    // The account's rate limit allows ten requests a second. A busy service has done nothing if it says when to come again.
    const isLater = answer.status === 429 || (answer.status === 503 && answer.headers.has('Retry-After'));
    if (isLater && tries < MOST_TRIES) {
      await new Promise((resolve) => setTimeout(resolve, 500 * tries));
      continue;
    }
    if (answer.status === 401 && token && await renewToken(token)) continue;
    throw new ApiError(answer.status, envelope);
  }
}

// Gets what is outside the API. Resolves to the answer, whatever its status is.
export async function fetchPage(path) {
  for (;;) {
    const token = session && session.token;
    const answer = await send(path, {headers: {'X-Auth-Token': token}});
    if (answer.status !== 401 || !await renewToken(token)) return answer;
  }
}

// Resolves to whether an expired token has been replaced. Concurrent requests share one log-in.
async function renewToken(token) {
  if (session && session.token !== token) return true;
  forget();
  renewal = renewal || whenExpired().finally(() => { renewal = null; });
  if (await renewal) return true;
  if (session) logOut(t.expiredLogIn);
  return false;
}

async function send(url, options) {
  try {
    return await fetch(url, {...options, cache: 'no-store'});
  } catch (error) {
    throw new ApiError(0, {message: t.noAnswer(error.message)});
  }
}

export const inAccount = (path) => `/accounts/${session.accountId}${path}`;

export async function logInAsUser(account, user, password) {
  await openSession(await logInAs(account, user, password, (data) => logIn('/user_auth', data)));
}

export async function logInWithKey(apiKey) {
  await openSession(await logIn('/api_auth', {api_key: apiKey}));
}

// Sends no token, so that a 401 is about the credentials.
async function logIn(path, data) {
  const answer = await send(ROOT + path, {method: 'PUT', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({data})});
  const envelope = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(answer.status, envelope);
  return envelope;
}

async function openSession(envelope) {
  const previous = session;
  const {auth_token: token, data: {account_id: ownId}} = envelope;
  const answer = await send(`${ROOT}/accounts/${ownId}`, {headers: {'X-Auth-Token': token}});
  const own = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(answer.status, own);
  const isOperator = own.data.superduper_admin === true;
  session = {token, ownId, accountId: ownId, isOperator, ownName: own.data.name, accountName: own.data.name};
  // A renewed session for the same account continues where the previous one was.
  if (previous && previous.ownId === session.ownId) {
    Object.assign(session, {accountId: previous.accountId, accountName: previous.accountName});
  }
  store();
}

export function chooseAccount(accountId, name) {
  session.accountId = accountId;
  session.accountName = name;
  store();
}

// Leaves nothing in the browser, neither the session nor what was not saved.
function forget() {
  Object.keys(sessionStorage).filter((name) => name.startsWith(PREFIX)).forEach((name) => sessionStorage.removeItem(name));
}

function store() { sessionStorage.setItem(KEY, JSON.stringify(session)); }

export function logOut(reason = '') {
  const ended = session;
  session = null;
  forget();
  whenLoggedOut(reason, ended);
}

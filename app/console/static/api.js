// The API over HTTP, and who is logged in. The token is in memory and in sessionStorage, nowhere else.

import {md5} from './md5.js';
import {parse} from './paths.js';

const ROOT = '/v2';
const KEY = 'console-session';
const MOST_TRIES = 8;

export let session = JSON.parse(sessionStorage.getItem(KEY) || 'null');
let whenLoggedOut = () => {};
// Asks for a new log-in where unsaved work would be lost; resolves with whether there is one.
let whenExpired = async () => false;
let renewal = null;

export function onLogOut(callback) { whenLoggedOut = callback; }

export function onExpired(callback) { whenExpired = callback; }

// An answer that is an error, in the API's words. `fields` has the messages by the path of a member.
export class ApiError extends Error {
  constructor(status, envelope) {
    const data = envelope.data;
    super((data && typeof data.message === 'string' && data.message) || envelope.message || `HTTP ${status}`);
    this.status = status;
    this.fields = status === 400 ? fieldErrors(data) : {};
  }
}

function fieldErrors(data) {
  const found = {};
  for (const [path, rules] of Object.entries(data && typeof data === 'object' ? data : {})) {
    if (!rules || typeof rules !== 'object') continue;
    found[path] = Object.values(rules).map((rule) => (rule && rule.message) || String(rule)).join('; ');
  }
  return found;
}

// One request. `data` goes into the envelope. Resolves with the envelope; rejects with an ApiError.
export async function call(method, path, data, headers = {}) {
  const options = {method, headers: {...headers}};
  if (data !== undefined) {
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify({data});
  }
  for (let tries = 1; ; tries++) {
    const token = session && session.token;
    if (token) options.headers['X-Auth-Token'] = token;
    const answer = await fetched(ROOT + path, options);
    const envelope = await answer.text().then(parse).catch(() => ({}));
    if (answer.ok) return envelope;
    // The account's rate limit. It lets ten requests a second pass.
    if (answer.status === 429 && tries < MOST_TRIES) {
      await new Promise((resolve) => setTimeout(resolve, 500 * tries));
      continue;
    }
    if (answer.status === 401 && token && await renewed(token)) continue;
    throw new ApiError(answer.status, envelope);
  }
}

// Whether there is another token in place of one that is no longer good. All that wait for it share one log-in.
async function renewed(token) {
  if (session && session.token !== token) return true;
  sessionStorage.removeItem(KEY);
  renewal = renewal || whenExpired().finally(() => { renewal = null; });
  if (await renewal) return true;
  if (session) logOut('Your session has expired. Log in again.');
  return false;
}

async function fetched(url, options) {
  try {
    return await fetch(url, {...options, cache: 'no-store'});
  } catch (error) {
    throw new ApiError(0, {message: `The server does not answer (${error.message}).`});
  }
}

export const inAccount = (path) => `/accounts/${session.accountId}${path}`;

// `account` is the realm of an account, or its name.
export async function logInAsUser(account, user, password) {
  const credentials = md5(`${user.toLowerCase()}:${password}`);
  const attempt = (member) => logIn('/user_auth', {credentials, [member]: account});
  const members = account.includes('.') ? ['account_realm', 'account_name'] : ['account_name'];
  for (const [index, member] of members.entries()) {
    try {
      return await opened(await attempt(member));
    } catch (error) {
      if (index === members.length - 1 || ![400, 401, 404].includes(error.status)) throw error;
    }
  }
}

export async function logInWithKey(apiKey) {
  await opened(await logIn('/api_auth', {api_key: apiKey}));
}

// Without a token: a 401 is about the credentials then.
async function logIn(path, data) {
  const answer = await fetched(ROOT + path, {method: 'PUT', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({data})});
  const envelope = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(answer.status, envelope);
  return envelope;
}

async function opened(envelope) {
  const before = session;
  session = {token: envelope.auth_token, ownId: envelope.data.account_id, accountId: envelope.data.account_id};
  const own = (await call('GET', `/accounts/${session.ownId}`)).data;
  session.isOperator = own.superduper_admin === true;
  session.ownName = session.accountName = own.name;
  // A renewed session of the same account goes on where it was.
  if (before && before.ownId === session.ownId) Object.assign(session, {accountId: before.accountId, accountName: before.accountName});
  keep();
}

export function chooseAccount(accountId, name) {
  session.accountId = accountId;
  session.accountName = name;
  keep();
}

function keep() { sessionStorage.setItem(KEY, JSON.stringify(session)); }

export function logOut(reason = '') {
  const ended = session;
  session = null;
  sessionStorage.removeItem(KEY);
  whenLoggedOut(reason, ended);
}

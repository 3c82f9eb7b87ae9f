// The API over HTTP, and who is logged in. The token is in memory and in sessionStorage, nowhere else.

import {md5} from './md5.js';

const ROOT = '/v2';
const KEY = 'console-session';
const MOST_TRIES = 8;

export let session = JSON.parse(sessionStorage.getItem(KEY) || 'null');
let whenLoggedOut = () => {};

export function onLogOut(callback) { whenLoggedOut = callback; }

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
  if (session) options.headers['X-Auth-Token'] = session.token;
  if (data !== undefined) {
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify({data});
  }
  for (let tries = 1; ; tries++) {
    const answer = await fetched(ROOT + path, options);
    const envelope = await answer.json().catch(() => ({}));
    if (answer.ok) return envelope;
    // The account's rate limit. It lets ten requests a second pass.
    if (answer.status === 429 && tries < MOST_TRIES) {
      await new Promise((resolve) => setTimeout(resolve, 500 * tries));
      continue;
    }
    if (answer.status === 401 && session) logOut('Your session has expired. Log in again.');
    throw new ApiError(answer.status, envelope);
  }
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
  const attempt = (member) => call('PUT', '/user_auth', {credentials, [member]: account});
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
  await opened(await call('PUT', '/api_auth', {api_key: apiKey}));
}

async function opened(envelope) {
  session = {token: envelope.auth_token, ownId: envelope.data.account_id, accountId: envelope.data.account_id};
  const own = (await call('GET', `/accounts/${session.ownId}`)).data;
  session.isOperator = own.superduper_admin === true;
  session.ownName = session.accountName = own.name;
  keep();
}

export function chooseAccount(accountId, name) {
  session.accountId = accountId;
  session.accountName = name;
  keep();
}

function keep() { sessionStorage.setItem(KEY, JSON.stringify(session)); }

export function logOut(reason = '') {
  session = null;
  sessionStorage.removeItem(KEY);
  whenLoggedOut(reason);
}

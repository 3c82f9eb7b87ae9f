// Logging in as a user, as the API takes it.

import {md5} from './md5.js';

// `account` is the realm of an account, or its name. `logIn(data)` sends the data of `user_auth` and rejects with an error
// that has the `status`. Resolves to its result.
export async function logInAs(account, user, password, logIn) {
  const credentials = md5(`${user.toLowerCase()}:${password}`);
  if (!account.includes('.')) return logIn({credentials, account_name: account});
  try {
    return await logIn({credentials, account_realm: account});
  } catch (error) {
    if (![400, 401, 404].includes(error.status)) throw error;
    return logIn({credentials, account_name: account});
  }
}

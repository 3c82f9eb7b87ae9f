// The account's numbers, and which trunk has one.

import {call, inAccount} from './api.js';
import {segment, textOf} from './paths.js';
import {numbersOf, serversOf} from './servers.js';
import {trunkPath} from './trunk_requests.js';

const AT_ONCE = 6;

// The account's numbers by number: {state, used_by, …}. Null if they are not known.
export async function accountNumbers() {
  try {
    return (await call('GET', inAccount('/phone_numbers?paginate=false'))).data.numbers || {};
  } catch (error) {
    if (error.status === 401) throw error;
    return null;
  }
}

// A number as Kazoo writes it, in E.164 form, without what people put between its digits.
export async function storedNumber(typed) {
  const number = typed.replace(/[\s()./-]/g, '');
  try {
    return (await call('GET', inAccount(`/phone_numbers/classifiers/${segment(number)}`))).data.e164 || number;
  } catch (error) {
    if (error.status === 401) throw error;
    return number;
  }
}

// The trunk of the account that has a number, but for this one: {id, name, settings}; null if there is none.
export async function holderOf(number, exceptId) {
  const ids = (await call('GET', inAccount('/connectivity?paginate=false'))).data.filter((id) => id !== exceptId);
  let holder = null;
  const look = async () => {
    while (ids.length && !holder) {
      const {data} = await call('GET', trunkPath(ids.shift())).catch((error) => { if (error.status !== 404) throw error; return {data: {}}; });
      const server = serversOf(data).find((each) => numbersOf(each).includes(number));
      if (server) holder = {id: data.id, name: textOf(data.name || data.id), settings: server.DIDs[number]};
    }
  };
  await Promise.all(Array.from({length: AT_ONCE}, look));
  return holder;
}

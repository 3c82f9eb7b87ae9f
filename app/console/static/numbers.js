// The account's numbers, and how a number comes from another trunk.

import {call, inAccount} from './api.js';
import {copy, isObject, segment} from './paths.js';
import {numbersOf, serversOf} from './servers.js';

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

export const trunkPath = (id) => inAccount(`/connectivity/${segment(id)}`);

export const ifMatch = (revision) => (revision ? {'If-Match': `"${revision}"`} : {});

// The trunk of the account that has a number, but for this one: {id, name}; null if there is none.
export async function holderOf(number, exceptId) {
  const ids = (await call('GET', inAccount('/connectivity?paginate=false'))).data.filter((id) => id !== exceptId);
  let holder = null;
  const look = async () => {
    while (ids.length && !holder) {
      const {data} = await call('GET', trunkPath(ids.shift())).catch((error) => { if (error.status !== 404) throw error; return {data: {}}; });
      if (serversOf(data).some((server) => numbersOf(server).includes(number))) holder = {id: data.id, name: data.name || data.id};
    }
  };
  await Promise.all(Array.from({length: AT_ONCE}, look));
  return holder;
}

// Takes numbers out of the trunks that have them: `moves` has {id, name} by number. Resolves to a function that gives
// them back. If one trunk cannot be written, the others get theirs back, and the error names it as `trunk`.
export async function takeAway(moves) {
  const taken = [];
  const giveBack = async () => {
    for (const {path, before, revision} of taken.splice(0).reverse()) await call('POST', path, before, ifMatch(revision));
  };
  for (const holder of new Map([...moves.values()].map((each) => [each.id, each])).values()) {
    const numbers = [...moves.keys()].filter((number) => moves.get(number).id === holder.id);
    const path = trunkPath(holder.id);
    try {
      const {data, revision} = await call('GET', path);
      const answer = await call('POST', path, withoutNumbers(data, numbers), ifMatch(revision));
      taken.push({path, before: data, revision: answer.revision});
    } catch (error) {
      await giveBack();
      error.trunk = holder.name;
      throw error;
    }
  }
  return giveBack;
}

function withoutNumbers(document, numbers) {
  const result = copy(document);
  for (const server of serversOf(result)) {
    if (isObject(server) && isObject(server.DIDs)) numbers.forEach((number) => delete server.DIDs[number]);
  }
  return result;
}

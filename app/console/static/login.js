// Logging in, as a user or with an API key.

import {logInAsUser, logInWithKey} from './api.js';
import {h, replace} from './dom.js';

export function showLogin(main, whenDone) {
  replace(main, h('div', {class: 'login'}, h('h1', {}, 'Log in'), loginForms(whenDone)));
  main.querySelector('input').focus();
}

// Both forms. `whenDone` is called after a successful log-in.
export function loginForms(whenDone) {
  const message = h('p', {role: 'alert', class: 'error'});
  const account = field('Account (name or realm)', {id: 'account', autocomplete: 'organization', required: true});
  const user = field('User', {id: 'user', autocomplete: 'username', required: true});
  const password = field('Password', {id: 'password', type: 'password', autocomplete: 'current-password', required: true});
  const key = field('API key', {id: 'api-key', autocomplete: 'off', required: true});
  const form = (title, fields, logIn) => h('form', {
    onsubmit: async (event) => {
      event.preventDefault();
      message.textContent = '';
      const button = event.target.querySelector('button');
      button.disabled = true;
      try {
        await logIn();
        whenDone();
      } catch (error) {
        message.textContent = [401, 404].includes(error.status) ? 'Unknown credentials.' : error.message;
      } finally {
        button.disabled = false;
      }
    },
  }, fields, h('button', {class: 'main'}, title));
  const value = (label) => label.querySelector('input').value;
  return [message,
    form('Log in', [account, user, password], () => logInAsUser(value(account), value(user), value(password))),
    h('details', {}, h('summary', {}, 'Log in with an API key'),
      form('Log in with the key', [key], () => logInWithKey(value(key).trim())))];
}

function field(label, attributes) {
  return h('label', {class: 'field'}, h('span', {}, label), h('input', attributes));
}

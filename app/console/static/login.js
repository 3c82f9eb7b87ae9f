// Logging in, as a user or with an API key.

import {logInAsUser, logInWithKey} from './api.js';
import {h, replace} from './dom.js';
import {t} from './texts.js';

export function showLogin(main, whenDone) {
  replace(main, h('div', {class: 'narrow mx-auto mt-4'}, h('h1', {class: 'h3'}, t.logIn), loginForms(whenDone)));
  main.querySelector('input').focus();
}

// Both forms. `whenDone` is called after a successful log-in.
export function loginForms(whenDone) {
  const message = h('p', {role: 'alert', class: 'error bad'});
  const account = field(t.account, {id: 'account', autocomplete: 'organization'});
  const user = field(t.user, {id: 'user', autocomplete: 'username'});
  const password = field(t.password, {id: 'password', type: 'password', autocomplete: 'current-password'});
  const key = field(t.apiKey, {id: 'api-key', autocomplete: 'off'});
  const form = (title, fields, logIn) => h('form', {
    onsubmit: async (event) => {
      event.preventDefault();
      message.textContent = '';
      const submit = event.target.querySelector('button');
      submit.disabled = true;
      try {
        await logIn();
        whenDone();
      } catch (error) {
        message.textContent = [401, 404].includes(error.status) ? t.unknownCredentials : error.message;
      } finally {
        submit.disabled = false;
      }
    },
  }, fields, h('button', {class: 'btn btn-primary'}, title));
  const value = (label) => label.querySelector('input').value;
  return [message,
    form(t.logIn, [account, user, password], () => logInAsUser(value(account), value(user), value(password))),
    h('details', {class: 'mt-4'}, h('summary', {}, t.logInWithKey),
      form(t.useKey, [key], () => logInWithKey(value(key).trim())))];
}

function field(label, attributes) {
  return h('label', {class: 'd-block mb-3'}, label, h('input', {class: 'form-control', required: true, ...attributes}));
}

// A form generated from a JSON schema. It edits the document in place. It knows nothing about trunks, so it follows any
// change of the schema. Members that are not in the schema stay as they are.

import {h, replace} from './dom.js';
import {at, copy, isObject, pathText, put, same, steps} from './paths.js';

const PASSWORD_LENGTH = 16;

export class SchemaForm {
  // `suggestions` has suggested keys for maps, by the map's name. `onChange` is called after each change.
  // `newItems` has members of new items of an array, by the array's name, beside those that the schema requires.
  // `storedKeys` has functions that turn what was typed into a key of a map, by the map's name. They return promises.
  constructor(schema, {onChange, suggestions = {}, newItems = {}, storedKeys = {}}) {
    this.newItems = newItems;
    this.storedKeys = storedKeys;
    this.schema = schema;
    this.onChange = onChange;
    this.suggestions = suggestions;
    this.document = {};
    this.opened = new Set();
    this.element = h('div', {class: 'form'});
  }

  show(document) {
    this.document = document;
    replace(this.element, this.#members(this.schema, []));
  }

  // Opens the sections around a field and focuses it. Returns whether there is such a field.
  focus(path) {
    const field = this.#reveal(path);
    if (!field) return false;
    const control = field.matches('details') ? field.querySelector('summary') : field.querySelector('input, select, textarea, button');
    if (control) control.focus();
    field.scrollIntoView({block: 'center'});
    return true;
  }

  // Shows error messages at their fields. `errors` has messages by path.
  showErrors(errors) {
    this.element.querySelectorAll('.error').forEach((element) => element.remove());
    this.element.querySelectorAll('[aria-invalid]').forEach((element) => {
      element.removeAttribute('aria-invalid');
      element.removeAttribute('aria-describedby');
    });
    for (const [path, text] of Object.entries(errors)) {
      const field = this.#reveal(steps(path));
      if (!field) continue;
      const id = `error-${path}`;
      const message = h('p', {class: 'error', id}, text);
      if (field.matches('details')) field.querySelector('summary').after(message);
      else field.append(message);
      const control = field.querySelector(':scope > input, :scope > select, :scope > textarea');
      if (control) {
        control.setAttribute('aria-invalid', 'true');
        control.setAttribute('aria-describedby', id);
      }
    }
  }

  #find(path) { return this.element.querySelector(`[data-path="${CSS.escape(pathText(path))}"]`); }

  #reveal(path) {
    for (let length = 1; length <= path.length; length++) {
      const section = this.#find(path.slice(0, length));
      if (section && section.matches('details') && length < path.length) this.#open(section);
    }
    // A missing member may have no field, so take the closest field around it.
    for (let length = path.length; length > 0; length--) {
      const field = this.#find(path.slice(0, length));
      if (field) return field;
    }
    return null;
  }

  #open(details) {
    details.open = true;
    if (details.fill) details.fill();
  }

  #value(path) { return at(this.document, path); }

  #set(path, value) {
    put(this.document, path, value);
    this.onChange();
  }

  #members(schema, path) {
    const required = schema.required || [];
    return Object.entries(schema.properties || {})
      .map(([name, member]) => this.#field(member, [...path, name], required.includes(name)));
  }

  #field(schema, path, isRequired) {
    if (schema.enum) return this.#choice(schema, path, schema.enum);
    if (schema.type === 'boolean') return this.#choice(schema, path, [true, false]);
    if (schema.type === 'object') return this.#object(schema, path, isRequired);
    if (schema.type === 'array') return this.#array(schema, path);
    return this.#input(schema, path);
  }

  #labelled(schema, path, control) {
    const hint = schema.description ? h('small', {}, schema.description) : null;
    return h('label', {class: 'field', 'data-path': pathText(path)}, h('span', {}, labelOf(path)), control, hint);
  }

  #choice(schema, path, values) {
    const current = this.#value(path);
    const options = current === undefined || values.some((value) => same(value, current)) ? values : [...values, current];
    const unset = schema.default === undefined ? '–' : `default (${textOf(schema.default)})`;
    const select = h('select', {
      onchange: () => this.#set(path, select.value === '' ? undefined : JSON.parse(select.value)),
    }, h('option', {value: ''}, unset),
    options.map((value) => h('option', {value: JSON.stringify(value), selected: same(value, current)}, textOf(value))));
    return this.#labelled(schema, path, select);
  }

  #input(schema, path) {
    const isNumber = schema.type === 'integer' || schema.type === 'number';
    const isSecret = /password/.test(String(path[path.length - 1]));
    const current = this.#value(path);
    const input = h('input', {
      type: isNumber ? 'number' : isSecret ? 'password' : 'text',
      min: schema.minimum, max: schema.maximum, maxlength: schema.maxLength,
      autocomplete: isSecret ? 'new-password' : 'off', spellcheck: 'false',
      placeholder: schema.default === undefined ? null : textOf(schema.default),
      value: current === undefined ? '' : textOf(current),
      oninput: () => this.#set(path, input.value === '' ? undefined : isNumber ? Number(input.value) : input.value),
    });
    const field = this.#labelled(schema, path, input);
    if (!isSecret) return field;
    const show = h('button', {type: 'button', onclick: () => {
      input.type = input.type === 'password' ? 'text' : 'password';
      show.textContent = input.type === 'password' ? 'Show' : 'Hide';
    }}, 'Show');
    const generate = h('button', {type: 'button', onclick: () => {
      input.value = newPassword();
      this.#set(path, input.value);
      if (input.type === 'password') show.click();
    }}, 'Generate');
    return h('div', {class: 'with-button'}, field, show, generate);
  }

  // The content of a closed section is created when it is opened, because documents may be large.
  #details(path, summary, content, isOpen, extra = null) {
    const key = pathText(path);
    const body = h('div', {class: 'body'});
    const details = h('details', {'data-path': key}, h('summary', {}, summary), extra, body);
    details.fill = () => { if (!body.childElementCount) replace(body, content()); };
    if (isOpen || this.opened.has(key)) this.#open(details);
    details.addEventListener('toggle', () => {
      if (details.open) { details.fill(); this.opened.add(key); } else this.opened.delete(key);
    });
    return details;
  }

  #object(schema, path, isRequired) {
    const patterns = Object.entries(schema.patternProperties || {});
    const content = () => [this.#members(schema, path), patterns.map(([, member]) => this.#map(member, path, patterns[0][0]))];
    return this.#details(path, labelOf(path), content, isRequired || (path.length < 3 && isObject(this.#value(path))));
  }

  // An object whose keys are data, such as phone numbers.
  #map(schema, path, pattern) {
    const name = String(path[path.length - 1]);
    const list = `list-${pathText(path)}`;
    const suggestions = this.suggestions[name] || [];
    const input = h('input', {type: 'text', list, pattern, autocomplete: 'off'});
    const entries = h('div', {class: 'entries'});
    const fill = () => replace(entries, Object.keys(this.#value(path) || {}).map((key) => this.#entry(schema, [...path, key], fill)));
    const hint = h('small', {role: 'status'});
    const add = async () => {
      const typed = input.value.trim();
      const key = typed && this.storedKeys[name] ? await this.storedKeys[name](typed) : typed;
      if (!key || !new RegExp(pattern).test(key)) return input.reportValidity();
      hint.textContent = key === typed ? '' : `${typed} is stored as ${key}`;
      if (!isObject(this.#value(path))) put(this.document, path, {});
      if (!(key in this.#value(path))) this.#set([...path, key], {});
      input.value = '';
      fill();
      input.focus();
    };
    input.addEventListener('keydown', (event) => { if (event.key === 'Enter') { event.preventDefault(); add(); } });
    fill();
    return [entries, h('div', {class: 'with-button'},
      h('label', {class: 'field'}, h('span', {}, `Add to ${labelOf(path)}`), input),
      h('datalist', {id: list}, suggestions.map((value) => h('option', {value}))),
      h('button', {type: 'button', onclick: add}, 'Add')), hint];
  }

  #entry(schema, path, refresh) {
    const key = String(path[path.length - 1]);
    const remove = h('button', {type: 'button', class: 'remove', 'aria-label': `Remove ${key}`, onclick: () => {
      this.#set(path, undefined);
      refresh();
    }}, 'Remove');
    return this.#details(path, key, () => this.#members(schema, path), false, remove);
  }

  #array(schema, path) {
    const items = schema.items || {};
    if (items.enum) return this.#checks(items.enum, path);
    if (items.type === 'object' && items.properties) return this.#cards(items, path);
    if (items.type === 'string') return this.#strings(schema, path);
    return null;
  }

  #checks(values, path) {
    const toggle = (value, isOn) => {
      const kept = (Array.isArray(this.#value(path)) ? this.#value(path) : []).filter((other) => !same(other, value));
      this.#set(path, isOn ? [...kept, value] : kept);
    };
    const current = Array.isArray(this.#value(path)) ? this.#value(path) : [];
    return h('fieldset', {'data-path': pathText(path)}, h('legend', {}, labelOf(path)), values.map((value) => h('label', {},
      h('input', {type: 'checkbox', checked: current.includes(value), onchange: (event) => toggle(value, event.target.checked)}),
      textOf(value))));
  }

  #strings(schema, path) {
    const current = this.#value(path);
    const input = h('input', {type: 'text', autocomplete: 'off', value: Array.isArray(current) ? current.join(', ') : '',
      oninput: () => {
        const values = input.value.split(',').map((text) => text.trim()).filter(Boolean);
        this.#set(path, values.length ? values : undefined);
      }});
    return this.#labelled({description: schema.description || 'Separated by commas'}, path, input);
  }

  #cards(schema, path) {
    const cards = h('div', {class: 'cards'});
    const singular = labelOf(path).replace(/s$/, '');
    const items = () => (Array.isArray(this.#value(path)) ? this.#value(path) : []);
    const fill = () => replace(cards, items().map((value, index) => {
      const itemPath = [...path, index];
      const remove = h('button', {type: 'button', class: 'remove', 'aria-label': `Remove ${singular} ${index + 1}`, onclick: () => {
        this.#set(itemPath, undefined);
        this.opened.clear();
        fill();
      }}, 'Remove');
      return this.#details(itemPath, titleOf(value, singular, index), () => this.#members(schema, itemPath), false, remove);
    }));
    const add = h('button', {type: 'button', onclick: () => {
      const index = items().length;
      if (!index) put(this.document, path, []);
      this.#set([...path, index], {...newItem(schema), ...copy(this.newItems[path[path.length - 1]] || {})});
      fill();
      this.focus([...path, index, Object.keys(schema.properties)[0]]);
    }}, `Add ${singular.toLowerCase()}`);
    fill();
    return h('section', {'data-path': pathText(path), 'aria-label': labelOf(path)}, h('h2', {}, labelOf(path)), cards, add);
  }
}

// A new item, with only the required members.
function newItem(schema) {
  if (schema.default !== undefined) return schema.default;
  if (schema.type !== 'object') return undefined;
  const members = (schema.required || []).map((name) => [name, newItem(schema.properties[name] || {})]);
  return Object.fromEntries(members.filter(([, value]) => value !== undefined));
}

// Of letters and digits, without those that are easily confused.
function newPassword() {
  const letters = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  const bytes = crypto.getRandomValues(new Uint8Array(64)).filter((byte) => byte < 4 * letters.length);
  return [...bytes.slice(0, PASSWORD_LENGTH)].map((byte) => letters[byte % letters.length]).join('');
}

function titleOf(value, singular, index) {
  return (isObject(value) && (value.server_name || value.name)) || `${singular} ${index + 1}`;
}

function labelOf(path) {
  const text = String(path[path.length - 1]).replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function textOf(value) {
  if (value === true) return 'yes';
  if (value === false) return 'no';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

// Fields for the members of a document, made from its JSON schema. They edit the document in place. They know nothing
// about trunks, so they follow any change of the schema.

import {button, h} from './dom.js';
import {at, parse, pathText, put, same, textOf} from './paths.js';
import {isSecret} from './secrets.js';
import {labelOf, t} from './texts.js';

const PASSWORD_LENGTH = 16;

export class Fields {
  // `onChange(path)` is called after each change.
  constructor(schema, onChange) {
    this.schema = schema;
    this.document = {};
    this.onChange = onChange;
  }

  value(path) { return at(this.document, path); }

  set(path, value) {
    put(this.document, path, value);
    this.onChange(path);
  }

  // The schema of the member at a path; undefined if the schema has no such member.
  schemaAt(path) {
    return path.reduce((schema, step) => schema && (typeof step === 'number' ? schema.items : memberOf(schema, step)), this.schema);
  }

  // The fields of these members, without those that the schema does not have.
  fields(paths) { return paths.map((path) => this.field(path)).filter(Boolean); }

  // The fields of all members of an object.
  members(path) { return this.fields(Object.keys(this.schemaAt(path).properties || {}).map((name) => [...path, name])); }

  field(path) {
    const schema = this.schemaAt(path);
    if (!schema) return null;
    const items = schema.items || {};
    if (schema.enum) return this.#choice(schema, path, schema.enum);
    if (schema.type === 'boolean') return this.#boolean(schema, path);
    if (['string', 'integer', 'number'].includes(schema.type)) return this.#input(schema, path);
    if (schema.type === 'object' && schema.properties) return this.#object(schema, path);
    if (schema.type === 'array' && items.enum) return this.#checks(schema, path, items.enum);
    if (schema.type === 'array' && items.type === 'string') return this.#strings(schema, path);
    return this.#anyJson(schema, path);
  }

  // A control with its label, a line of help, and what stands around it.
  labelled(path, control, description = '', around = control) {
    const [label, help] = labelOf(path, description);
    const id = `field-${pathText(path)}`;
    control.id = id;
    if (help) control.setAttribute('aria-describedby', `${id}-help`);
    return h('div', {class: 'mb-3', 'data-path': pathText(path)},
      h('label', {class: 'form-label mb-1', for: id}, label), around,
      help && h('div', {class: 'form-text mt-0', id: `${id}-help`}, help));
  }

  #boolean(schema, path) {
    const current = this.#valueOr(path, schema.default);
    if (typeof schema.default !== 'boolean' || typeof current !== 'boolean') return this.#choice(schema, path, [true, false]);
    const [label, help] = labelOf(path, schema.description);
    const id = `field-${pathText(path)}`;
    const box = h('input', {type: 'checkbox', class: 'form-check-input', id, checked: current, onchange: () => this.set(path, box.checked)});
    return h('div', {class: 'form-check mb-3', 'data-path': pathText(path)}, box,
      h('label', {class: 'form-check-label', for: id}, label, help && h('span', {class: 'form-text d-block mt-0'}, help)));
  }

  #valueOr(path, standard) {
    const value = this.value(path);
    return value === undefined ? standard : value;
  }

  #choice(schema, path, values) {
    const current = this.value(path);
    const options = current === undefined || values.some((value) => same(value, current)) ? values : [...values, current];
    const name = path[path.length - 1];
    const optionText = (value) => t.values[`${name}.${shown(value)}`] || shown(value);
    const select = h('select', {
      class: 'form-select', onchange: () => this.set(path, select.value === '' ? undefined : JSON.parse(select.value)),
    }, h('option', {value: ''}, schema.default === undefined ? t.unset : t.standard(optionText(schema.default))),
    options.map((value) => h('option', {value: JSON.stringify(value), selected: same(value, current)}, optionText(value))));
    return this.labelled(path, select, schema.description);
  }

  #input(schema, path) {
    const isNumber = schema.type !== 'string';
    const hides = isSecret(path[path.length - 1]);
    const current = this.value(path);
    const input = h('input', {
      class: 'form-control', type: isNumber ? 'number' : hides ? 'password' : 'text',
      min: schema.minimum, max: schema.maximum, maxlength: schema.maxLength,
      autocomplete: hides ? 'new-password' : 'off', spellcheck: 'false',
      placeholder: schema.default === undefined ? null : shown(schema.default),
      value: current === undefined || current === null ? '' : shown(current),
      oninput: () => this.set(path, input.value === '' ? undefined : isNumber ? Number(input.value) : input.value),
    });
    return this.labelled(path, input, schema.description, hides ? this.#withSecretButtons(input, path) : input);
  }

  #withSecretButtons(input, path) {
    const reveal = (isShown) => {
      input.type = isShown ? 'text' : 'password';
      show.textContent = isShown ? t.hide : t.show;
    };
    const show = button(t.show, 'outline-secondary', () => reveal(input.type === 'password'));
    const generate = button(t.generate, 'outline-secondary', () => {
      input.value = newPassword();
      this.set(path, input.value);
      reveal(true);
    });
    return h('div', {class: 'input-group'}, input, show, generate);
  }

  #object(schema, path) {
    const [label, help] = labelOf(path, schema.description);
    return h('fieldset', {class: 'border rounded-3 px-3 pt-2 mb-3', 'data-path': pathText(path)},
      h('legend', {class: 'fs-6 fw-semibold mb-0'}, label), help && h('p', {class: 'form-text mt-0'}, help),
      h('div', {class: 'row row-cols-1 row-cols-md-2'}, this.members(path).map((field) => h('div', {class: 'col'}, field))));
  }

  #checks(schema, path, values) {
    const current = this.value(path);
    const list = Array.isArray(current) ? current : [];
    const toggle = (value, isOn) => {
      const kept = (Array.isArray(this.value(path)) ? this.value(path) : []).filter((other) => !same(other, value));
      this.set(path, isOn ? [...kept, value] : kept);
    };
    const [label] = labelOf(path, schema.description);
    return h('fieldset', {class: 'mb-3', 'data-path': pathText(path)}, h('legend', {class: 'form-label fs-6 mb-1'}, label), values.map((value) =>
      h('label', {class: 'me-3'}, h('input', {type: 'checkbox', class: 'form-check-input me-1', checked: list.includes(value),
        onchange: (event) => toggle(value, event.target.checked)}), shown(value))));
  }

  #strings(schema, path) {
    const current = this.value(path);
    const input = h('input', {class: 'form-control', type: 'text', autocomplete: 'off', value: Array.isArray(current) ? current.join(', ') : '',
      oninput: () => {
        const values = input.value.split(',').map((text) => text.trim()).filter(Boolean);
        this.set(path, values.length ? values : undefined);
      }});
    return this.labelled(path, input, schema.description || t.separated);
  }

  // For what has no field of its own: a member of any shape, as JSON.
  #anyJson(schema, path) {
    const current = this.value(path);
    const take = () => {
      try {
        this.set(path, area.value.trim() ? parse(area.value) : undefined);
        area.setCustomValidity('');
      } catch (error) {
        area.setCustomValidity(t.invalidJson(error.message));
      }
    };
    const area = h('textarea', {class: 'form-control', rows: 3, spellcheck: 'false', oninput: take}, current === undefined ? '' : JSON.stringify(current, null, 2));
    return this.labelled(path, area, [schema.description, t.asJson].filter(Boolean).join('. '));
  }
}

function memberOf(schema, name) {
  const own = (schema.properties || {})[name];
  if (own) return own;
  const pattern = Object.keys(schema.patternProperties || {}).find((each) => new RegExp(each).test(name));
  return pattern === undefined ? undefined : schema.patternProperties[pattern];
}

// Of letters and digits, without those that are easily confused.
function newPassword() {
  const letters = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  const bytes = crypto.getRandomValues(new Uint8Array(64)).filter((byte) => byte < 4 * letters.length);
  return [...bytes.slice(0, PASSWORD_LENGTH)].map((byte) => letters[byte % letters.length]).join('');
}

function shown(value) {
  if (value === true) return t.yes;
  if (value === false) return t.no;
  return textOf(value);
}


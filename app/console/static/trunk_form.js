// The form of a trunk: its name, its PBXs as cards, its numbers, and what holds for the account. The schema says what
// there is, `layout.js` where it stands.

import {badge, button, h, replace, section} from './dom.js';
import {Fields} from './fields.js';
import {LOOKS, messageOf} from './findings.js';
import {ALWAYS, GROUPS, METHODS, OWN} from './layout.js';
import {NumberList} from './number_list.js';
import {isObject, pathText, put, steps, textOf} from './paths.js';
import {authOf, isOff, methodOf, nameOf, numbersOf, placesOf, serversOf} from './servers.js';
import {t} from './texts.js';

// So many cards are open from the start.
const MOST_OPEN = 3;
const MOST_MARKS = 50;

export class TrunkForm {
  // `account` answers about numbers, see NumberList. `onChange()` is called after each change.
  constructor(schema, account, onChange) {
    this.fields = new Fields(schema, (path) => { this.#fieldChanged(path); onChange(); });
    this.numbers = new NumberList(this.fields, account, () => { this.#cardsChanged(); onChange(); });
    this.onChange = onChange;
    this.findings = [];
    this.cards = h('div');
    this.element = h('div', {class: 'form'});
  }

  // What was open stays open, and what had the focus has it again.
  show(document) {
    const isHere = this.element.contains(window.document.activeElement);
    const {id, selectionStart} = isHere ? window.document.activeElement : {};
    const opened = new Map([...this.element.querySelectorAll('details[data-open]')].map((each) => [each.dataset.open, each.open]));
    this.fields.document = document;
    const members = Object.keys(this.fields.schema.properties || {}).filter((name) => !['name', 'servers', 'account'].includes(name));
    replace(this.element,
      this.fields.field(['name']),
      h('section', {'aria-label': t.pbxs, 'data-path': 'servers'}, h('h2', {class: 'h5'}, t.pbxs), this.cards,
        button(t.addPbx, 'outline-primary mb-4', () => this.#add(), {id: 'add-pbx'})),
      h('section', {'aria-label': t.numbers, 'data-path': 'DIDs'}, h('h2', {class: 'h5'}, t.numbers), this.numbers.element),
      this.fields.schemaAt(['account']) && h('section', {class: 'mt-4', 'data-path': 'account'}, h('h2', {class: 'h5'}, t.accountMembers), this.fields.members(['account'])),
      members.length > 0 && h('section', {class: 'mt-4'}, h('h2', {class: 'h5'}, t.otherMembers), this.fields.fields(members.map((name) => [name]))));
    this.#showCards(serversOf(document).length <= MOST_OPEN);
    this.numbers.show();
    this.#mark();
    // A section may be inside another one, which has to be open first.
    for (const [key, isOpen] of opened) {
      const details = this.element.querySelector(`details[data-open="${CSS.escape(key)}"]`);
      if (details && isOpen) open(details);
      else if (details) details.open = false;
    }
    const control = id && window.document.getElementById(id);
    if (!control) return;
    control.focus({preventScroll: true});
    if (selectionStart !== null && control.type === 'text') control.setSelectionRange(selectionStart, selectionStart);
  }

  // Whether everything that was typed can be part of a document. If not, the browser shows what cannot.
  isValid() {
    const wrong = [...this.element.querySelectorAll('textarea')].find((area) => !area.checkValidity());
    return !wrong || wrong.reportValidity();
  }

  // Opens what is around a field and focuses it.
  focus(path) {
    const field = this.#reveal(this.#placed(path));
    if (!field) return;
    const control = field.matches('details') ? field.querySelector('summary') : field.querySelector('input, select, textarea, button');
    if (control) control.focus();
    field.scrollIntoView({block: 'center'});
  }

  // Shows error messages at their fields. `errors` has messages by path.
  showErrors(errors) {
    this.element.querySelectorAll('.error').forEach((element) => element.remove());
    this.element.querySelectorAll('[aria-invalid]').forEach((control) => {
      control.removeAttribute('aria-invalid');
      control.removeAttribute('aria-errormessage');
      control.classList.remove('is-invalid');
    });
    for (const [text, message] of Object.entries(errors)) {
      const field = this.#reveal(steps(text));
      if (!field) continue;
      const id = `error-${text}`;
      this.#say(field, h('p', {class: 'error bad mb-1', id}, message));
      const control = field.matches('details') ? null : field.querySelector('input, select, textarea');
      if (!control) continue;
      control.setAttribute('aria-invalid', 'true');
      control.setAttribute('aria-errormessage', id);
      control.classList.add('is-invalid');
    }
  }

  // Shows findings at their fields, as far as these are on the page.
  showFindings(findings) {
    this.findings = findings.slice(0, MOST_MARKS);
    this.#mark();
  }

  #mark() {
    this.element.querySelectorAll('.finding').forEach((element) => element.remove());
    for (const finding of this.findings) {
      const field = finding.path && this.#closest(this.#placed(steps(finding.path)));
      if (field) this.#say(field, h('p', {class: `finding mb-1 small ${LOOKS[finding.severity]}`}, messageOf(finding)));
    }
  }

  #say(field, text) {
    if (field.matches('details')) field.querySelector('summary').append(text);
    else field.append(text);
  }

  // A finding of a number says `DIDs.+1…`, wherever the number rings.
  #placed(path) {
    if (path[0] !== 'DIDs' || path.length < 2) return path;
    const number = path.slice(1).join('.');
    const place = placesOf(this.fields.document).find((each) => each.number === number);
    return place ? ['servers', place.index, 'DIDs', number] : path;
  }

  #find(path) { return this.element.querySelector(`[data-path="${CSS.escape(pathText(path))}"]`); }

  // A missing member may have no field, so this is the closest one around it.
  #closest(path) {
    for (let length = path.length; length > 0; length--) {
      const field = this.#find(path.slice(0, length));
      if (field) return field;
    }
    return null;
  }

  #reveal(path) {
    if (path.includes('DIDs')) this.numbers.reveal(path[3]);
    for (let length = 1; length < path.length; length++) {
      const around = this.#find(path.slice(0, length));
      if (!around || this.#find(path)) continue;
      if (around.matches('details')) open(around);
      if (length > 1 && !this.#find(path)) around.querySelectorAll('details').forEach(open);
    }
    const field = this.#closest(path);
    for (let around = field && field.parentElement.closest('details'); around; around = around.parentElement.closest('details')) open(around);
    return field;
  }

  #showCards(areOpen) {
    const servers = serversOf(this.fields.document);
    replace(this.cards, servers.length ? null : h('p', {class: 'text-body-secondary'}, t.noPbxYet),
      servers.map((_, index) => this.#card(index, areOpen)));
  }

  #card(index, isOpen) {
    const summary = h('span', {class: 'title'}, this.#title(index));
    const card = section(summary, () => this.#server(index), {class: 'server card mb-3', 'data-path': `servers.${index}`, 'data-open': `servers.${index}`, open: isOpen});
    card.querySelector('summary').className = 'card-header';
    return card;
  }

  #title(index) {
    const server = serversOf(this.fields.document)[index];
    const numbers = numbersOf(server).length;
    return [h('strong', {}, nameOf(server, index)), h('span', {class: 'text-body-secondary'}, ` · ${authOf(server)} · ${t.numbersCount(numbers)} `),
      isOff(server) && badge(t.off, 'secondary')];
  }

  // What was found there is no longer so, or will be found again in a moment.
  #fieldChanged(path) {
    const field = this.#find(path);
    if (field) field.querySelectorAll('.finding').forEach((element) => element.remove());
    this.#retitle(path);
  }

  #retitle(path) {
    if (path[0] !== 'servers' || typeof path[1] !== 'number') return;
    const title = this.cards.querySelector(`[data-path="servers.${path[1]}"] .title`);
    if (title) replace(title, this.#title(path[1]));
    if (path[2] === 'name') this.numbers.show();
  }

  #cardsChanged() { serversOf(this.fields.document).forEach((_, index) => this.#retitle(['servers', index])); }

  #server(index) {
    const path = ['servers', index];
    const inside = (text) => [...path, ...text.split('.')];
    const enabled = this.fields.fields(ALWAYS.slice(0, 1).map(inside));
    return [
      h('div', {class: 'row align-items-end'}, h('div', {class: 'col-md-8'}, this.#name(index)), h('div', {class: 'col-md-4'}, enabled)),
      this.#method(index),
      this.fields.fields(ALWAYS.slice(1).map(inside)),
      section(t.more, () => this.#more(index), {class: 'more mb-3', 'data-open': `servers.${index}.more`}),
      button(t.remove, 'sm btn-outline-danger', () => this.#remove(index), {'aria-label': t.removePbx(nameOf(serversOf(this.fields.document)[index], index))}),
    ];
  }

  // One field for the two members that clients use: it writes those that the document has.
  #name(index) {
    const path = ['servers', index];
    const server = this.fields.value(path);
    const current = isObject(server) ? server.server_name || server.name : '';
    const write = (value) => {
      const now = this.fields.value(path);
      const isOther = isObject(now) && 'server_name' in now;
      if (isOther) put(this.fields.document, [...path, 'server_name'], value);
      if (!isOther || 'name' in now) put(this.fields.document, [...path, 'name'], value);
      this.fields.onChange([...path, 'name']);
    };
    const input = h('input', {class: 'form-control', type: 'text', autocomplete: 'off', value: current ? textOf(current) : '', oninput: () => write(input.value || undefined)});
    return this.fields.labelled([...path, 'name'], input);
  }

  // How a PBX proves itself, and only the fields that belong to that.
  #method(index) {
    const path = ['servers', index, 'auth', 'auth_method'];
    const schema = this.fields.schemaAt(path);
    if (!schema || !schema.enum) return this.fields.field(path);
    const chosen = methodOf(this.fields.value(['servers', index]));
    const methods = new Map([...schema.enum].reverse().map((value) => [textOf(value).toLowerCase(), value]));
    const choose = (method) => {
      this.fields.set(path, methods.get(method));
      this.#redraw(index);
      this.cards.querySelector(`#method-${index}-${CSS.escape(method)}`).focus();
    };
    const radios = [...methods.keys()].reverse().map((method) => h('div', {class: 'form-check form-check-inline'},
      h('input', {type: 'radio', class: 'form-check-input', id: `method-${index}-${method}`, name: `method-${index}`, value: method, checked: method === chosen, onchange: () => choose(method)}),
      h('label', {class: 'form-check-label', for: `method-${index}-${method}`}, t.methods[method] || method)));
    const members = (METHODS[chosen] || []).map((text) => ['servers', index, ...text.split('.')]);
    return h('fieldset', {'data-path': `servers.${index}.auth`},
      h('legend', {class: 'form-label fs-6 mb-1'}, t.proof), h('div', {class: 'mb-2', 'data-path': pathText(path)}, radios),
      h('div', {class: 'row row-cols-1 row-cols-md-2'}, this.fields.fields(members).map((field) => h('div', {class: 'col'}, field))));
  }

  #more(index) {
    const path = ['servers', index];
    const schema = this.fields.schemaAt(path);
    const method = methodOf(this.fields.value(path));
    const placed = [...OWN, ...ALWAYS, ...(METHODS[method] || []), ...Object.values(GROUPS).flat()];
    const groups = {...GROUPS, other: rest(schema, placed)};
    return Object.entries(groups).map(([name, members]) => {
      const fields = this.fields.fields(members.map((text) => [...path, ...text.split('.')]));
      const isTitled = fields.length > 1 || (fields.length && !fields[0].matches('fieldset'));
      return fields.length > 0 && h('section', {class: 'mt-3'}, isTitled && h('h3', {class: 'h6'}, t.groups[name]),
        h('div', {class: 'row'}, fields.map((field) => h('div', {class: field.matches('fieldset') ? 'col-12' : 'col-md-6'}, field))));
    });
  }

  #redraw(index) {
    const body = this.cards.querySelector(`[data-path="servers.${index}"] > .body`);
    // The findings are about the other method. New ones come in a moment.
    replace(body, this.#server(index));
  }

  #add() {
    const {document} = this.fields;
    if (!Array.isArray(document.servers)) document.servers = [];
    const names = document.servers.map(nameOf);
    let number = document.servers.length + 1;
    while (names.includes(t.pbx(number))) number += 1;
    const method = (this.fields.schemaAt(['servers', 0, 'auth', 'auth_method']) || {}).default || 'password';
    // With these, it can register and is called.
    const server = {name: t.pbx(number), auth: {auth_method: method}, options: {enabled: true}, DIDs: {}};
    document.servers.push(server);
    if (document.servers.length === 1) this.#showCards(true);
    else this.cards.append(this.#card(document.servers.length - 1, true));
    this.numbers.show();
    this.onChange();
    this.focus(['servers', document.servers.length - 1, 'name']);
    window.document.activeElement.select();
  }

  #remove(index) {
    const opened = [...this.cards.querySelectorAll('.server')].map((card) => card.open);
    opened.splice(index, 1);
    this.fields.document.servers.splice(index, 1);
    this.#showCards(false);
    [...this.cards.querySelectorAll('.server')].forEach((card, each) => { if (opened[each]) open(card); });
    this.numbers.show();
    this.#mark();
    this.onChange();
    this.element.querySelector('#add-pbx').focus();
  }
}

function open(details) {
  details.open = true;
  details.fill();
}

// The members of a schema that are not in `placed`, as texts of paths. An object is taken apart only if some of its
// members are placed.
function rest(schema, placed, around = '') {
  return Object.entries(schema.properties || {}).flatMap(([name, member]) => {
    const path = around + name;
    if (placed.includes(path)) return [];
    if (placed.some((other) => other.startsWith(`${path}.`))) return rest(member, placed, `${path}.`);
    return [path];
  });
}

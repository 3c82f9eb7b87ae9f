// The numbers of a trunk as one list, each with the PBX where it rings, and the account's numbers to choose from.

import {attempt, badge, button, h, replace, section} from './dom.js';
import {copy, isObject, put} from './paths.js';
import {nameOf, placesOf, serversOf} from './servers.js';
import {t} from './texts.js';

const MOST_SHOWN = 50;
const TRUNKSTORE = 'trunkstore';

export class NumberList {
  // `account` has `numbers`, the account's by number ({state, used_by}), or null if they are not known; `stored(typed)`,
  // which resolves to a number as Kazoo writes it; and `holderOf(number)`, which resolves to the other trunk ({id, name,
  // settings}) that has it, or to null.
  constructor(fields, account, onChange) {
    this.fields = fields;
    this.account = account;
    this.onChange = onChange;
    // The trunks from which numbers come with the next save, by number.
    this.moves = new Map();
    this.most = MOST_SHOWN;
    this.element = h('div', {class: 'numbers'});
    this.list = h('ul', {class: 'list-group mb-2'});
    this.all = h('div');
    this.hint = h('div', {class: 'form-text', role: 'status', id: 'number-hint'});
  }

  show() {
    this.#showList();
    const {servers} = this;
    if (!servers.length) return replace(this.element, h('p', {class: 'text-body-secondary'}, t.needsPbx));
    const picked = this.place ? this.place.value : '0';
    this.typed = h('input', {class: 'form-control', type: 'tel', id: 'new-number', autocomplete: 'off', 'aria-describedby': 'number-hint'});
    this.place = h('select', {class: 'form-select', id: 'new-number-place'}, this.#options(picked in servers ? Number(picked) : 0));
    const take = (event) => { event.preventDefault(); attempt(() => this.#take()); };
    const isOpen = Boolean(this.element.querySelector('#account-numbers[open]'));
    replace(this.element, this.list, this.all,
      h('form', {class: 'row g-2 align-items-end mb-2', onsubmit: take},
        h('div', {class: 'col-md-5'}, h('label', {class: 'form-label mb-1', for: 'new-number'}, t.addNumber), this.typed),
        h('div', {class: 'col-md-5'}, h('label', {class: 'form-label mb-1', for: 'new-number-place'}, t.ringsAt), this.place),
        h('div', {class: 'col-md-2'}, h('button', {class: 'btn btn-outline-primary w-100', id: 'add-number'}, t.add))),
      this.hint,
      this.account.numbers && section(t.accountNumbers(Object.keys(this.account.numbers).length), () => this.#picker(), {class: 'mt-2', id: 'account-numbers', open: isOpen}));
    if (!this.hint.textContent) this.hint.textContent = t.numberHint;
  }

  // Shows all numbers if this one is not among those that are shown.
  reveal(number) {
    if (this.places.findIndex((place) => place.number === number) < this.most) return;
    this.most = Infinity;
    this.#showList();
  }

  get servers() { return serversOf(this.fields.document); }

  get places() { return placesOf(this.fields.document); }

  #showList() {
    const {places} = this;
    replace(this.list, places.length ? null : h('li', {class: 'list-group-item text-body-secondary'}, t.noNumbers),
      places.slice(0, this.most).map((place) => this.#row(place)));
    const showAll = () => { this.most = Infinity; this.#showList(); };
    replace(this.all, places.length > this.most && button(t.showAll(places.length), 'sm btn-outline-secondary mb-2', showAll));
  }

  #row({number, index}) {
    const path = ['servers', index, 'DIDs', number];
    // A trunk may have thousands of numbers and hundreds of PBXs, so the others come when somebody looks.
    const fill = () => { if (place.length === 1) replace(place, this.#options(index)); };
    const place = h('select', {class: 'form-select form-select-sm w-auto mw-100', 'aria-label': t.ringsAtOf(number), onfocus: fill, onmousedown: fill,
      onchange: () => this.#move(path, Number(place.value))}, h('option', {value: index}, nameOf(this.servers[index], index)));
    const schema = this.fields.schemaAt(path);
    return h('li', {class: 'list-group-item', 'data-path': path.join('.')},
      h('div', {class: 'd-flex flex-wrap gap-2 align-items-center'},
        h('strong', {class: 'me-auto'}, number), this.#state(number), place,
        button(t.remove, 'sm btn-outline-secondary', () => this.#remove(path), {'aria-label': t.removeNumber(number)})),
      schema && schema.properties && section(h('span', {'aria-label': t.optionsOf(number)}, t.options), () => this.fields.members(path), {class: 'small', 'data-open': path.join('.')}));
  }

  #options(chosen) {
    return this.servers.map((server, index) => h('option', {value: index, selected: index === chosen}, nameOf(server, index)));
  }

  // What is known about a number.
  #state(number) {
    if (this.moves.has(number)) return badge(t.moves(this.moves.get(number).name), 'primary');
    if (!this.account.numbers) return null;
    const known = this.account.numbers[number];
    if (!known) return badge(t.notOfAccount, 'warning');
    return badge(t.states[known.state] || known.state, known.state === 'in_service' ? 'success' : 'warning');
  }

  #picker() {
    const list = h('ul', {class: 'list-group list-group-flush'});
    const filter = h('input', {class: 'form-control form-control-sm', type: 'search', 'aria-label': t.filter, placeholder: t.filter, oninput: () => fill()});
    const fill = () => {
      const digits = filter.value.replace(/\D/g, '');
      const found = Object.keys(this.account.numbers).filter((number) => number.includes(digits));
      replace(list, found.slice(0, MOST_SHOWN).map((number) => this.#offer(number)),
        found.length > MOST_SHOWN && h('li', {class: 'list-group-item'}, t.andMore(found.length - MOST_SHOWN)));
    };
    fill();
    return [filter, list];
  }

  #offer(number) {
    const {state, used_by: use} = this.account.numbers[number];
    const isHere = this.places.some((place) => place.number === number);
    const isElsewhere = !isHere && use === TRUNKSTORE;
    const text = isHere ? t.here : isElsewhere ? t.otherTrunk : use ? t.usedBy(use) : t.free;
    return h('li', {class: 'list-group-item d-flex flex-wrap gap-2 align-items-center', 'data-number': number},
      h('span', {class: 'me-auto'}, number), badge(t.states[state] || state, state === 'in_service' ? 'success' : 'warning'), text,
      isElsewhere && button(t.moveHere, 'sm btn-outline-primary', () => this.#bring(number), {'aria-label': t.moveHereOf(number)}),
      !isHere && !use && button(t.add, 'sm btn-outline-primary', () => this.#put(number), {'aria-label': t.addOf(number)}));
  }

  // Adds what was typed. A number of another trunk is only offered.
  async #take() {
    const typed = this.typed.value.trim();
    const number = typed && await this.account.stored(typed);
    const [pattern] = Object.keys((this.fields.schemaAt(['servers', 0, 'DIDs']) || {}).patternProperties || {'': {}});
    if (!number || !new RegExp(pattern).test(number)) {
      this.hint.textContent = typed ? t.noNumber(typed) : t.numberHint;
      return this.typed.focus();
    }
    this.hint.textContent = number === typed ? '' : t.storedAs(typed, number);
    const known = (this.account.numbers || {})[number];
    const isElsewhere = known && known.used_by === TRUNKSTORE && !this.places.some((place) => place.number === number);
    if (!isElsewhere) return this.#put(number);
    replace(this.hint, `${number}: ${t.otherTrunk}. `, button(t.moveHere, 'sm btn-outline-primary', () => this.#bring(number)));
  }

  // Lets a number come from the trunk that has it.
  async #bring(number) {
    this.hint.textContent = t.looking;
    let holder;
    try {
      holder = await this.account.holderOf(number);
    } catch (error) {
      this.hint.textContent = t.numberHint;
      throw error;
    }
    if (holder) this.moves.set(number, {id: holder.id, name: holder.name});
    this.hint.textContent = holder ? t.movesFrom(number, holder.name) : t.noHolder(number);
    this.#put(number, holder ? copy(holder.settings) : {});
  }

  #put(number, settings = {}) {
    const index = Number(this.place.value);
    const isThere = this.places.some((place) => place.number === number);
    if (!isThere) this.#write(['servers', index, 'DIDs', number], settings);
    this.most = Math.max(this.most, this.places.length);
    this.show();
    this.typed.focus();
    if (!isThere) this.onChange();
  }

  #move(path, index) {
    const number = path[3];
    const settings = this.fields.value(path);
    put(this.fields.document, path, undefined);
    this.#write(['servers', index, 'DIDs', number], settings);
    this.show();
    this.onChange();
  }

  #remove(path) {
    put(this.fields.document, path, undefined);
    this.moves.delete(path[3]);
    this.show();
    this.onChange();
    this.typed.focus();
  }

  #write(path, value) {
    const around = path.slice(0, -1);
    if (!isObject(this.fields.value(around))) put(this.fields.document, around, {});
    put(this.fields.document, path, value);
  }
}

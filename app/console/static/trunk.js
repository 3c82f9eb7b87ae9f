// One trunk: a form and its JSON side by side, a picture, and its versions.

import {call, inAccount} from './api.js';
import {ask, h, notify, replace} from './dom.js';
import {ASK, errorsIn, findingsOf, keyOf, showFindings} from './findings.js';
import {newestVersion, putBack, showVersions} from './history.js';
import {merge} from './merge.js';
import {copy, isObject, parse, same, segment, steps} from './paths.js';
import {picture} from './picture.js';
import {SchemaForm} from './schema_form.js';
import {tryNumber} from './trial.js';

const NEW = 'new';
const SAVE = 'Save';
const SAVE_ANYWAY = 'Save anyway';
const MOST_NUMBERS = 1000;
// In characters of JSON. With a longer text, a browser takes half a second of layout for each keystroke.
const LONG = 40000;
// With these, a PBX can register and is called.
const NEW_SERVER = {options: {enabled: true}, DIDs: {}};

export async function showTrunk(main, id) {
  const isNew = id === NEW;
  const [schema, numbers, stored, version] = await Promise.all([
    call('GET', '/schemas/connectivity').then((answer) => answer.data),
    spareNumbers(),
    isNew ? {data: {name: '', servers: []}} : storedTrunk(id),
    isNew ? null : newestVersion(id),
  ]);
  return new Editor(main, isNew ? null : id, schema, numbers, stored, version !== null).show();
}

async function storedTrunk(id) {
  try {
    return await call('GET', inAccount(`/connectivity/${segment(id)}${ASK}`));
  } catch (error) {
    throw error.status === 404 ? new Error('There is no such trunk.') : error;
  }
}

// The account's unused numbers.
async function spareNumbers() {
  try {
    const {numbers = {}} = (await call('GET', inAccount('/phone_numbers?paginate=false'))).data;
    return Object.keys(numbers).filter((number) => !numbers[number].used_by).slice(0, MOST_NUMBERS);
  } catch (error) {
    if (error.status === 401) throw error;
    return [];
  }
}

// A number as Kazoo knows it, in E.164 form, without what people put between its digits.
async function storedNumber(typed) {
  const number = typed.replace(/[\s()./-]/g, '');
  try {
    return (await call('GET', inAccount(`/phone_numbers/classifiers/${segment(number)}`))).data.e164 || number;
  } catch (error) {
    if (error.status === 401) throw error;
    return number;
  }
}

class Editor {
  constructor(main, id, schema, numbers, stored, hasVersions) {
    this.main = main;
    this.id = id;
    this.hasVersions = hasVersions;
    this.form = new SchemaForm(schema, {onChange: () => this.#formChanged(), suggestions: {DIDs: numbers}, newItems: {servers: NEW_SERVER}, storedKeys: {DIDs: storedNumber}});
    this.json = h('textarea', {id: 'json', spellcheck: 'false', rows: 24, oninput: () => this.#jsonChanged()});
    this.jsonPart = h('details', {class: 'part', ontoggle: () => { if (!this.jsonError.textContent) this.#writeJson(); }}, h('summary', {}, 'JSON'));
    this.jsonError = h('p', {class: 'error', role: 'alert', id: 'json-error'});
    this.summary = h('div', {class: 'summary', role: 'alert', tabindex: -1});
    this.findings = h('section', {class: 'findings', 'aria-label': 'Findings', 'aria-live': 'polite'});
    // The errors of the stored trunk, and those with which the person wants to save.
    this.known = new Set();
    this.title = h('h1');
    this.saveButton = h('button', {type: 'button', class: 'main', id: 'save', onclick: () => this.save()}, SAVE);
    this.picture = h('div');
    this.trial = h('section', {'aria-label': 'Try a number'});
    this.versions = h('section', {'aria-label': 'Versions'});
    this.state = h('span', {role: 'status'});
    this.jsonPart.append(h('label', {for: 'json', class: 'hidden'}, 'JSON of the trunk'), this.jsonError, this.json);
    this.jsonPart.open = JSON.stringify(stored.data).length < LONG;
    this.#take(stored);
  }

  show() {
    const keys = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === 's') { event.preventDefault(); this.save(); }
    };
    addEventListener('keydown', keys);
    replace(this.main,
      h('p', {}, h('a', {href: '#/trunks'}, '← Trunks')),
      h('div', {class: 'bar'}, this.title, this.state,
        this.saveButton,
        this.id ? h('button', {type: 'button', class: 'danger', onclick: () => this.remove()}, 'Delete') : null),
      this.summary,
      this.findings,
      lazy('Picture', this.picture, () => this.#draw()),
      h('div', {class: 'columns'},
        h('section', {'aria-label': 'Form'}, this.form.element),
        h('section', {'aria-label': 'JSON'}, this.jsonPart)),
      this.id ? lazy('Try a number', this.trial, () => tryNumber(this.trial, this.id, (path) => this.form.focus(path))) : null,
      this.hasVersions ? lazy('Versions', this.versions, () => this.#showVersions()) : null);
    return {
      isChanged: () => this.#isChanged(),
      mayLeave: () => {
        if (!this.#isChanged() || confirm('Leave without saving?')) return true;
        history.replaceState(null, '', `#/trunks/${this.id ? encodeURIComponent(this.id) : NEW}`);
        return false;
      },
      dispose: () => removeEventListener('keydown', keys),
    };
  }

  async save() {
    if (this.jsonError.textContent) {
      this.jsonPart.open = true;
      return this.json.focus();
    }
    // One at a time: a second PUT would create a second trunk.
    if (this.isSaving) return;
    this.isSaving = true;
    this.#showErrors({});
    try {
      // What is typed meanwhile is for the next save.
      const sent = copy(this.document);
      if (await this.#mayWork(sent)) await this.#send(sent);
    } catch (error) {
      if (error.status === 401) return;
      if (error.status === 412) await this.#mergeWithTheirs();
      else this.#showErrors(error.fields, Object.keys(error.fields).length ? '' : error.message);
    } finally {
      this.isSaving = false;
    }
  }

  // Whether nothing that is new will not work, or the person has seen it and wants to save all the same.
  async #mayWork(document) {
    const found = await findingsOf(document);
    const errors = errorsIn(found).filter((finding) => !this.known.has(keyOf(finding)));
    if (!errors.length) return true;
    this.#showFindings(found);
    this.saveButton.textContent = SAVE_ANYWAY;
    notify('Not saved: something will not work. Look at it, or save anyway.');
    return false;
  }

  // Shows findings. The same errors are no reason to ask again.
  #showFindings(findings) {
    showFindings(this.findings, findings, (path) => this.form.focus(path));
    this.known = new Set(errorsIn(findings).map(keyOf));
  }

  async #send(sent) {
    const isNew = this.id === null;
    const answer = isNew
      ? await call('PUT', inAccount(`/connectivity${ASK}`), sent)
      : await call('POST', inAccount(`/connectivity/${segment(this.id)}${ASK}`), sent, {'If-Match': this.etag});
    notify('Saved.');
    const hasMore = !same(sent, this.document);
    if (!hasMore) this.#take(answer);
    else this.#takeBase(answer);
    this.id = answer.data.id;
    if (!isNew) return this.#refresh();
    // Go to the new trunk's address. If there are newer changes, keep the editor as it is.
    const address = `#/trunks/${encodeURIComponent(this.id)}`;
    if (hasMore) history.replaceState(null, '', address);
    else location.replace(address);
  }

  async remove() {
    const name = this.base.name || this.id;
    const isSure = await ask('Delete this trunk?', (close) => {
      const input = h('input', {id: 'confirm', autocomplete: 'off', oninput: () => { button.disabled = input.value !== name; }});
      const button = h('button', {class: 'danger', disabled: true}, 'Delete');
      return h('form', {onsubmit: (event) => { event.preventDefault(); close(true); }},
        h('label', {class: 'field'}, h('span', {}, `Enter its name, ${name}, to delete it`), input),
        h('div', {class: 'bar'}, button, h('button', {type: 'button', onclick: () => close(null)}, 'Cancel')));
    });
    if (!isSure) return;
    try {
      await call('DELETE', inAccount(`/connectivity/${segment(this.id)}`), undefined, {'If-Match': this.etag});
    } catch (error) {
      if (error.status !== 401) notify(error.status === 412 ? 'Someone else has changed the trunk. Reload it.' : error.message);
      return;
    }
    const {id, revision} = this;
    const undo = async () => {
      try {
        await putBack(id, revision);
        location.hash = `#/trunks/${encodeURIComponent(id)}`;
      } catch (error) { notify(error.message); }
    };
    notify(`${name} was deleted.`, this.hasVersions ? {label: 'Undo', run: undo} : null);
    this.base = this.document;
    location.hash = '#/trunks';
  }

  // Starts to edit what the server has.
  #take(answer) {
    this.document = copy(answer.data);
    this.#takeBase(answer);
    this.#showDocument();
  }

  #takeBase({data, revision, findings}) {
    if (findings) this.#showFindings(findings);
    this.base = copy(data);
    this.revision = revision;
    this.etag = revision ? `"${revision}"` : null;
    this.#changed();
  }

  #showDocument() {
    this.title.textContent = this.document.name || this.id || 'New trunk';
    this.form.show(this.document);
    this.#writeJson();
    this.#changed();
  }

  #writeJson() {
    this.json.value = this.jsonPart.open ? JSON.stringify(this.document, null, 2) : '';
    this.jsonError.textContent = '';
  }

  #formChanged() {
    this.#writeJson();
    this.#changed();
  }

  #jsonChanged() {
    try {
      const value = parse(this.json.value);
      if (!isObject(value)) throw new Error('a trunk is an object');
      this.document = value;
      this.jsonError.textContent = '';
    } catch (error) {
      this.jsonError.textContent = `Invalid JSON: ${error.message}`;
      return;
    }
    this.form.show(this.document);
    this.#changed();
  }

  #changed() {
    this.state.textContent = this.#isChanged() ? 'Not saved' : '';
    this.saveButton.textContent = SAVE;
    if (this.picture.childElementCount) this.#draw();
  }

  #isChanged() { return !same(this.base, this.document); }

  #draw() { replace(this.picture, picture(this.document, (path) => this.form.focus(path))); }

  async #showVersions() {
    await showVersions(this.versions, this.id, this.etag, (answer) => {
      this.#take(answer);
      this.#refresh();
      notify('Put back.');
    });
  }

  #refresh() { if (this.versions.childElementCount) this.#showVersions(); }

  async #mergeWithTheirs() {
    const theirs = await call('GET', inAccount(`/connectivity/${segment(this.id)}${ASK}`)).catch((error) => error);
    if (theirs instanceof Error) return this.#showErrors({}, theirs.status === 404 ? 'Someone else has deleted this trunk.' : theirs.message);
    const merged = await merge(this.base, this.document, theirs.data);
    if (!merged) return;
    this.#take(theirs);
    this.document = merged;
    this.#showDocument();
    this.state.textContent = 'Merged, not saved';
  }

  // Shows the API's messages, both at their fields and in a summary.
  #showErrors(errors, message = '') {
    this.form.showErrors(errors);
    const paths = Object.keys(errors);
    const go = (path) => (event) => { event.preventDefault(); this.form.focus(steps(path)); };
    replace(this.summary,
      message ? h('p', {}, message) : null,
      paths.length ? h('p', {}, 'The API rejected this:') : null,
      paths.length ? h('ul', {}, paths.map((path) => h('li', {}, h('a', {href: '#', onclick: go(path)}, path), `: ${errors[path]}`))) : null);
    if (message || paths.length) this.summary.focus();
  }
}

// A section whose content is created when it is opened.
function lazy(title, content, fill) {
  const details = h('details', {class: 'part'}, h('summary', {}, title), content);
  details.addEventListener('toggle', () => { if (details.open) fill(); else replace(content); });
  return details;
}

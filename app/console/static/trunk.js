// One trunk: a picture, a form, its JSON, its versions, and where calls to it go.

import {call, session} from './api.js';
import {changes} from './changes.js';
import {action, ask, attempt, button, h, notify, replace} from './dom.js';
import {draftOf, dropDraft, keepDraft} from './draft.js';
import {ASK, errorsIn, findingsOf, keyOf, showFindings} from './findings.js';
import {newestVersion, putBack, showVersions} from './history.js';
import {merge} from './merge.js';
import {accountNumbers, holderOf, storedNumber} from './numbers.js';
import {copy, isObject, same, steps, textOf} from './paths.js';
import {picture} from './picture.js';
import {HiddenSecrets} from './secrets.js';
import {placeText, placesOf} from './servers.js';
import {t} from './texts.js';
import {tryNumber} from './trial.js';
import {TrunkForm} from './trunk_form.js';
import {created, ifMatch, replaced, takeAway, trunkPath} from './trunk_requests.js';

const NEW = 'new';
const WIDE = matchMedia('(min-width: 75rem)');
// After the last change, in milliseconds: what is told on the page, and what the service is asked.
const TELL_AFTER = 150;
const ASK_AFTER = 1000;
const MOST_CHANGES = 100;

export async function showTrunk(main, id) {
  const isNew = id === NEW;
  const [schema, numbers, stored, version] = await Promise.all([
    call('GET', '/schemas/connectivity').then((answer) => answer.data),
    accountNumbers(),
    isNew ? {data: {name: session.accountName, servers: []}} : storedTrunk(id),
    isNew ? null : newestVersion(id).catch(unlessExpired),
  ]);
  return new Editor(main, isNew ? null : id, schema, numbers, version !== null).show(stored);
}

// If the history does not answer, there may be versions all the same.
function unlessExpired(error) {
  if (error.status === 401) throw error;
}

async function storedTrunk(id) {
  try {
    return await call('GET', trunkPath(id) + ASK);
  } catch (error) {
    throw error.status === 404 ? new Error(t.noTrunk) : error;
  }
}

class Editor {
  constructor(main, id, schema, numbers, hasVersions) {
    this.main = main;
    this.id = id;
    this.hasVersions = hasVersions;
    const account = {numbers, stored: storedNumber, holderOf: (number) => holderOf(number, this.id)};
    this.form = new TrunkForm(schema, account, () => this.#changed());
    this.moves = this.form.numbers.moves;
    this.secrets = new HiddenSecrets();
    this.found = [];
    // The errors of the stored trunk, and those with which the person wants to save.
    this.known = new Set();
    this.#makeParts();
  }

  #makeParts() {
    this.title = h('h1', {class: 'h3 mb-0 me-auto'});
    this.summary = h('div', {class: 'summary', role: 'alert', tabindex: -1});
    this.findings = h('section', {class: 'findings', 'aria-label': t.findings, 'aria-live': 'polite'});
    this.pictureBody = h('div');
    this.pictureCard = h('details', {class: 'card my-3', id: 'picture', open: WIDE.matches, ontoggle: () => this.#draw()},
      h('summary', {class: 'card-header'}, t.picture), h('div', {class: 'card-body'}, this.pictureBody));
    this.json = h('textarea', {id: 'json', class: 'form-control', spellcheck: 'false', rows: 24, oninput: () => this.#jsonChanged()});
    this.jsonError = h('p', {class: 'error bad', role: 'alert', id: 'json-error'});
    this.secretButton = button(t.showSecrets, 'sm btn-outline-secondary mb-2', () => this.#toggleSecrets(), {id: 'secrets'});
    this.versions = h('div');
    this.trial = h('div');
    this.panels = {
      form: h('div', {}, this.form.element),
      json: h('div', {}, this.secretButton, h('label', {for: 'json', class: 'visually-hidden'}, t.jsonOfTrunk), this.jsonError, this.json),
      versions: this.versions, tryNumber: this.trial,
    };
    this.changeCount = h('span', {class: 'visually-hidden', role: 'status'});
    this.changeList = h('div', {class: 'flex-grow-1', id: 'changes'});
    this.saveButton = button(t.save, 'primary', () => this.save(), {id: 'save', 'aria-keyshortcuts': 'Control+S'});
    this.discardButton = button(t.discard, 'outline-secondary', () => this.#discard(), {id: 'discard', hidden: true});
  }

  show(stored) {
    const keys = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === 's') { event.preventDefault(); this.save(); }
    };
    addEventListener('keydown', keys);
    const names = ['form', 'json', this.id && this.hasVersions && 'versions', this.id && 'tryNumber'].filter(Boolean);
    this.tabs = names.map((name, index) => h('button', {type: 'button', role: 'tab', class: 'nav-link', id: `tab-${name}`, 'aria-controls': `panel-${name}`,
      onclick: () => this.#open(name), onkeydown: (event) => this.#tabKey(event, names, index)}, t[name]));
    names.forEach((name) => Object.entries({role: 'tabpanel', id: `panel-${name}`, 'aria-labelledby': `tab-${name}`, tabindex: -1})
      .forEach(([attribute, value]) => this.panels[name].setAttribute(attribute, value)));
    replace(this.main,
      h('p', {class: 'mb-2'}, h('a', {href: '#/trunks'}, `← ${t.trunks}`)),
      h('div', {class: 'd-flex flex-wrap gap-2 align-items-center'}, this.title,
        this.id ? button(t.delete, 'outline-danger', () => this.remove()) : null),
      this.summary, this.findings, this.pictureCard,
      h('div', {class: 'nav nav-tabs mb-3', role: 'tablist'}, this.tabs),
      names.map((name) => this.panels[name]),
      h('div', {class: 'save-bar sticky-bottom card mt-4'}, h('div', {class: 'card-body d-flex flex-wrap gap-2 align-items-start py-2'},
        this.changeCount, this.changeList, this.discardButton,
        h('span', {class: 'text-nowrap'}, this.saveButton, ' ', h('kbd', {class: 'd-none d-md-inline'}, t.saveKeys)))));
    this.#open('form');
    this.#start(stored);
    return {
      isChanged: () => this.#isChanged(),
      mayLeave: () => this.#mayLeave(),
      keep: () => this.#keep(),
      dispose: () => {
        this.isGone = true;
        removeEventListener('keydown', keys);
        this.#stopWaiting();
      },
    };
  }

  // Goes on with what was not saved when the tab was loaded anew.
  #start(stored) {
    this.#take(stored);
    const draft = draftOf(this.id);
    if (!draft) return;
    Object.entries(draft.moves).forEach(([number, holder]) => this.moves.set(number, holder));
    // If someone else has saved since then, the next save shows both.
    this.#takeBase({data: draft.base, revision: draft.revision});
    this.document = draft.document;
    this.#showDocument();
    notify(t.isBackUnsaved, {label: t.discard, run: () => this.#discard()});
  }

  #mayLose() { return !this.#isChanged() || confirm(t.leave); }

  #mayLeave() {
    if (this.#mayLose()) {
      dropDraft(this.id);
      return true;
    }
    history.replaceState(null, '', `#/trunks/${this.id ? encodeURIComponent(this.id) : NEW}`);
    return false;
  }

  async #discard() {
    if (this.isGone) return;
    await this.#takeStored();
    notify(t.discarded);
  }

  async #takeStored() {
    const stored = this.id ? await call('GET', trunkPath(this.id) + ASK) : {data: this.base, findings: []};
    this.moves.clear();
    this.#take(stored);
  }

  #open(name) {
    this.tabs.forEach((tab) => {
      const isOpen = tab.id === `tab-${name}`;
      tab.classList.toggle('active', isOpen);
      tab.setAttribute('aria-selected', String(isOpen));
      tab.tabIndex = isOpen ? 0 : -1;
      this.panels[tab.id.slice('tab-'.length)].hidden = !isOpen;
    });
    this.opened = name;
    if (name === 'json' && !this.jsonError.textContent) this.#writeJson();
    if (name === 'versions') attempt(() => this.#showVersions());
    if (name === 'tryNumber' && !this.trial.childElementCount) tryNumber(this.trial, this.id, (path) => placeText(this.document, path), (path) => this.#focus(path));
  }

  // The arrow keys go from tab to tab.
  #tabKey(event, names, index) {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!step) return;
    const next = (index + step + names.length) % names.length;
    this.#open(names[next]);
    this.tabs[next].focus();
  }

  #focus(path) {
    this.#open('form');
    this.form.focus(path);
  }

  async save() {
    if (this.jsonError.textContent) {
      this.#open('json');
      return this.json.focus();
    }
    if (!this.form.isValid()) return this.#open('form');
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
      if (error.notGivenBack && error.notGivenBack.length) notify(t.notTakenBack(error.notGivenBack.join(', ')), {label: t.dismiss, run: () => {}});
      if (error.stored) this.#adopt(error.stored);
      if (error.trunk) this.#showErrors({}, error.status === 412 ? t.holderChanged(error.trunk) : error.message);
      else if (error.status === 412) await this.#mergeWithTheirs();
      else this.#showErrors(error.fields, Object.keys(error.fields).length ? '' : error.message);
    } finally {
      this.isSaving = false;
    }
  }

  // Whether nothing that is new will not work, or the person has seen it and wants to save all the same.
  async #mayWork(document) {
    const found = this.#withoutMoved(await findingsOf(document, this.id));
    const errors = errorsIn(found).filter((finding) => !this.known.has(keyOf(finding)));
    if (!errors.length) return true;
    this.#showFindings(found);
    this.known = new Set(errorsIn(found).map(keyOf));
    this.saveButton.textContent = t.saveAnyway;
    notify(t.willNotWork);
    return false;
  }

  // A number that moves here will be in one trunk only.
  #withoutMoved(findings) {
    return findings.filter((finding) => !(finding.rule === 'number-twice' && this.moves.has(finding.path.slice('DIDs.'.length))));
  }

  #showFindings(found) {
    this.found = found;
    showFindings(this.findings, this.document, found, (path) => this.#focus(path));
    this.form.showFindings(found);
    this.#draw();
  }

  // Saves, and takes the numbers that move here out of their trunks before. If the save fails, they get them back.
  async #send(sent) {
    const isNew = this.id === null;
    const numbers = new Set(placesOf(sent).map((place) => place.number));
    const moves = new Map([...this.moves].filter(([number]) => numbers.has(number)));
    const giveBack = await takeAway(moves);
    let answer;
    try {
      answer = isNew ? await created(sent) : await replaced(this.id, this.revision, sent);
    } catch (error) {
      error.notGivenBack = await giveBack();
      const others = [...new Set([...moves.values()].map((holder) => holder.name))].filter((name) => !error.notGivenBack.includes(name));
      if (others.length) notify(t.takenBack(others.join(', ')));
      throw error;
    }
    this.#isSaved(answer, sent, moves, isNew);
  }

  // Goes on with a new trunk of which only a part is stored, so that the next save does not make another one.
  #adopt({data, revision}) {
    dropDraft(this.id);
    this.id = data.id;
    this.#takeBase({data, revision});
    this.#keep();
    history.replaceState(null, '', `#/trunks/${encodeURIComponent(this.id)}`);
  }

  #isSaved(answer, sent, moves, isNew) {
    notify(t.saved);
    moves.forEach((holder, number) => { this.moves.delete(number); notify(t.moved(number, holder.name)); });
    // The person may have left in the meantime.
    if (this.isGone) return;
    dropDraft(this.id);
    const hasMore = !same(sent, this.document);
    if (!hasMore) this.#take(answer);
    else this.#takeBase(answer);
    this.id = answer.data.id;
    if (!isNew) {
      if (this.opened === 'versions') attempt(() => this.#showVersions());
      return;
    }
    // Go to the new trunk's address. If there are newer changes, keep the editor as it is.
    const address = `#/trunks/${encodeURIComponent(this.id)}`;
    if (hasMore) history.replaceState(null, '', address);
    else location.replace(address);
  }

  async remove() {
    const name = this.base.name ? textOf(this.base.name) : this.id;
    const isSure = await ask(t.deleteThis, (close) => {
      const input = h('input', {id: 'confirm', class: 'form-control mb-3', autocomplete: 'off', oninput: () => { submit.disabled = input.value !== name; }});
      const submit = h('button', {class: 'btn btn-danger', disabled: true}, t.delete);
      return h('form', {onsubmit: (event) => { event.preventDefault(); close(true); }},
        h('label', {for: 'confirm', class: 'form-label'}, t.enterName(name)), input,
        h('div', {class: 'd-flex gap-2'}, submit, button(t.cancel, 'outline-secondary', () => close(null))));
    });
    if (!isSure) return;
    const {id, revision} = this;
    const path = trunkPath(id);
    try {
      await call('DELETE', path, undefined, ifMatch(revision));
    } catch (error) {
      if (error.status === 412) return notify(t.changedElsewhere);
      throw error;
    }
    const undo = () => attempt(async () => {
      // Somebody may have brought it back and changed it since.
      const isThere = await call('GET', path).then(() => true, (error) => { if (error.status !== 404) throw error; });
      if (isThere) return notify(t.isThereAgain(name));
      await putBack(path, revision);
      location.hash = `#/trunks/${encodeURIComponent(id)}`;
    });
    notify(t.wasDeleted(name), this.hasVersions ? {label: t.undo, run: undo} : null);
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
    this.base = copy(data);
    this.revision = revision;
    if (findings) this.#showFindings(findings);
    if (findings) this.known = new Set(errorsIn(findings).map(keyOf));
    this.#changed();
  }

  #showDocument() {
    this.title.textContent = (this.id && this.document.name && textOf(this.document.name)) || this.id || t.newTrunk;
    this.form.show(this.document);
    this.jsonError.textContent = '';
    if (this.opened === 'json') this.#writeJson();
    this.#changed();
  }

  #writeJson() { this.json.value = this.showsSecrets ? JSON.stringify(this.document, null, 2) : this.secrets.write(this.document); }

  #toggleSecrets() {
    if (this.jsonError.textContent) return this.json.focus();
    this.showsSecrets = !this.showsSecrets;
    this.secretButton.textContent = this.showsSecrets ? t.hideSecrets : t.showSecrets;
    this.#writeJson();
  }

  #jsonChanged() {
    try {
      const value = this.secrets.read(this.json.value);
      if (!isObject(value)) throw new Error(t.noObject);
      this.document = value;
      this.jsonError.textContent = '';
    } catch (error) {
      this.jsonError.textContent = t.invalidJson(error.message);
      return this.#changed();
    }
    this.form.show(this.document);
    this.#changed();
  }

  #changed() {
    if (this.isGone) return;
    this.saveButton.textContent = t.save;
    this.#stopWaiting();
    this.telling = setTimeout(() => this.#tell(), TELL_AFTER);
  }

  #stopWaiting() {
    clearTimeout(this.telling);
    clearTimeout(this.asking);
  }

  // Tells what is not saved, and keeps it for a reload.
  #tell() {
    const isChanged = this.#isChanged();
    if (isChanged) this.#keep();
    else dropDraft(this.id);
    this.#forgetMoves();
    document.title = `${isChanged ? '● ' : ''}${this.title.textContent} – ${t.console}`;
    this.discardButton.hidden = !isChanged;
    this.saveButton.classList.toggle('btn-primary', isChanged || !this.id);
    this.saveButton.classList.toggle('btn-outline-secondary', !isChanged && Boolean(this.id));
    this.#draw();
    const state = this.id ? t.nothingToSave : t.notSaved;
    replace(this.changeList, isChanged ? this.#changesNow() : h('span', {class: 'text-body-secondary'}, state));
    if (!isChanged) this.changeCount.textContent = state;
    if (isChanged) this.asking = setTimeout(() => this.#askForFindings(), ASK_AFTER);
  }

  #keep() { keepDraft(this.id, {base: this.base, revision: this.revision, document: this.document, moves: Object.fromEntries(this.moves)}); }

  // A number that is no longer here does not move here.
  #forgetMoves() {
    const numbers = new Set(placesOf(this.document).map((place) => place.number));
    [...this.moves.keys()].filter((number) => !numbers.has(number)).forEach((number) => this.moves.delete(number));
  }

  #changesNow() {
    const found = changes(this.base, this.document);
    const moved = [...this.moves].map(([number, holder]) => ({text: t.movesFrom(number, holder.name)}));
    const lines = [...found, ...moved].slice(0, MOST_CHANGES);
    const known = this.changeList.querySelector('details');
    this.changeCount.textContent = t.changes(Math.max(found.length, 1));
    return h('details', {open: known ? known.open : WIDE.matches}, h('summary', {class: 'fw-semibold'}, this.changeCount.textContent),
      h('ul', {class: 'mb-0 small'}, lines.map(({text}) => h('li', {}, text))));
  }

  async #askForFindings() {
    const asked = copy(this.document);
    const found = await findingsOf(asked, this.id).catch(() => null);
    // A save may have told more in the meantime.
    if (found && !this.isGone && !this.isSaving && same(asked, this.document)) this.#showFindings(this.#withoutMoved(found));
  }

  #isChanged() { return Boolean(this.jsonError.textContent) || !same(this.base, this.document); }

  #draw() {
    if (this.document && this.pictureCard.open) replace(this.pictureBody, picture(this.document, this.found, (path) => this.#focus(path)));
  }

  async #showVersions() {
    await showVersions(this.versions, this.id, this.revision, () => this.#mayLose(), async () => {
      notify(t.isPutBack);
      await this.#takeStored();
      await this.#showVersions();
    });
  }

  async #mergeWithTheirs() {
    const theirs = await call('GET', trunkPath(this.id) + ASK).catch((error) => error);
    if (theirs instanceof Error) return this.#showErrors({}, theirs.status === 404 ? t.deletedElsewhere : theirs.message);
    const merged = await merge(this.base, this.document, theirs.data);
    if (!merged) return;
    this.#take(theirs);
    this.document = merged;
    this.#showDocument();
    notify(t.mergedNotSaved);
  }

  // Shows the API's messages, both at their fields and in a summary.
  #showErrors(errors, message = '') {
    this.form.showErrors(errors);
    const paths = Object.keys(errors);
    replace(this.summary, message || paths.length ? h('div', {class: 'alert alert-danger my-3'},
      message ? h('p', {class: 'mb-0'}, message) : null,
      paths.length ? [h('p', {}, t.rejected), h('ul', {class: 'mb-0'}, paths.map((path) =>
        h('li', {}, action(placeText(this.document, steps(path)), () => this.#focus(steps(path)), {class: 'alert-link', 'data-to': path}), `: ${errors[path]}`)))] : null) : null);
    if (message || paths.length) this.summary.focus();
  }
}

// A model on the page: its targets, styles and results.
import {$, ask, blobOf, chosenSize, later, page, press, say, seed, show, thumb, upload} from "./page.js";

const STYLES = 8, TRANSLATING = "Translating …";

export class Panel {
  constructor(facts, index, turned) { // `turned` starts the panel after another target is chosen
    this.facts = facts; this.index = index; this.turned = turned;
    this.element = $("#panel").content.firstElementChild.cloneNode(true);
    this.generation = 0; this.count = STYLES; this.references = []; this.ends = [null, null];
    this.pending = null;
    const find = (selector) => $(selector, this.element);
    this.find = find;
    find("h2").textContent = `${facts.name} · ${facts.method}`;
    this.targets();
    find(".styles").hidden = !facts.random;
    find(".reference").hidden = !facts.references;
    find(".reference-file").multiple = Boolean(facts.needs_reference);
    find(".between").hidden = !facts.style_numbers && !facts.labels_blend;
    find(".more").addEventListener("click", () => { this.count += STYLES; this.fill(); });
    find(".wipe input").addEventListener("input", (event) => this.wipe(event.target.value));
    find(".copy").addEventListener("click", () => this.copy());
    find(".copy-image").addEventListener("click", () => this.copyImage());
    find(".reset").addEventListener("click", () => { for (const one of this.find(".axes").querySelectorAll("input")) one.value = 0; this.slide(); });
    find(".first").addEventListener("click", () => this.end(0));
    find(".second").addEventListener("click", () => this.end(1));
    find(".mix input").addEventListener("input", () => this.mix());
    find(".reference-file").addEventListener("change", (event) => {
      this.bring([...event.target.files]);
      event.target.value = ""; // so that the same file can be chosen again
    });
  }
  targets() {
    const {facts} = this, box = this.find(".targets");
    box.hidden = facts.targets.length < 2;
    facts.targets.forEach((name, number) => {
      const label = document.createElement("label"), field = document.createElement("input"), text = document.createElement("span");
      label.className = "toggle";
      const alone = !facts.labels;
      field.type = alone ? "radio" : "checkbox";
      field.name = `to-${this.index}`;
      field.value = name;
      field.checked = alone ? number === facts.targets.length - 1 : number === 0;
      text.textContent = name;
      field.addEventListener("change", () => {
        if (!alone && field.checked) for (const other of box.querySelectorAll("input")) {
          if (other !== field && this.excludes(name, other.value)) other.checked = false;
        }
        const [, classes] = facts.sets.find(([names]) => names.includes(name)) ?? [];
        if (classes) field.checked = true; // an image always has one
        this.turn();
      });
      label.append(field, text);
      box.append(label);
    });
  }
  get to() {
    const {facts} = this, chosen = [...this.find(".targets").querySelectorAll("input:checked")].map((one) => one.value);
    if (!facts.targets.length) return null;
    if (!facts.labels) return chosen[0] ?? facts.targets[0];
    const [names, classes] = facts.sets.find(([own]) => own.includes(chosen[0])) ?? facts.sets[0];
    return Object.fromEntries(names.filter((name) => !classes || chosen.includes(name)).map((name) => [name, Number(chosen.includes(name))]));
  }
  excludes(name, other) { // labels of a group, and those of other data sets, whose labels are not known together
    const {groups, sets} = this.facts;
    return groups.some((names) => names.includes(name) && names.includes(other)) || !sets.some(([names]) => names.includes(name) && names.includes(other));
  }
  get source() { return (typeof this.to === "string" && this.facts.source[this.to]) || this.facts.letter; }
  get of() { return (typeof this.to === "string" && this.facts.of[this.to]) || this.facts.letter; }
  turn() { // another target
    this.references = [];
    if (!this.facts.labels_blend && !this.facts.styles_of_all) {
      this.ends = [null, null];
      this.find(".mix input").disabled = true;
    }
    this.offerReferences();
    this.slidersFor();
    this.turned(this);
  }
  offerReferences() {
    const strip = this.find(".refs");
    strip.replaceChildren();
    for (const one of this.facts.samples[this.of] ?? []) {
      const button = thumb(`Use the style of ${one.group || one.name}`, one.group);
      $("img", button).src = this.picture(one.id, null);
      button.addEventListener("click", () => {
        press(strip.children, button);
        this.references = [one.id];
        this.refer();
      });
      strip.append(button);
    }
  }
  picture(id, size, to = this.referenceTarget) {
    const query = new URLSearchParams({id, model: this.index, to: JSON.stringify(to), size: JSON.stringify(size)});
    return `/demo/image?${query}`;
  }
  get referenceTarget() { // as a reference is of the target's domain, it is shown as an input of the other way
    if (typeof this.to !== "string") return this.to;
    return Object.keys(this.facts.source).find((name) => this.facts.source[name] === this.of) ?? this.to;
  }
  async bring(files) {
    try {
      const found = [];
      if (files.length > 16) throw new Error(`At most 16 reference images are used, and these are ${files.length}; choose fewer.`);
      for (const file of files) found.push((await upload(file)).id);
      if (found.length) { this.references = found; press(this.find(".refs").children, null); this.refer(); }
    } catch (error) { say(error.message, true); }
  }
  refer() { this.select({references: this.references}); if (this.facts.stochastic) this.fill(); }
  async slidersFor() {
    if (!this.facts.style_numbers) return;
    const mine = ++this.turnNumber || (this.turnNumber = 1);
    try {
      const found = await later(async () => (await ask("/demo/directions", {model: this.index, to: this.to})).json());
      if (mine !== this.turnNumber) return;
      this.steps = found.steps;
      const axes = this.find(".axes");
      axes.replaceChildren();
      found.shares.forEach((share, number) => {
        const label = document.createElement("label"), field = document.createElement("input");
        label.textContent = `Direction ${number + 1} (${Math.round(100 * share)} % of the variance) `;
        Object.assign(field, {type: "range", min: -3, max: 3, step: 0.1, value: 0});
        field.addEventListener("input", () => this.slide());
        label.append(field);
        axes.append(label);
      });
      this.find(".of").textContent = found.of ? `Principal directions of ${found.of}; a slider goes three standard deviations either way from the image shown.` : "";
      this.find(".sliders").hidden = !found.steps.length;
    } catch (error) { say(error.message, true); }
  }
  start() { // another input, seed or target
    if (!page.input) return;
    this.generation++;
    this.count = STYLES;
    this.base = null;
    const before = this.find(".before");
    const size = chosenSize();
    before.src = this.picture(page.input.id, size, this.to);
    this.find(".grid").replaceChildren();
    if (this.facts.needs_reference && !this.references.length) {
      const first = this.facts.samples[this.of]?.[0];
      if (!first) { say("Choose a reference image of the class to translate to."); return; }
      this.references = [first.id];
      press(this.find(".refs").children, this.find(".refs").firstElementChild);
    }
    if (this.references.length) this.select({references: this.references});
    else this.select({seed: seed()});
    if (this.facts.random) this.fill();
  }
  async fill() {
    const grid = this.find(".grid"), mine = this.generation;
    while (grid.children.length < this.count) {
      const number = seed() + grid.children.length, button = thumb(`Style of seed ${number}`, `seed ${number}`);
      button.classList.add("waiting");
      button.addEventListener("click", () => { this.references = []; press(this.find(".refs").children, null); this.select({seed: number}, button); });
      grid.append(button);
      later(async () => {
        if (mine !== this.generation) return;
        const made = await (await ask("/demo/translate", this.fields({seed: number}))).json();
        if (mine !== this.generation) return;
        show($("img", button), blobOf(made.image));
        button.classList.remove("waiting");
        if (number === seed() && !this.references.length) press(grid.children, button);
      }).catch((error) => say(error.message, true));
    }
  }
  fields(how) {
    const fields = {model: this.index, image: page.input.id, to: this.to, size: chosenSize(), ...how};
    if (fields.seed === undefined) fields.seed = seed();
    return fields;
  }
  async select(how, button = null) { // only the newest wish counts while one is being carried out
    if (button || how.references) press(this.find(".grid").children, button);
    this.pending = {how, moved: Boolean(how.style ?? how.to)};
    if (this.working) return;
    this.working = true;
    while (this.pending) {
      const {how: wish, moved} = this.pending, mine = this.generation;
      this.pending = null;
      try {
        say(TRANSLATING);
        const made = await (await ask("/demo/translate", this.fields(wish))).json();
        if (mine !== this.generation) { this.pending ??= {how: this.references.length ? {references: this.references} : {seed: seed()}, moved: false}; continue; }
        this.put(made, wish, moved);
        if ($("#status").textContent === TRANSLATING) say(""); // not what was said since
      } catch (error) { say(error.message, true); }
    }
    this.working = false;
  }
  put(made, wish, moved) {
    this.image = blobOf(made.image);
    const url = show(this.find(".after"), this.image), link = this.find(".save");
    this.find(".copy-image").disabled = false;
    link.href = url;
    link.download = made.name;
    this.style = made.style;
    this.labels = wish.to ?? this.to;
    if (!moved) {
      this.base = made.style;
      for (const one of this.find(".axes").querySelectorAll("input")) one.value = 0;
    }
    this.find("code").textContent = made.command;
    this.find(".notes").textContent = made.notes.join(" ");
    this.find(".which").textContent = wish.to ? "between the two results" : wish.style ? "a style of your own" : wish.references ? "the style of the reference" : this.facts.random ? `seed ${wish.seed}` : "";
    this.element.dataset.ready = String((Number(this.element.dataset.ready) || 0) + 1);
    this.wipe(this.find(".wipe input").value);
  }
  slide() {
    if (!this.base || !this.steps) return;
    const amounts = [...this.find(".axes").querySelectorAll("input")].map((one) => Number(one.value));
    this.select({style: this.base.map((number, i) => number + amounts.reduce((sum, amount, k) => sum + amount * this.steps[k][i], 0))});
  }
  end(which) {
    if (!this.image) return;
    this.ends[which] = {style: this.style, labels: this.labels};
    say(which ? "This result is the second." : "This result is the first.");
    const ready = this.ends[0] && this.ends[1];
    this.find(".mix input").disabled = !ready;
    if (ready) this.mix();
  }
  mix() {
    const t = Number(this.find(".mix input").value), [first, second] = this.ends;
    const between = (a = 0, b = 0) => (1 - t) * a + t * b, how = {};
    if (first.style) how.style = first.style.map((number, i) => between(number, second.style[i]));
    if (this.facts.labels_blend) {
      const names = Object.keys({...first.labels, ...second.labels});
      how.to = Object.fromEntries(names.map((name) => [name, Number(between(first.labels[name], second.labels[name]).toFixed(4))]));
    }
    this.select(how);
  }
  wipe(percent) {
    this.find(".before").style.clipPath = `inset(0 ${100 - percent}% 0 0)`;
  }
  async copy() {
    const text = this.find("code").textContent;
    try { await navigator.clipboard.writeText(text); }
    catch {
      getSelection().selectAllChildren(this.find("code"));
      if (!document.execCommand("copy")) {
        say("The browser does not let this page copy; the command is selected, so copy it with the keyboard.", true);
        return;
      }
    }
    say("The command is copied.");
  }
  async copyImage() {
    try {
      await navigator.clipboard.write([new ClipboardItem({"image/png": this.image})]);
      say("The image is copied.");
    } catch { // refused, or the browser lacks it, as all do at http addresses of other computers
      say(isSecureContext
        ? "The browser does not let this page copy images; allow it the clipboard, or save the image."
        : "Browsers copy images only from pages on this computer or with HTTPS; save the image.", true);
    }
  }
}

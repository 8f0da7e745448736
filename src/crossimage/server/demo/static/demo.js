"use strict";
const $ = (selector, within = document) => within.querySelector(selector);
const STYLES = 8;
let panels = [], input = null, objects = new Map();

function say(text, wrong = false) {
  const status = $("#status");
  status.textContent = text;
  status.classList.toggle("wrong", wrong);
}

async function ask(path, fields) {
  const response = await fetch(path, fields === undefined ? {} : {
    method: "POST", body: fields instanceof Blob ? fields : JSON.stringify(fields),
    headers: {"Content-Type": fields instanceof Blob ? "application/octet-stream" : "application/json"},
  }).catch(() => { throw new Error("The server does not answer; is it still running?"); });
  if (response.ok) return response;
  const text = await response.text();
  let reason = text;
  try { reason = JSON.parse(text).error; } catch { /* a plain sentence */ }
  const error = new Error(reason);
  throw error;
}

const queue = [];
let running = 0;
function later(work) { // two requests at a time, so that a click is never far behind
  return new Promise((resolve, reject) => { queue.push({work, resolve, reject}); next(); });
}
function next() {
  if (running >= 2 || !queue.length) return;
  const {work, resolve, reject} = queue.shift();
  running++;
  work().then(resolve, reject).finally(() => { running--; next(); });
}

function blobOf(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Blob([bytes], {type: "image/png"});
}
function show(image, blob) {
  const before = objects.get(image);
  if (before) URL.revokeObjectURL(before);
  const url = URL.createObjectURL(blob);
  objects.set(image, url);
  image.src = url;
  return url;
}
function thumb(label, text) {
  const button = document.createElement("button"), image = document.createElement("img");
  button.type = "button";
  button.className = "thumb";
  button.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-label", label);
  image.alt = "";
  button.append(image);
  if (text) { const span = document.createElement("span"); span.textContent = text; button.append(span); }
  return button;
}
function press(buttons, pressed) {
  for (const one of buttons) one.setAttribute("aria-pressed", String(one === pressed));
}

class Panel {
  constructor(facts, index) {
    this.facts = facts; this.index = index;
    this.element = $("#panel").content.firstElementChild.cloneNode(true);
    this.generation = 0; this.count = STYLES; this.references = []; this.ends = [null, null];
    this.pending = null;
    const find = (selector) => $(selector, this.element);
    this.find = find;
    find("h2").textContent = `${facts.name} · ${facts.method}`;
    this.targets();
    find(".styles").hidden = !facts.random;
    find(".reference").hidden = !facts.references;
    find(".between").hidden = !facts.style_numbers;
    find(".more").addEventListener("click", () => { this.count += STYLES; this.fill(); });
    find(".wipe input").addEventListener("input", (event) => this.wipe(event.target.value));
    find(".copy").addEventListener("click", () => this.copy());
    find(".copy-image").addEventListener("click", () => this.copyImage());
    find(".reset").addEventListener("click", () => { for (const one of this.find(".axes").querySelectorAll("input")) one.value = 0; this.slide(); });
    find(".first").addEventListener("click", () => this.end(0));
    find(".second").addEventListener("click", () => this.end(1));
    find(".mix input").addEventListener("input", () => this.mix());
    find(".reference-file").addEventListener("change", (event) => this.bring([...event.target.files]));
  }
  targets() {
    const {facts} = this, box = this.find(".targets");
    box.hidden = facts.targets.length < 2;
    const grouped = new Map();
    facts.groups.forEach((names, number) => names.forEach((name) => grouped.set(name, number)));
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
          if (other !== field && grouped.has(name) && grouped.get(name) === grouped.get(other.value)) other.checked = false;
        }
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
    const exclusive = new Set(facts.groups.flat());
    const values = {};
    for (const name of facts.targets) if (!exclusive.has(name) || chosen.includes(name)) values[name] = Number(chosen.includes(name));
    return Object.keys(values).length ? values : {[facts.targets[0]]: 1};
  }
  get source() { return (typeof this.to === "string" && this.facts.source[this.to]) || this.facts.letter; }
  get of() { return (typeof this.to === "string" && this.facts.of[this.to]) || this.facts.letter; }
  async turn() { // another target
    this.references = [];
    this.ends = [null, null];
    this.find(".mix input").disabled = true;
    this.offerReferences();
    this.slidersFor();
    if (this.index === 0) await offerSamples();
    await this.start();
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
      for (const file of files.slice(0, this.facts.needs_reference ? 16 : 1)) found.push((await upload(file)).id);
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
  async start() { // another input, seed or target
    if (!input) return;
    this.generation++;
    this.count = STYLES;
    this.base = null;
    const before = this.find(".before");
    const size = chosenSize();
    before.src = this.picture(input.id, size, this.to);
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
    const fields = {model: this.index, image: input.id, to: this.to, size: chosenSize(), ...how};
    if (fields.seed === undefined) fields.seed = seed();
    return fields;
  }
  async select(how, button = null) { // only the newest wish counts while one is being carried out
    if (button || how.references) press(this.find(".grid").children, button);
    this.pending = {how, moved: Boolean(how.style)};
    if (this.working) return;
    this.working = true;
    while (this.pending) {
      const {how: wish, moved} = this.pending, mine = this.generation;
      this.pending = null;
      try {
        say("Translating …");
        const made = await (await ask("/demo/translate", this.fields(wish))).json();
        if (mine !== this.generation) { this.pending ??= {how: this.references.length ? {references: this.references} : {seed: seed()}, moved: false}; continue; }
        this.put(made, wish, moved);
        say("");
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
    if (!moved) {
      this.base = made.style;
      for (const one of this.find(".axes").querySelectorAll("input")) one.value = 0;
    }
    this.find("code").textContent = made.command;
    this.find(".notes").textContent = made.notes.join(" ");
    this.find(".which").textContent = wish.style ? "a style of your own" : wish.references ? "the style of the reference" : this.facts.random ? `seed ${wish.seed}` : "";
    this.element.dataset.ready = String((Number(this.element.dataset.ready) || 0) + 1);
    this.wipe(this.find(".wipe input").value);
  }
  slide() {
    if (!this.base || !this.steps) return;
    const amounts = [...this.find(".axes").querySelectorAll("input")].map((one) => Number(one.value));
    this.select({style: this.base.map((number, i) => number + amounts.reduce((sum, amount, k) => sum + amount * this.steps[k][i], 0))});
  }
  end(which) {
    if (!this.style) return;
    this.ends[which] = this.style;
    say(which ? "This result is the second." : "This result is the first.");
    const ready = this.ends[0] && this.ends[1];
    this.find(".mix input").disabled = !ready;
    if (ready) this.mix();
  }
  mix() {
    const t = Number(this.find(".mix input").value), [first, second] = this.ends;
    this.select({style: first.map((number, i) => (1 - t) * number + t * second[i])});
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

const seed = () => Math.min(Number.MAX_SAFE_INTEGER - 1000, Math.max(0, Math.trunc(Number($("#seed").value) || 0)));
function chosenSize() {
  const value = $("#size").value;
  return value && value !== "own" ? Number(value) : null;
}
function offerSizes() {
  const select = $("#size"), sizes = [...new Set(panels.filter((p) => p.facts.resizes).map((p) => p.facts.trained))];
  select.replaceChildren(new Option("as it is", "own"));
  if (panels.every((panel) => panel.facts.resizes)) for (const size of sizes) {
    for (const times of [1, 2]) select.add(new Option(`${size * times} px, ${times === 1 ? "as in training" : "twice as in training"}`, String(size * times)));
    if (input?.shortest > 2 * size) select.value = String(size);
  }
  select.closest("label").hidden = select.options.length < 2;
}

async function upload(file) {
  const name = file.name || "pasted.png";
  return (await ask(`/demo/images?${new URLSearchParams({name: name.slice(-100)})}`, file)).json();
}
async function use(file) {
  if (!file) return;
  try {
    say("Reading the image …");
    const found = await upload(file);
    press($("#samples").children, null);
    take(found.id, found.name, Math.min(found.width, found.height));
  } catch (error) { say(error.message, true); }
}
function take(id, name, shortest = 0) {
  input = {id, name, shortest};
  offerSizes();
  const link = $("#save-input");
  link.href = `/demo/image?${new URLSearchParams({id})}`;
  link.download = name;
  for (const panel of panels) panel.start();
}
async function offerSamples() {
  const strip = $("#samples"), seen = new Set();
  strip.replaceChildren();
  for (const panel of panels) for (const one of panel.facts.samples[panel.source] ?? []) {
    if (seen.has(one.name + one.group) && panel.index) continue;
    seen.add(one.name + one.group);
    const button = thumb(`Sample ${one.name}`, one.group);
    $("img", button).src = panel.picture(one.id, null, panel.to);
    button.addEventListener("click", () => { press(strip.children, button); measure(one.id, one.name, panel); });
    strip.append(button);
  }
  const first = strip.firstElementChild;
  if (first) {
    press(strip.children, first);
    const [panel, one] = panels.map((p) => [p, p.facts.samples[p.source]?.[0]]).find(([, s]) => s);
    await measure(one.id, one.name, panel, false);
  } else if (!input) say("Choose, drop or paste an image.");
  const by = panels.map((panel) => panel.facts.made_by).find(Boolean);
  $("#made-by").hidden = !by;
  $("#made-by").textContent = by ? `The samples are those of: ${by}` : "";
}
async function measure(id, name, panel, start = true) {
  try {
    const response = await ask(panel.picture(id, null, panel.to));
    const sides = response.headers.get("X-Size").split("x").map(Number);
    if (start) take(id, name, Math.min(...sides));
    else {
      input = {id, name, shortest: Math.min(...sides)};
      offerSizes();
      const link = $("#save-input");
      link.href = `/demo/image?${new URLSearchParams({id})}`;
      link.download = name;
    }
  } catch (error) { say(error.message, true); }
}

function camera() {
  const box = $("#camera"), video = $("#video");
  const close = () => { video.srcObject?.getTracks().forEach((track) => track.stop()); video.srcObject = null; box.hidden = true; };
  $("#webcam").hidden = !navigator.mediaDevices?.getUserMedia;
  $("#webcam").addEventListener("click", async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({video: true});
      box.hidden = false;
      await video.play();
      $("#shoot").focus();
    } catch { say("The webcam can't be used; allow it in the browser, or choose an image.", true); }
  });
  $("#unshoot").addEventListener("click", close);
  $("#shoot").addEventListener("click", () => {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    close();
    canvas.toBlob((blob) => blob && use(new File([blob], "webcam.png", {type: "image/png"})));
  });
}

addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  use(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])][0];
  if (file) use(new File([file], "pasted.png", {type: file.type}));
});

(async () => {
  try {
    const facts = await (await ask("/demo/models")).json();
    panels = facts.map((one, index) => new Panel(one, index));
    $("#models").append(...panels.map((panel) => panel.element));
    $("#file").addEventListener("change", (event) => use(event.target.files[0]));
    for (const name of ["#seed", "#size"]) $(name).addEventListener("change", () => panels.forEach((panel) => panel.start()));
    camera();
    await offerSamples();
    for (const panel of panels) { panel.offerReferences(); panel.slidersFor(); panel.start(); }
  } catch (error) { say(error.message, true); }
})();

// The page: an image is chosen, dropped or pasted, and translated on this device.

import { Model } from "./model.js";

const find = (id) => document.getElementById(id);
const LARGEST = 2048; // pixels of a side
let model = null;
let original = null; // what was chosen, as a bitmap
let running = false;

function say(text) {
  find("status").textContent = text;
}

async function begin() {
  say("Loading the model …");
  model = await Model.load();
  const { facts } = model;
  const what = facts.to ? `${facts.from ? `${facts.from} → ` : ""}${facts.to}` : facts.method;
  document.title = what;
  find("title").textContent = what;
  find("size").value = facts.size;
  find("size-field").hidden = facts.fixed.length > 0;
  find("style-field").hidden = !facts.random;
  const names = Object.keys(facts.labels);
  find("target").append(...names.map((name) => new Option(name, name)));
  find("target-field").hidden = names.length === 0;
  find("sample").hidden = !facts.sample;
  for (const each of document.querySelectorAll("#controls [disabled]")) each.disabled = false;
  find("translate").disabled = find("save").disabled = true;
  say("Choose an image, drop one here, or paste one. It stays on this device.");
}

async function take(blob) {
  try {
    original = await createImageBitmap(blob);
  } catch {
    say("This is not an image that the browser can read; choose a PNG, JPEG or WebP file.");
    return;
  }
  find("translate").disabled = false;
  await translate();
}

// Draw the image at the size to translate, and return its pixels.
function prepared() {
  const { facts } = model;
  const canvas = find("input");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let { width, height } = original;
  let part = [0, 0, width, height];
  if (facts.fixed.length) { // the middle, in the only shape
    const [high, wide] = facts.fixed;
    const scale = Math.min(width / wide, height / high);
    part = [(width - wide * scale) / 2, (height - high * scale) / 2, wide * scale, high * scale];
    [width, height] = [wide, high];
  } else {
    const wanted = Math.min(LARGEST, Math.max(4, Number(find("size").value) || facts.size));
    const scale = Math.min(wanted / Math.min(width, height), LARGEST / Math.max(width, height));
    [width, height] = [width, height].map((each) => Math.max(4, Math.round(each * scale)));
  }
  [canvas.width, canvas.height] = [width, height];
  context.fillStyle = "white"; // transparent parts, as in training
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(original, ...part, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

async function translate() {
  if (!original || running) return;
  running = true;
  find("translate").disabled = find("another").disabled = true;
  try {
    const image = prepared();
    const target = find("target").value;
    const seed = Number(find("seed").value) || 0;
    say("Translating …");
    await new Promise((resume) => setTimeout(resume)); // lets the browser show it
    const began = performance.now();
    const made = await model.translate(image, await model.style(seed, target), target);
    const took = Math.round(performance.now() - began);
    const canvas = find("result");
    [canvas.width, canvas.height] = [made.width, made.height];
    canvas.getContext("2d").putImageData(made, 0, 0);
    find("images").hidden = false;
    find("save").disabled = false;
    say(`${made.width} × ${made.height} pixels in ${took} ms`);
  } catch (error) {
    say(`It could not be translated (${error.message ?? error}); choose a smaller size.`);
  } finally {
    running = false;
    find("translate").disabled = find("another").disabled = false;
  }
}

function save() {
  find("result").toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    const seed = model.facts.random ? `-${Number(find("seed").value) || 0}` : "";
    link.download = `translation${seed}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

function firstImage(files) {
  return [...files].find((file) => file.type.startsWith("image/"));
}

find("file").addEventListener("change", (event) => {
  if (event.target.files.length) take(event.target.files[0]);
});
find("sample").addEventListener("click", async () => take(await (await fetch("sample.png")).blob()));
find("another").addEventListener("click", () => {
  find("seed").value = Math.floor(Math.random() * 1e6);
  translate();
});
find("translate").addEventListener("click", translate);
find("save").addEventListener("click", save);
for (const id of ["seed", "size", "target"]) find(id).addEventListener("change", translate);
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const file = firstImage(event.dataTransfer.files);
  if (file && model) take(file);
});
document.addEventListener("paste", (event) => {
  const file = firstImage(event.clipboardData.files);
  if (file && model) take(file);
});

begin().catch((error) => say(
  location.protocol === "file:"
    ? "Open this page through a web server, such as `python -m http.server`."
    : `The model could not be loaded (${error.message ?? error}).`,
));

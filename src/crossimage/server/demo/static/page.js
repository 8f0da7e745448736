// What the modules of the page share: its state, its elements, and how it asks the server.
export const page = {panels: [], input: null};
export const $ = (selector, within = document) => within.querySelector(selector);
const objects = new Map();

export function say(text, wrong = false) {
  const status = $("#status");
  status.textContent = text;
  status.classList.toggle("wrong", wrong);
}

export async function ask(path, fields) {
  const response = await fetch(path, fields === undefined ? {} : {
    method: "POST", body: fields instanceof Blob ? fields : JSON.stringify(fields),
    headers: {"Content-Type": fields instanceof Blob ? "application/octet-stream" : "application/json"},
  }).catch(() => { throw new Error("The server does not answer; is it still running?"); });
  if (response.ok) return response;
  const text = await response.text();
  let reason = text;
  try { reason = JSON.parse(text).error; } catch { /* a plain sentence */ }
  throw new Error(reason);
}

const queue = [];
let running = 0;
export function later(work) { // two requests at a time, so that a click is never far behind
  return new Promise((resolve, reject) => { queue.push({work, resolve, reject}); next(); });
}
function next() {
  if (running >= 2 || !queue.length) return;
  const {work, resolve, reject} = queue.shift();
  running++;
  work().then(resolve, reject).finally(() => { running--; next(); });
}

export function blobOf(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Blob([bytes], {type: "image/png"});
}
export function show(image, blob) {
  const before = objects.get(image);
  if (before) URL.revokeObjectURL(before);
  const url = URL.createObjectURL(blob);
  objects.set(image, url);
  image.src = url;
  return url;
}
export function thumb(label, text) {
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
export function press(buttons, pressed) {
  for (const one of buttons) one.setAttribute("aria-pressed", String(one === pressed));
}

export const seed = () => Math.min(Number.MAX_SAFE_INTEGER - 1000, Math.max(0, Math.trunc(Number($("#seed").value) || 0)));
export function chosenSize() {
  const value = $("#size").value;
  return value && value !== "own" ? Number(value) : null;
}

export async function upload(file) {
  const name = file.name || "pasted.png";
  return (await ask(`/demo/images?${new URLSearchParams({name: name.slice(-100)})}`, file)).json();
}

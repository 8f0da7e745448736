"use strict";
// Shows the questions of a study: sizes images in whole pixels, times their exposure, listens to
// keys, and sends an answer until the server says that it is stored.

// The largest whole number of device pixels per pixel at which all images fit the window.
function size(form) {
  const images = [...form.querySelectorAll("img")];
  if (images.some((image) => !image.naturalWidth)) return;
  const ratio = window.devicePixelRatio || 1;
  const beside = [...form.querySelectorAll(".with-images img")];
  const below = [...form.querySelectorAll(".given img")];
  const widest = Math.max(...images.map((image) => image.naturalWidth));
  const highest = Math.max(...images.map((image) => image.naturalHeight));
  const across = Math.min(beside.length || 1, 2);
  const rows = (below.length ? 1 : 0) + Math.ceil((beside.length || 1) / 2);
  const width = (document.documentElement.clientWidth - 24 - 32 * across) * ratio;
  const height = Math.max(240, window.innerHeight - 260) * ratio;
  const factor = Math.max(1, Math.floor(Math.min(width / across / widest, height / rows / highest)));
  for (const image of images) {
    image.style.width = `${(image.naturalWidth * factor) / ratio}px`;
    image.style.height = `${(image.naturalHeight * factor) / ratio}px`;
  }
}

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

// Shows an image for a time that ends with the frame nearest to it; returns how long it was visible.
async function expose(image, time) {
  const start = await frame();
  image.classList.add("shown");
  let before = start;
  let now = await frame();
  let step = now - before;
  while (now - start < time - step / 2) {
    before = now;
    now = await frame();
    step = Math.min(now - before, 50);
  }
  image.classList.remove("shown");
  return Math.round((now - start) * 10) / 10;
}

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

// Shows a question and calls send(data) with the answer.
async function show(form, send) {
  const buttons = [...form.querySelectorAll("button[name=answer]")];
  const images = [...form.querySelectorAll("img")];
  const status = form.querySelector(".status");
  const exposure = Number(form.dataset.exposure);
  const exposures = [];
  let answered = false;
  const enable = (on) => buttons.forEach((button) => { button.disabled = !on; });
  enable(false);
  form.style.visibility = "hidden"; // nothing tells which image is slow to load
  await Promise.all(images.map((image) => image.decode().catch(() => {})));
  const lost = images.filter((image) => !image.naturalWidth);
  if (lost.length) {
    form.style.visibility = "";
    status.textContent = "An image could not be loaded. Please reload the page.";
    return;
  }
  size(form);
  const resize = () => size(form);
  window.addEventListener("resize", resize);
  form.style.visibility = "";
  if (exposure) {
    const stage = form.querySelector(".stage");
    await pause(700);
    stage.classList.add("running");
    for (const image of images) {
      exposures.push(await expose(image, exposure));
      await pause(300);
    }
    stage.classList.add("over");
    stage.setAttribute("aria-label", "The images are hidden again");
    form.querySelector(".hint").textContent = "Please answer now; take as much time as you like.";
  }
  enable(true);
  const start = performance.now();
  const answer = async (button) => {
    if (answered) return;
    answered = true;
    const milliseconds = Math.round(performance.now() - start);
    const data = new URLSearchParams();
    for (const input of form.querySelectorAll("input[type=hidden]")) data.set(input.name, input.value);
    data.set("answer", button.value);
    data.set("milliseconds", milliseconds);
    data.set("exposures", exposures.length ? JSON.stringify(exposures) : "");
    enable(false);
    const again = await send(data, status);
    if (again) { answered = false; enable(true); return; }
    window.removeEventListener("resize", resize);
    document.removeEventListener("keydown", press);
  };
  const press = (event) => {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const key = { ArrowLeft: "←", ArrowRight: "→" }[event.key] || event.key;
    const button = buttons.find((one) => one.dataset.key === key);
    if (!button || button.disabled) return;
    event.preventDefault();
    answer(button);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.submitter) answer(event.submitter);
  });
  document.addEventListener("keydown", press);
  form.classList.add("ready");
}

// Sends an answer until the server says that it is stored. Returns whether to let the person retry.
async function post(form, data, status) {
  for (let wait = 500; ; wait = Math.min(wait * 2, 8000)) {
    let response = null;
    try {
      response = await fetch(form.getAttribute("action"), {
        method: "POST", body: data, headers: { Accept: "application/json" },
        credentials: "same-origin",
      });
    } catch {
      status.textContent = "The connection is lost. Your answer is sent again until it arrives.";
    }
    if (response) {
      const reply = await response.json().catch(() => ({}));
      if (response.ok && reply.next) { window.location.replace(reply.next); return false; }
      if (response.status === 409 || response.status === 403) {
        status.textContent = reply.error || "This question is closed.";
        const link = document.createElement("a");
        link.href = "trial";
        link.textContent = "Continue";
        status.append(" ", link);
        return false;
      }
      if (response.status !== 503 || reply.error) {
        status.textContent = reply.error || `The server answered ${response.status}. Please retry.`;
        return true;
      }
    }
    await pause(wait);
  }
}

// A study without a server: answers stay in this browser, and are saved as a file at the end.
function offline(study) {
  const pages = [...study.querySelectorAll("section")];
  const key = `study ${study.dataset.study} ${study.dataset.sheet}`;
  const query = new URLSearchParams(window.location.search);
  const field = study.dataset.numberFields.split(" ").find((name) => query.get(name)) || "";
  const platform = query.get(field) || "";
  const begin = study.querySelector("form.consent");
  if (platform && !new RegExp(`^(?:${study.dataset.numberForm})$`).test(platform)) {
    const sorry = study.querySelector(".sorry"); // answers with this number could not be imported
    sorry.querySelector("span").textContent = field;
    sorry.hidden = false;
    begin.hidden = true;
    return;
  }
  let saved = {};
  try { saved = JSON.parse(localStorage.getItem(key)) || {}; } catch { saved = {}; }
  const answers = saved.answers || [];
  const id = saved.id || [...crypto.getRandomValues(new Uint8Array(12))]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const keep = () => {
    try { localStorage.setItem(key, JSON.stringify({ id, answers })); } catch { /* kept in memory */ }
  };
  const open = (index) => {
    pages.forEach((page, place) => { page.hidden = place !== index; });
    const form = pages[index].querySelector("form.trial");
    if (!form) return finish(pages[index]);
    for (const image of form.querySelectorAll("img[data-src]")) {
      image.src = image.dataset.src;
      image.removeAttribute("data-src");
    }
    show(form, async (data) => {
      answers.push({
        question: Number(form.dataset.question), ordering: JSON.parse(form.dataset.ordering),
        answer: Number(data.get("answer")), milliseconds: Number(data.get("milliseconds")),
        exposures: data.get("exposures") ? JSON.parse(data.get("exposures")) : [],
      });
      keep();
      const known = form.dataset.known;
      if (!known) { open(index + 1); return false; }
      const right = known === data.get("answer");
      const status = form.querySelector(".status");
      status.textContent = form.dataset.kind === "calibration" ? `This is an example of ${known}.`
        : right ? "Right." : "Wrong: it was the other one.";
      const next = document.createElement("button");
      next.type = "button";
      next.className = "main";
      next.textContent = "Continue";
      next.addEventListener("click", () => open(index + 1));
      form.append(next);
      next.focus();
      return false;
    });
  };
  const finish = (page) => {
    const text = JSON.stringify({
      study: study.dataset.study, sheet: Number(study.dataset.sheet), id, platform, answers,
    });
    page.querySelector("textarea").value = text;
    const link = page.querySelector("a.save");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = `answers-${id}.json`;
  };
  begin.addEventListener("submit", (event) => {
    event.preventDefault();
    begin.hidden = true;
    open(Math.min(answers.length, pages.length - 1));
  });
  study.querySelector("button.withdraw").addEventListener("click", () => {
    localStorage.removeItem(key);
    window.location.reload();
  });
}

for (const form of document.querySelectorAll("main > form.trial")) {
  show(form, (data, status) => post(form, data, status));
}
for (const study of document.querySelectorAll(".offline")) offline(study);

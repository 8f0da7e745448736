// The start of the page, and its inputs: samples, files and the webcam.
import {Panel} from "./panel.js";
import {$, ask, page, press, say, thumb, upload} from "./page.js";

function offerSizes() {
  const select = $("#size"), sizes = [...new Set(page.panels.filter((p) => p.facts.resizes).map((p) => p.facts.trained))];
  select.replaceChildren(new Option("as it is", "own"));
  if (page.panels.every((panel) => panel.facts.resizes)) for (const size of sizes) {
    for (const times of [1, 2]) select.add(new Option(`${size * times} px, ${times === 1 ? "as in training" : "twice as in training"}`, String(size * times)));
  }
  const largest = Math.max(...sizes); // smaller ones would blur what the others see
  if (page.input?.shortest > 2 * largest) select.value = String(largest);
  select.closest("label").hidden = select.options.length < 2;
}

async function use(file) {
  if (!file) return;
  try {
    say("Reading the image …");
    const found = await upload(file);
    press($("#samples").children, null);
    keep(found.id, found.name, Math.min(found.width, found.height), true);
    startAll();
  } catch (error) { say(error.message, true); }
}
function keep(id, name, shortest, own = false) {
  page.input = {id, name, shortest, own};
  $("#models").hidden = $("#settings").hidden = false; // without an input they show nothing
  offerSizes();
  const link = $("#save-input");
  link.href = `/demo/image?${new URLSearchParams({id})}`;
  link.download = name;
}
function startAll() {
  for (const panel of page.panels) panel.start();
}
async function offerSamples() { // those of the models' sources; the input stays if it may
  const strip = $("#samples"), found = new Map();
  for (const panel of page.panels) for (const one of panel.facts.samples[panel.source] ?? []) {
    if (!found.has(one.id)) found.set(one.id, {...one, panel});
  }
  const offered = [...found.keys()].join();
  if (offered !== strip.dataset.offered) {
    strip.dataset.offered = offered;
    strip.replaceChildren();
    for (const one of found.values()) {
      const button = thumb(`Sample ${one.name}`, one.group);
      button.dataset.id = one.id;
      $("img", button).src = one.panel.picture(one.id, null, one.panel.to);
      button.addEventListener("click", () => { press(strip.children, button); measure(one).then(startAll); });
      strip.append(button);
    }
  }
  const [first] = found.values();
  if (first && !page.input?.own && !found.has(page.input?.id)) await measure(first);
  if (!page.input) say("Choose, drop or paste an image.");
  press(strip.children, [...strip.children].find((one) => one.dataset.id === page.input?.id));
  const by = page.panels.map((panel) => panel.facts.made_by).find(Boolean);
  $("#made-by").hidden = !by;
  $("#made-by").textContent = by ? `The samples are those of: ${by}` : "";
}
async function measure({id, name, panel}) {
  try {
    const response = await ask(panel.picture(id, null, panel.to));
    keep(id, name, Math.min(...response.headers.get("X-Size").split("x").map(Number)));
  } catch (error) { say(error.message, true); }
}
async function turned(panel) { // another target, and perhaps another source
  const before = page.input;
  await offerSamples();
  for (const one of page.panels) if (one === panel || page.input !== before) one.start();
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
    page.panels = facts.map((one, index) => new Panel(one, index, turned));
    $("#models").append(...page.panels.map((panel) => panel.element));
    $("#file").addEventListener("change", (event) => {
      use(event.target.files[0]);
      event.target.value = ""; // so that the same file can be chosen again
    });
    for (const name of ["#seed", "#size"]) $(name).addEventListener("change", startAll);
    camera();
    await offerSamples();
    for (const panel of page.panels) { panel.offerReferences(); panel.slidersFor(); panel.start(); }
  } catch (error) { say(error.message, true); }
})();

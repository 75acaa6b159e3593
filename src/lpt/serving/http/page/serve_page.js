"use strict";
// All text from the server is set as textContent, so no class name becomes markup.
const $ = (id) => document.getElementById(id);
const SHOTS = [["overall", "All"], ["many", "Frequent"], ["medium", "Medium"], ["few", "Rare"]];
const MOST = 32; // photos of one selection
const NEAREST = 6; // training images beside a result
let details = null; // of the chosen task

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function percent(value) { return (100 * value).toFixed(1) + " %"; }

function problem(text) {
  $("problem").textContent = text || "";
  $("problem").hidden = !text;
}

async function call(path, options) {
  let answer;
  try { answer = await fetch(path, options); } catch { throw new Error("The server cannot be reached."); }
  let body = null;
  try { body = await answer.json(); } catch { /* an answer of a proxy */ }
  if (answer.ok && body) return body;
  const wait = answer.headers.get("Retry-After");
  const text = (body && body.error) || "The server answered with status " + answer.status + ".";
  throw new Error(wait ? text + " Try again in " + wait + " s." : text);
}

function groupOf(images) {
  if (images === null || !details) return null;
  const { many_above: many, few_below: few } = details.metadata;
  if (few !== undefined && images < few) return "few";
  if (many !== undefined && images > many) return "many";
  return few === undefined ? null : "medium";
}

async function listTasks() {
  const { tasks } = await call("/v1/tasks");
  const select = $("task");
  for (const task of tasks.filter((one) => one.state !== "failed")) {
    const option = element("option", "", task.name);
    option.value = task.name;
    select.append(option);
  }
  if (!select.options.length) { problem("This server has no task that works."); return; }
  const wanted = new URLSearchParams(location.search).get("task");
  if ([...select.options].some((option) => option.value === wanted)) select.value = wanted;
  select.disabled = false;
  await chooseTask();
}

async function chooseTask() {
  const name = $("task").value;
  problem("");
  const found = await call("/v1/tasks/" + encodeURIComponent(name));
  if ($("task").value !== name) return; // another was chosen meanwhile
  details = found;
  const rare = details.classes.filter((one) => groupOf(one.training_images) === "few").length;
  const count = details.classes.length.toLocaleString() + " classes";
  $("about").textContent = count + (rare ? ", " + rare.toLocaleString() + " of them rare" : "") + ". Version " + details.version + ".";
  $("list").replaceChildren();
  $("status").textContent = "No photo yet.";
  showQuality();
}

function showQuality() {
  const rows = $("quality-rows");
  rows.replaceChildren();
  const phases = Object.keys(details.metrics).sort();
  const last = details.metrics[phases[phases.length - 1]] || {};
  const split = last.test ? "test" : "val";
  const scores = last[split];
  $("quality").hidden = !scores;
  if (!scores) return;
  const { many_above: many, few_below: few } = details.metadata;
  const bounds = few === undefined ? "" : " Rare classes have fewer than " + few + " training images, frequent ones more than " + many + ".";
  $("quality-about").textContent = "On " + (split === "test" ? "test" : "validation") + " images, at the end of training." + bounds;
  for (const [key, name] of SHOTS) {
    const members = details.classes.filter((one) => key === "overall" || groupOf(one.training_images) === key);
    if (!members.length) continue;
    const images = members.reduce((sum, one) => sum + (one.training_images || 0), 0);
    const row = element("tr");
    const head = element("th", key === "few" ? "rare" : "", name);
    head.scope = "row";
    const score = scores[key];
    row.append(head, element("td", "", members.length.toLocaleString()), element("td", "", images.toLocaleString()),
      element("td", "", score === null || score === undefined ? "not measured" : percent(score)));
    rows.append(row);
  }
}

function classLine(one) {
  const item = element("li");
  const line = element("div", "line");
  const name = element("span", "", one.label + " ");
  const known = details.classes[one.index];
  const images = known ? known.training_images : null;
  if (groupOf(images) === "few") {
    name.append(element("span", "rare soft", "rare: " + images + " training image" + (images === 1 ? "" : "s")));
  }
  line.append(name, element("span", "number", percent(one.probability)));
  const bar = element("progress");
  bar.max = 1;
  bar.value = one.probability;
  bar.setAttribute("aria-label", one.label);
  item.append(line, bar);
  return item;
}

function card(file) {
  const result = element("article", "result");
  const image = element("img");
  image.alt = "Photo " + (file.name || "");
  image.src = URL.createObjectURL(file);
  image.addEventListener("load", () => URL.revokeObjectURL(image.src));
  image.addEventListener("error", () => { image.hidden = true; }); // a format that browsers do not show
  const text = element("div");
  text.append(element("h3", "", "..."), element("p", "soft", file.name || "Photo"));
  result.append(image, text);
  $("list").prepend(result);
  return text;
}

function trainingImage(one) {
  const item = element("li");
  const image = element("img");
  const bytes = Uint8Array.from(atob(one.thumbnail), (character) => character.charCodeAt(0));
  image.alt = "Training image of " + one.label;
  image.src = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
  image.addEventListener("load", () => URL.revokeObjectURL(image.src));
  const known = details.classes[one.index];
  const rare = known && groupOf(known.training_images) === "few";
  item.append(image, element("span", rare ? "rare" : "", one.label), element("span", "soft", "similarity " + one.similarity.toFixed(2)));
  return item;
}

function showNearest(text, nearest, again) {
  if (!nearest || nearest.state === "unavailable") return;
  const part = element("div", "near");
  if (nearest.state === "preparing") {
    const button = element("button", "", "Show nearest training images");
    button.type = "button";
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        const found = await again();
        part.remove();
        showNearest(text, found.nearest, again);
      } catch (error) { problem(error.message); button.disabled = false; }
    });
    part.append(element("p", "soft", "The server is reading the training images of this task."), button);
  } else {
    const list = element("ul", "nearest");
    list.append(...nearest.images.map(trainingImage));
    part.append(element("h4", "", "Nearest training images"), list,
      element("p", "soft", "Of " + nearest.searched.toLocaleString() + " training images, as the task sees them."));
  }
  text.append(part);
}

function showPrediction(text, found, again) {
  const best = found.classes[0];
  text.firstChild.textContent = found.sure === false ? "Not sure" : best.label;
  if (found.sure === false) text.append(element("p", "", "The best guess is " + best.label + ", below the threshold."));
  const list = element("ol", "classes");
  list.append(...found.classes.map(classLine));
  text.append(list);
  showNearest(text, found.nearest, again);
}

async function classify(files) {
  const photos = [...files].filter((file) => !file.type || file.type.startsWith("image/")).slice(0, MOST);
  if (!photos.length || !details) { if (files.length) problem("These files are not photos."); return; }
  problem("");
  const query = new URLSearchParams({ top: "5", nearest: String(NEAREST) });
  const limit = $("threshold").value;
  if (limit !== "" && $("threshold").checkValidity()) query.set("threshold", String(Number(limit) / 100));
  const path = "/v1/tasks/" + encodeURIComponent(details.name) + "/predict?" + query;
  let done = 0;
  $("status").textContent = "Classifying " + photos.length + (photos.length === 1 ? " photo." : " photos.");
  const spoken = [];
  for (const photo of photos) { // one after the other: the server is shared
    const text = card(photo);
    const ask = async () => {
      const body = await call(path, { method: "POST", body: photo, headers: { "Content-Type": "application/octet-stream" } });
      return body.predictions[0];
    };
    try {
      const found = await ask();
      showPrediction(text, found, ask);
      spoken.push(text.firstChild.textContent + ", " + percent(found.classes[0].probability));
      done += 1;
    } catch (error) {
      text.firstChild.textContent = "No result";
      text.append(element("p", "problem", error.message));
      spoken.push("No result");
    }
  }
  $("status").textContent = done + " of " + photos.length + " classified: " + spoken.join("; ") + ".";
}

function listen() {
  const drop = $("drop");
  for (const input of [$("files"), $("camera")]) {
    input.addEventListener("change", async () => { await classify(input.files); input.value = ""; });
  }
  $("form").addEventListener("submit", (event) => event.preventDefault());
  $("task").addEventListener("change", () => chooseTask().catch((error) => problem(error.message)));
  document.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  document.addEventListener("dragleave", () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    classify(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => classify(event.clipboardData.files));
}

listen();
listTasks().catch((error) => problem(error.message));

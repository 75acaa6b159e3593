"use strict";
// All text from the server is set as textContent, so no class or file name becomes markup.
const $ = (id) => document.getElementById(id);
let review = null; // items, classes, examples
let place = 0;

function problem(text) {
  $("problem").textContent = text || "";
  $("problem").hidden = !text;
}

async function call(path, options) {
  let answer;
  try { answer = await fetch(path, options); } catch { throw new Error("lpt review is no longer running."); }
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  return body;
}

function send(path, body) {
  return call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

const className = (index) => review.classes[index];
const SPLITS = { train: "training", val: "validation" };
const percent = (value) => (100 * value).toFixed(1) + " %";

function pictures(where, label) {
  where.replaceChildren(...(review.examples[label] || []).map((id) => {
    const image = new Image();
    image.src = "images/" + id;
    image.alt = "Training image of " + className(label);
    return image;
  }));
}

function said(item) {
  if (item.decision === "confirm") return "Confirmed: " + className(item.label) + ".";
  if (item.decision === "change") return "Changed to " + item.corrected + ".";
  if (item.decision === "drop") return "Left out of training.";
  return "Not decided yet.";
}

function show(index) {
  place = Math.min(Math.max(index, 0), review.items.length - 1);
  const item = review.items[place];
  const own = className(item.label);
  const other = className(item.suggested);
  const kind = SPLITS[item.split] || item.split;
  $("question").textContent = "Labelled " + own + ". Is it " + other + "?";
  $("about").textContent = (item.kind === "confusion")
    ? "A " + kind + " image, predicted as " + other + " with " + percent(item.score) + "."
    : "The label of this " + kind + " image is wrong with a probability of " + percent(item.score) + ".";
  $("picture").src = "images/" + item.image;
  $("picture").alt = "Image labelled " + own;
  $("name").textContent = item.name;
  $("own-title").textContent = "Other images of " + own;
  $("other-title").textContent = "Images of " + other;
  pictures($("own"), item.label);
  pictures($("other"), item.suggested);
  $("confirm-text").textContent = "It is " + own;
  $("suggest-text").textContent = "It is " + other;
  $("corrected").value = "";
  marks();
}

function marks() {
  const item = review.items[place];
  const suggested = item.decision === "change" && item.corrected === className(item.suggested);
  $("decision").textContent = said(item);
  $("confirm").setAttribute("aria-pressed", item.decision === "confirm");
  $("suggest").setAttribute("aria-pressed", suggested);
  $("drop").setAttribute("aria-pressed", item.decision === "drop");
  const decided = review.items.filter((one) => one.decision).length;
  $("status").textContent = "Image " + (place + 1) + " of " + review.items.length + ", " + decided + " decided.";
}

async function decide(decision, corrected, onwards) {
  const item = review.items[place];
  const asked = place;
  try {
    await send("decisions", { item: asked, decision: decision, corrected: corrected });
  } catch (error) { problem(error.message); return; }
  problem("");
  item.decision = decision;
  item.corrected = corrected;
  if (onwards && place === asked && place + 1 < review.items.length) show(place + 1);
  else marks();
}

function nextUndecided() {
  const order = review.items.map((_, step) => (place + 1 + step) % review.items.length);
  const found = order.find((index) => !review.items[index].decision);
  if (found === undefined) problem("All images are decided.");
  else { problem(""); show(found); }
}

async function finish() {
  try { await send("finish", {}); } catch (error) { problem(error.message); return; }
  $("item").hidden = true;
  $("status").textContent = "Finished. The terminal shows how to train with the list.";
}

const actions = {
  confirm: () => decide("confirm", "", true),
  suggest: () => decide("change", className(review.items[place].suggested), true),
  drop: () => decide("drop", "", true),
  undo: () => decide(null, "", false),
  previous: () => show(place - 1),
  next: () => show(place + 1),
  undecided: nextUndecided,
  finish: finish,
};
const keys = { y: "confirm", s: "suggest", d: "drop", u: "undo", n: "undecided", ArrowLeft: "previous", ArrowRight: "next" };

function listen() {
  for (const id of Object.keys(actions)) $(id).addEventListener("click", actions[id]);
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    decide("change", $("corrected").value, true);
    $("corrected").blur();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("item").hidden) return;
    if (event.target === $("corrected")) {
      if (event.key === "Escape") $("corrected").blur();
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "o") { event.preventDefault(); $("corrected").focus(); return; }
    if (keys[key]) { event.preventDefault(); actions[keys[key]](); }
  });
}

async function start() {
  try { review = await call("items"); } catch (error) { problem(error.message); return; }
  $("list").textContent = review.list;
  if (!review.items.length) { $("status").textContent = "Nothing to review."; return; }
  $("classes").replaceChildren(...review.classes.map((name) => {
    const option = document.createElement("option");
    option.value = name;
    return option;
  }));
  listen();
  $("item").hidden = false;
  const first = review.items.findIndex((item) => !item.decision);
  show(first < 0 ? 0 : first);
}

start();

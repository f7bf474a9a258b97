"use strict";
// Answers lie in localStorage, one entry a task, so that a step writes little and two windows lose nothing.
const data = JSON.parse(document.getElementById("data").textContent);
const ranking = data.kind === "ranking";
const prefix = `${data.format}/${data.project}/${data.annotator}/`;
const IDLE = 60000; // ms: a longer pause counts as this much time spent
const at = (id) => document.getElementById(id);
const taskOf = new Map(data.tasks.map((task) => [task.task, task]));

// ---- store ---------------------------------------------------------------------------------------------
const unsaved = new Map(); // what the browser would not store
function canStore() {
  try { localStorage.setItem(prefix + "probe", "1"); localStorage.removeItem(prefix + "probe"); return true; } catch { return false; }
}
const persistent = canStore();
function load(name) {
  const text = unsaved.get(name) ?? (persistent ? localStorage.getItem(prefix + name) : null);
  return text ? JSON.parse(text) : null;
}
function save(name, value) {
  const text = JSON.stringify(value);
  try { localStorage.setItem(prefix + name, text); unsaved.delete(name); } catch (error) {
    unsaved.set(name, text);
    if (persistent) warn(`This answer could not be stored (${error.name}). Export now, before you close the page.`);
  }
}
function warn(text) { at("warning").textContent = text; at("warning").hidden = false; }

function blank(task) {
  return { task: task.task, order: [], unusable: [], levels: ranking ? [] : task.texts.map(() => null), ms: 0, answered: "" };
}
const answerOf = (task) => load(task.task) || blank(task);
function isComplete(task, answer) {
  if (ranking) return answer.order.length + answer.unusable.length === task.texts.length;
  return answer.levels.every((level, i) => level !== null || answer.unusable.includes(i));
}
const done = new Set();
function count(task) { if (isComplete(task, answerOf(task))) done.add(task.task); else done.delete(task.task); }
data.tasks.forEach(count);
window.addEventListener("storage", (event) => { // another window answered
  const task = event.key?.startsWith(prefix) && taskOf.get(event.key.slice(prefix.length));
  if (!task) return;
  count(task);
  if (task !== data.tasks[current]) return progress();
  answer = answerOf(task);
  paint();
});

// ---- one task ------------------------------------------------------------------------------------------
let current = null, answer = null, marked = 0, since = 0;

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
const letter = (i) => String.fromCharCode(97 + i);

function show(screen) {
  for (const id of ["intro", "task", "end"]) at(id).hidden = id !== screen;
  if (screen !== "task") { spend(); current = null; }
}
function open(index) {
  if (index >= data.tasks.length) return finish();
  spend();
  current = Math.max(0, index);
  const task = data.tasks[current];
  answer = answerOf(task);
  marked = Math.max(0, firstOpen());
  show("task");
  at("conversation").replaceChildren(...data.dialogues[task.dialogue].slice(0, task.messages).map(message));
  at("responses").replaceChildren(...task.texts.map(response));
  at("hint").textContent = "";
  at("conversation").scrollTop = at("conversation").scrollHeight;
  window.scrollTo(0, 0);
  since = performance.now();
  paint();
}
function message(said) {
  const seeker = said.role === "user";
  return element("div", { class: seeker ? "said" : "said supporter" }, element("b", {}, seeker ? "Help-seeker" : "Supporter"), said.content);
}
function response(text, i) {
  const pick = element("button", { type: "button", class: "pick" }, element("span", { class: "place", "aria-hidden": "true" }), element("span", {}, element("span", { class: "letter" }, `${letter(i)}  `), text));
  pick.onclick = () => choose(i);
  const flag = element("button", { type: "button", class: "flag", "aria-label": `${letter(i)} is unusable` }, "⚑", element("span", { class: "word" }, " unusable"));
  flag.onclick = () => toggleFlag(i);
  const row = element("li", {}, pick, flag);
  if (!ranking) row.append(element("div", { class: "labels", role: "group", "aria-label": `Level of ${letter(i)}` }, ...Object.entries(data.labels).map(([level, name]) => {
    const button = element("button", { type: "button", "data-level": level }, `${level} ${name}`);
    button.onclick = () => { marked = i; setLevel(Number(level)); };
    return button;
  })));
  return row;
}
function paint() {
  const task = data.tasks[current], complete = isComplete(task, answer);
  [...at("responses").children].forEach((row, i) => {
    const place = answer.order.indexOf(i), flagged = answer.unusable.includes(i);
    const [pick, flag] = row.children;
    row.classList.toggle("flagged", flagged);
    row.classList.toggle("marked", !ranking && i === marked);
    flag.setAttribute("aria-pressed", flagged);
    const shown = ranking ? place + 1 || "" : answer.levels[i] ?? "";
    pick.setAttribute("aria-pressed", !flagged && shown !== "");
    pick.firstChild.textContent = flagged ? "⚑" : shown;
    pick.setAttribute("aria-label", `${letter(i)}${flagged ? ", unusable" : shown !== "" ? `, ${ranking ? "rank" : "level"} ${shown}` : ""}: ${task.texts[i]}`);
    for (const button of row.querySelectorAll("[data-level]")) button.setAttribute("aria-pressed", Number(button.dataset.level) === answer.levels[i]);
  });
  if (!ranking) at("responses").children[marked].scrollIntoView({ block: "nearest" });
  at("next").disabled = !complete;
  at("back").disabled = current === 0;
  at("later").hidden = complete;
  progress();
}
function progress() {
  at("progress").value = done.size;
  const place = current === null ? "" : `${current + 1} of ${data.tasks.length}, `;
  at("count").textContent = `${place}${done.size} answered`;
}

// ---- what the annotator does ---------------------------------------------------------------------------
function spend() {
  if (current === null) return;
  const now = performance.now();
  answer.ms += Math.round(Math.min(now - since, IDLE));
  since = now;
  if (answer.order.length || answer.unusable.length || answer.levels.some((level) => level !== null)) save(answer.task, answer);
}
function changed() {
  const task = data.tasks[current];
  answer.answered = isComplete(task, answer) ? new Date().toISOString() : "";
  spend();
  save(answer.task, answer);
  count(task);
  at("hint").textContent = "";
  paint();
}
function choose(i) {
  if (!ranking) { marked = i; return paint(); }
  if (answer.unusable.includes(i)) return;
  answer.order = answer.order.includes(i) ? answer.order.filter((other) => other !== i) : [...answer.order, i];
  changed();
}
function toggleFlag(i) {
  const flagged = answer.unusable.includes(i);
  answer.unusable = flagged ? answer.unusable.filter((other) => other !== i) : [...answer.unusable, i].sort((one, other) => one - other);
  if (!flagged) { answer.order = answer.order.filter((other) => other !== i); if (!ranking) answer.levels[i] = null; }
  if (firstOpen() >= 0) marked = flagged ? i : firstOpen();
  changed();
}
function setLevel(level) {
  if (answer.unusable.includes(marked)) return;
  answer.levels[marked] = answer.levels[marked] === level ? null : level;
  const next = firstOpen();
  if (answer.levels[marked] !== null && next >= 0) marked = next;
  changed();
}
function firstOpen() { return answer.levels.findIndex((level, i) => level === null && !answer.unusable.includes(i)); }
function next() {
  if (!isComplete(data.tasks[current], answer)) {
    at("hint").textContent = ranking ? "Give every response a number, or flag it." : "Give every response a level, or flag it.";
    return;
  }
  open(current + 1);
}
function finish() {
  show("end");
  progress();
  const left = data.tasks.length - done.size;
  at("end-title").textContent = left ? `${left} of ${data.tasks.length} are still open` : "All done, thank you";
  at("end-text").textContent = left ? "You can export what there is, and go on later." : "Export your answers and send the file to whoever gave you this page.";
  at("to-open").hidden = !left;
}
const openFirst = () => open(data.tasks.findIndex((task) => !done.has(task.task)));

document.addEventListener("keydown", (event) => {
  if (current === null || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, header")) return;
  const i = event.key.length === 1 ? event.key.toLowerCase().charCodeAt(0) - 97 : -1;
  if (i >= 0 && i < data.tasks[current].texts.length) { event.shiftKey ? toggleFlag(i) : choose(i); }
  else if (!ranking && event.key in data.labels) setLevel(Number(event.key));
  else if (event.key === "Enter") next();
  else if (event.key === "ArrowRight") open(current + 1);
  else if (event.key === "ArrowLeft") open(current - 1);
  else return;
  event.preventDefault();
});
for (const name of ["pointerdown", "scroll", "keyup", "visibilitychange"]) document.addEventListener(name, () => {
  if (name === "visibilitychange" && document.visibilityState === "visible") since = performance.now();
  else spend();
}, { capture: true, passive: true });

// ---- export and resuming -------------------------------------------------------------------------------
async function digest(text) {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
async function exported() {
  const answers = data.tasks.filter((task) => done.has(task.task)).map(answerOf);
  const body = JSON.stringify({ format: data.format, project: data.project, kind: data.kind, annotator: data.annotator, ...session(), exported: new Date().toISOString(), answers });
  return `${body.slice(0, -1)},"sha256":"${await digest(body)}"}\n`;
}
async function download() {
  spend();
  const link = element("a", { download: `${data.project}-${data.annotator}.json`, href: URL.createObjectURL(new Blob([await exported()], { type: "application/json" })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
function session() {
  const known = load("session") || { session: crypto.randomUUID(), person: "" };
  known.person = at("person").value.trim() || known.person;
  save("session", known);
  return known;
}
async function resume(file) {
  const given = JSON.parse(await file.text());
  const { sha256, ...body } = given;
  if (given.project !== data.project || given.annotator !== data.annotator) throw new Error("it belongs to another page");
  if (await digest(JSON.stringify(body)) !== sha256) throw new Error("it is incomplete or was changed");
  save("session", { session: given.session, person: given.person });
  for (const one of given.answers) { // what was answered here since then stays
    const task = taskOf.get(one.task);
    if (one.answered > answerOf(task).answered) save(one.task, one);
    count(task);
  }
  at("person").value = given.person;
  progress();
}

at("begin").onclick = () => {
  if (!at("person").reportValidity()) return;
  session();
  if (done.size === data.tasks.length) finish(); else openFirst();
};
at("resume").onchange = (event) => resume(event.target.files[0]).catch((error) => warn(`This file cannot be used: ${error.message}.`));
at("to-intro").onclick = () => show("intro");
at("to-export").onclick = finish;
at("to-open").onclick = openFirst;
at("export").onclick = download;
at("back").onclick = () => open(current - 1);
at("later").onclick = () => open(current + 1);
at("next").onclick = next;
at("person").value = (load("session") || { person: "" }).person;
at("begin").disabled = !window.isSecureContext;
if (!window.isSecureContext) warn("Open this page as a file from your disk, or by https: otherwise the browser cannot export your answers.");
else if (!persistent) warn("This browser stores nothing for this page. Do not close it before you have exported your answers.");
progress();

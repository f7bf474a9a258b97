// A conversation with one model, or with it and the base side by side. It lives in this page only.
"use strict";

const at = (id) => document.getElementById(id);
const BASE = "base";
const conversations = {};  // by model: the messages that it has read and written
let leaving = null;        // aborts the replies that are being written

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

async function listModels() {
  const { data } = await (await fetch("v1/models")).json();
  for (const { id, aliases } of data.filter((one) => one.id !== BASE)) {
    const told = aliases.length ? `${id} (${aliases.join(", ")})` : id;
    at("model").append(element("option", { value: id, textContent: told }));
  }
  at("beside").disabled = !data.some((one) => one.id === BASE);
  at("beside").parentElement.title = at("beside").disabled ? "this server has no base model" : "";
}

function begin() {
  leaving?.abort();
  for (const model of Object.keys(conversations)) delete conversations[model];
  at("talk").replaceChildren();
  at("problem").hidden = true;
  at("text").focus();
}

function chosen() {
  return at("beside").checked ? [at("model").value, BASE] : [at("model").value];
}

async function send(text) {
  leaving = new AbortController();
  at("talk").append(element("li", {}, element("div", { className: "person", textContent: text })));
  const replies = element("div", { className: "replies" });
  at("talk").append(element("li", {}, replies));
  busy(true);
  try {
    for (const model of chosen()) {
      const source = await hearReply(model, text, replies);
      if (source === "referral") break;  // once is enough; the guard reads this message again with the next
    }
  } catch (error) {
    if (error.name !== "AbortError") tell(error.message);
  }
  busy(false);
}

async function hearReply(model, text, replies) {
  const said = element("p", { textContent: "…" });
  const box = element("article", { className: "reply" }, element("h3", { textContent: model }), said);
  replies.append(box);
  const messages = [...(conversations[model] ?? []), { role: "user", content: text }];
  const response = await fetch("v1/chat/completions", {
    method: "POST", signal: leaving.signal, headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model, messages, stream: true, labels: true }),
  });
  if (!response.ok) {
    box.remove();
    throw new Error((await response.json()).error.message);
  }
  let reply = "", source = "model";
  for await (const chunk of events(response.body)) {
    if (chunk.error) throw new Error(chunk.error.message);
    const piece = chunk.choices[0]?.delta.content;
    if (piece) said.textContent = reply += piece;
    if (!chunk.eva) continue;
    describe(box, chunk.eva);
    source = chunk.eva.guard.source;
  }
  if (source !== "model") said.textContent = unwrapped(reply);
  if (!reply) said.textContent = "(the model said nothing)";
  const told = { role: "assistant", content: reply };
  for (const one of source === "referral" ? chosen() : [model]) {
    conversations[one] = [...(conversations[one] ?? []), messages.at(-1), told];
  }
  box.scrollIntoView({ block: "nearest" });
  return source;
}

// A fixed text, which is broken into lines for a terminal, with one line for each paragraph or point.
function unwrapped(text) {
  return text.replace(/([^\n])\n(?!\n|- )\s*/g, "$1 ");
}

async function* events(body) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (rest + decoder.decode(part.value, { stream: true })).split("\n\n");
    rest = lines.pop();
    for (const line of lines) {
      const told = line.replace(/^data: /, "");
      if (told !== "[DONE]") yield JSON.parse(told);
    }
  }
}

function describe(box, { guard, level, level_name, type_name }) {
  const labels = element("ul", { className: "labels" });
  const label = (textContent) => labels.append(element("li", { textContent }));
  if (guard.source !== "model") {
    box.classList.add("care");
    label(guard.source === "referral" ? "not the model: a message about danger" : "the model's reply is withheld");
  }
  if (level != null) label(level ? `Level ${level}: ${level_name}` : "No level of validation");
  if (type_name) label(type_name);
  box.append(labels);
}

function busy(is) {
  at("send").disabled = is;
  at("stop").hidden = !is;
  at("talk").setAttribute("aria-busy", String(is));
}

function tell(message) {
  at("problem").textContent = `${message}`;
  at("problem").hidden = false;
}

at("write").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = at("text").value.trim();
  if (!text || at("send").disabled) return;
  at("text").value = "";
  at("problem").hidden = true;
  send(text);
});
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("write").requestSubmit();
  }
});
at("stop").addEventListener("click", () => leaving?.abort());
at("new").addEventListener("click", begin);
at("model").addEventListener("change", begin);
at("beside").addEventListener("change", begin);
listModels().catch((error) => tell(`The list of models cannot be read: ${error.message}`));

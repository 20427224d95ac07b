/**
 * The chat page: phones to talk to the bot with, and beside them what happens inside.
 *
 * The server tells everything in events, and the page draws what it was told: it decides nothing, and asks for nothing
 * but what its user does (`post`). Rules: every text becomes a text node, never markup; styles are classes, or custom
 * properties set from here (the page's content security policy allows nothing else); what the server says of a kind
 * that is not known here is shown as text.
 */

const LIMIT = 5000; // ms: so long WeChat waits for a reply
const PUSHES = 3; // of one message, until WeChat gives up
const ROOM = 500; // so many bubbles, rows or deliveries are drawn; the rest is behind a button
const PAUSE = 3 * 60_000; // ms between two bubbles, after which the time stands between them

const $ = (id) => document.getElementById(id);

/** A row of a table, by what the server says: which may be the name of something that every object has. */
const lookup = (table, key) => (Object.hasOwn(table, key) ? table[key] : undefined);

// ---- words ----------------------------------------------------------------------------------------------------------

/** A sentence in the chosen language; `{name}` is filled in. A key without a row is its own sentence. */
function say(key, values = {}) {
  const sentence = lookup(WORDS, key)?.[chosen.language === "zh" ? 0 : 1] ?? String(key);
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Says what the markup below `root` names in data-say, data-label and data-title. */
function translate(root) {
  for (const node of root.querySelectorAll("[data-say]")) node.textContent = say(node.dataset.say);
  for (const node of root.querySelectorAll("[data-label]")) node.setAttribute("aria-label", say(node.dataset.label));
  for (const node of root.querySelectorAll("[data-title]")) node.title = say(node.dataset.title);
}

// ---- what the page remembers ----------------------------------------------------------------------------------------

const KEPT = "wechat-dialog.chat";

const chosen = {
  language: navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en",
  theme: "auto",
  user: "",
  tab: "chat",
  ...kept(),
};

/** A browser may forbid to keep anything; then nothing was kept. */
function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function choose(name, value) {
  chosen[name] = value;
  try {
    localStorage.setItem(KEPT, JSON.stringify(chosen));
  } catch {
    // it holds until the page is left
  }
}

/** What the server said last. */
const told = { bot: null, worker: null, options: {}, people: new Map() };

// ---- elements -------------------------------------------------------------------------------------------------------

const missing = (value) => value === null || value === undefined || value === false;

/** `el("p.fate", { title: "…", onclick: … }, "text", node)`: attributes and children that are missing are none. */
function el(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag);
  node.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes)) {
    if (missing(value)) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => !missing(child)));
  return node;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.classList.add("icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** For those who listen. */
const spoken = (text) => el("span.spoken", {}, text);

const button = (what, attributes, ...children) => el(`button.${what}`, { type: "button", ...attributes }, ...children);

/** A square with the last character of a name: so Chinese given names differ where family names do not. */
function avatar(person) {
  const letter = [...person.name].at(-1) ?? "?";
  return el("span.avatar", { "aria-hidden": "true", "data-hue": person.hue }, letter);
}

const botAvatar = () => el("img.avatar", { src: "/chat/icon.svg", alt: "" });

/** Scripts, and whatever else is no page of the web, are not linked to. */
const web = (address) => /^https?:\/\//i.test(address ?? "");

const picture = (address) => web(address) || /^data:image\//i.test(address ?? "");

const ticks = new WeakMap();

/** Keeps a node's text up to date, ten times a second, for as long as it is in the page. */
function live(node, tick) {
  ticks.set(node, tick);
  node.setAttribute("data-live", "");
  tick(node);
  return node;
}

setInterval(() => {
  for (const node of document.querySelectorAll("[data-live]")) ticks.get(node)?.(node);
}, 100);

/** Written only where it differs: an idle page is not laid out anew. */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

let toasted;

function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toasted);
  toasted = setTimeout(() => ($("toast").hidden = true), 4000);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyAsBefore(text);
  }
  toast(say("copied"));
}

/** Where the page is not served from this very machine, browsers have no clipboard for scripts. */
function copyAsBefore(text) {
  const area = el("textarea", {}, text);
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

// ---- times ----------------------------------------------------------------------------------------------------------

const two = (number) => String(number).padStart(2, "0");

/** 0 today, 1 yesterday … */
function daysAgo(at) {
  const midnight = (ms) => new Date(ms).setHours(0, 0, 0, 0);
  return Math.round((midnight(Date.now()) - midnight(at)) / 86_400_000);
}

const minutes = (day) => `${two(day.getHours())}:${two(day.getMinutes())}`;
const seconds = (day) => `${minutes(day)}:${two(day.getSeconds())}`;
const milliseconds = (day) => `${seconds(day)}.${String(day.getMilliseconds()).padStart(3, "0")}`;

/** "15:04", with the day before it where that is not today. */
function when(at, clock = minutes) {
  const day = new Date(at);
  const date = say("date", { month: day.getMonth() + 1, day: day.getDate() });
  const before = { 0: "", 1: say("yesterday") }[daysAgo(at)] ?? date;
  return `${before} ${clock(day)}`.trim();
}

const precisely = (at) => when(at, milliseconds);

/** "12 ms", "4.21 s" */
const lasting = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`);

/** "4:09", "1:00:00" */
function span(ms) {
  const all = Math.floor(Math.abs(ms) / 1000);
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function remaining(until) {
  const ms = until - Date.now();
  return say(ms >= 0 ? "remaining" : "over", { time: span(ms) });
}

// ---- XML, to be read ------------------------------------------------------------------------------------------------

const TOKENS = /<!\[CDATA\[[\s\S]*?\]\]>|<[^>]*>|[^<]+/g;

/** A <pre> of what went over the wire: XML and JSON are indented; anything else is shown as it is. */
function wire(text) {
  const body = (text ?? "").trim();
  const shown = body.startsWith("<") ? indented(body) : [json(body)];
  return el("pre.wire", { tabindex: "0" }, ...shown);
}

function json(text) {
  try {
    return text.startsWith("{") ? JSON.stringify(JSON.parse(text), null, 2) : text;
  } catch {
    return text;
  }
}

/** Only white space between tags is changed. What stands in a CDATA section may look like tags, and is none. */
function indented(xml) {
  const nodes = [];
  let [depth, before] = [0, ""];
  for (const token of xml.match(TOKENS) ?? []) {
    const kind = tokenKind(token);
    if (kind === "data" && !token.trim()) continue;
    if (kind === "close") depth -= 1;
    const inline = kind === "data" || (kind === "close" && before !== "close");
    if (nodes.length && !inline) nodes.push(`\n${"  ".repeat(Math.max(depth, 0))}`);
    if (kind === "open") depth += 1;
    nodes.push(...painted(token, kind));
    before = kind;
  }
  return nodes;
}

function tokenKind(token) {
  if (!token.startsWith("<") || token.startsWith("<![CDATA[")) return "data";
  if (token.startsWith("</")) return "close";
  return /^<[?!]|\/>$/.test(token) ? "alone" : "open";
}

function painted(token, kind) {
  if (kind !== "data") return [el("span.tag", {}, token)];
  const section = token.match(/^(<!\[CDATA\[)([\s\S]*)(\]\]>)$/);
  return section ? [el("span.faint", {}, section[1]), section[2], el("span.faint", {}, section[3])] : [token];
}

// ---- lists that grow ------------------------------------------------------------------------------------------------

/** Items that come under an id, and come again when they have changed. Only the last are drawn: that stays quick. */
class Feed {
  /** `draw(item)` gives its element; `empty` names the sentence that stands where there are none. */
  constructor(box, draw, empty = "") {
    this.box = box;
    this.draw = draw;
    this.empty = empty;
    this.items = new Map();
    this.nodes = new Map();
    this.room = ROOM;
    this.earlier = button("earlier", { onclick: () => this.showEarlier() });
    box.before(this.earlier);
  }

  fill(items) {
    this.items = new Map(items.map((item) => [item.id, item]));
    this.room = ROOM;
    this.redraw();
  }

  redraw() {
    this.clear();
    this.box.dataset.empty = this.empty && say(this.empty);
    for (const item of [...this.items.values()].slice(-this.room)) this.append(item);
    this.countEarlier();
  }

  clear() {
    this.nodes.clear();
    this.box.replaceChildren();
  }

  put(item) {
    const known = this.items.has(item.id);
    this.items.set(item.id, item);
    if (this.nodes.has(item.id)) this.replace(item);
    else if (!known) this.append(item);
    while (this.nodes.size > this.room) this.dropFirst();
    this.countEarlier();
  }

  append(item) {
    const node = this.draw(item);
    this.nodes.set(item.id, node);
    this.home(item).append(node);
  }

  /** Who had opened it, or stood on it, still does. */
  replace(item) {
    const old = this.nodes.get(item.id);
    const node = this.draw(item);
    const focused = old.contains(document.activeElement);
    if (old.open) node.open = true;
    old.replaceWith(node);
    if (focused) (node.querySelector("summary") ?? node).focus();
    this.nodes.set(item.id, node);
  }

  /** What a new item is put into. */
  home() {
    return this.box;
  }

  dropFirst() {
    const [id, node] = this.nodes.entries().next().value;
    this.nodes.delete(id);
    node.remove();
  }

  showEarlier() {
    this.room += ROOM;
    this.redraw();
  }

  countEarlier() {
    const count = this.items.size - this.nodes.size;
    this.earlier.hidden = count === 0;
    this.earlier.textContent = say("earlier", { count });
  }
}

/** Rows of one message stand together, wherever the message's first row is. */
class Timeline extends Feed {
  groups = new Map();

  home({ message }) {
    const last = this.box.lastElementChild;
    const found = message ? this.groups.get(message) : last && !last.dataset.message && last;
    return (found || this.begin(message)).firstElementChild;
  }

  begin(message) {
    const group = el("li.group", { tabindex: "-1", "data-message": message || null }, el("ol"));
    if (message) this.groups.set(message, group);
    this.box.append(group);
    return group;
  }

  clear() {
    super.clear();
    this.groups.clear();
  }

  dropFirst() {
    const group = this.nodes.values().next().value.closest(".group");
    super.dropFirst();
    if (group.firstElementChild.childElementCount) return;
    this.groups.delete(group.dataset.message);
    group.remove();
  }
}

/** A feed in a box that stays at its end while it is at its end: see .scroll in page.css. */
function scrolling(kind, list, draw, empty) {
  const box = el(list);
  const root = el("div.scroll", { tabindex: "0", role: "group" }, el("div.content", {}, box));
  return Object.assign(new kind(box, draw, empty), { root });
}

// ---- bubbles --------------------------------------------------------------------------------------------------------

const tile = (sign, label, ...more) => el(`div.tile.${sign}`, {}, icon(sign), plain(say(label)), ...more.map(small));
const small = (text) => (text ? el("small", {}, text) : null);
const strong = (text) => el("strong", {}, text);
const plain = (text) => el("span", {}, text);

/** What is in a bubble, by its kind. What is none of these, or lacks what it should have, is shown as text. */
const CONTENT = {
  text: ({ segments }, person) => el("div.bubble", {}, ...segments.map((part) => segment(part, person))),
  image: ({ url, media }) => (picture(url ?? media) ? photograph(url ?? media) : tile("image", "image", media ?? url)),
  voice: ({ recognition, media }) =>
    el("div.bubble.voice", {}, icon("wave"), plain(recognition || say("voice")), small(media)),
  video: ({ title, description, media }) => tile("play", title || "video", description, media),
  location: (bubble) => place(bubble),
  link: (bubble) => linked(bubble, "link"),
  music: (bubble) => linked(bubble, "music"),
  news: ({ articles }) => el("div.card.news", {}, ...articles.map(article)),
};

/** Lines in the middle, without anybody's face: how they look, and their text. */
const LINES = {
  event: ({ text }) => ["event", text],
  transfer: ({ agent }) => ["event", [say("transfer"), agent].filter(Boolean).join(" ")],
  fault: ({ text }) => ["fault", text],
  notice: ({ text }) => ["notice", text],
};

const announced = ({ text, kind }) => ["notice", text ?? kind];

function segment(part, person) {
  if (part.sends !== undefined) {
    const tap = () => person.send("tap", { text: part.sends, menu: part.menu ?? "" });
    return button("tap", { onclick: tap }, part.text);
  }
  return web(part.href) ? out(part.href, "", part.text) : part.text;
}

const out = (href, classes, ...children) =>
  el(`a${classes}`, { href, target: "_blank", rel: "noopener noreferrer" }, ...children);

/** An address that gives no picture becomes a tile that says so. */
function photograph(url) {
  const img = el("img.photo", { src: url, alt: say("image"), referrerpolicy: "no-referrer" });
  img.addEventListener("error", () => img.replaceWith(tile("image", "image", url)));
  return img;
}

function place({ label, latitude, longitude }) {
  const where = small(`${latitude}, ${longitude}`);
  return el("div.card.place", {}, strong(label || say("location")), where, el("div.map", {}, icon("location")));
}

function linked({ title, description, url }, sign) {
  const inside = [strong(title || url || say(sign)), small(description), el("span.sign", {}, icon(sign))];
  return web(url) ? out(url, ".card.linked", ...inside) : el("div.card.linked", {}, ...inside);
}

function article({ title, description, url, image }) {
  const cover = picture(image) ? el("img", { src: image, alt: "", referrerpolicy: "no-referrer" }) : null;
  cover?.addEventListener("error", () => cover.remove());
  const inside = [cover, strong(title), small(description)];
  return web(url) ? out(url, ".article", ...inside) : el("div.article", {}, ...inside);
}

function unknown(bubble) {
  const { id, at, from, message, state, stamp, ...rest } = bubble;
  return el("div.bubble.unknown", {}, bubble.text ?? JSON.stringify(rest));
}

function content(bubble, person) {
  try {
    return lookup(CONTENT, bubble.kind)(bubble, person);
  } catch {
    return unknown(bubble);
  }
}

/** A bubble with its face, or a line in the middle; before it the time, where there was a pause. */
function drawBubble(bubble, person) {
  const stamp = bubble.stamp ? el("time.stamp", {}, when(bubble.at)) : null;
  const line = lookup(LINES, bubble.kind) ?? (bubble.from === "system" ? announced : null);
  const body = line ? middle(...line(bubble)) : spokenBy(bubble, person);
  const below = el("div.fate", { "aria-live": "off" }, fate(bubble, person));
  return el("div.entry", { "data-message": bubble.message || null, tabindex: "-1" }, stamp, body, below);
}

const middle = (look, text) => el(`p.middle.${look}`, {}, look === "fault" ? icon("error") : null, plain(text ?? ""));

function spokenBy(bubble, person) {
  const mine = bubble.from === "user";
  const [side, face, name] = mine ? ["mine", avatar(person), person.name] : ["theirs", botAvatar(), say("account")];
  return el(`div.line.${side}`, {}, face, spoken(`${name}：`), content(bubble, person));
}

/** What became of what the user said: nothing where there is a reply. */
function fate(bubble, person) {
  if (bubble.state === "silent") return el("p.silent", {}, say("silent"));
  if (bubble.state === "failed") return el("p.failed", {}, icon("error"), say("failed"));
  const delivery = bubble.state === "sending" && person.latest.get(bubble.message);
  return delivery ? progress(delivery) : null;
}

/** Three bars, five seconds each. One that is over in a moment is never seen. */
function progress(delivery) {
  const text = plain("");
  const bars = Array.from({ length: PUSHES }, (_, at) => el(`i.${at + 1 < delivery.number ? "spent" : "ahead"}`));
  const node = el("p.progress", {}, text, el("span.bars", {}, ...bars));
  return live(node, () => {
    const ms = Math.min((delivery.ended ?? Date.now()) - delivery.began, LIMIT);
    node.hidden = delivery.number === 1 && ms < 300;
    write(text, say("pushing", { number: delivery.number, seconds: (ms / 1000).toFixed(1) }));
    bars[delivery.number - 1]?.style.setProperty("--part", ms / LIMIT);
  });
}

// ---- rows of the timeline -------------------------------------------------------------------------------------------

const ROWS = new Set("message ask step replay takeover turn unread read worker event error".split(" "));
const TONES = new Set(["plain", "good", "warn", "bad"]);

/** How a row reads whose title or detail is a word of the server's: what stands out, and what does not. */
const NAMED = {
  worker: (row) => [worded("worker_", row.title), row.detail],
  turn: (row) => [row.title, worded("outcome_", row.detail)],
  replay: (row) => [say("replay"), say("entries", { count: row.detail })],
  takeover: (row) => [say("takeover"), row.detail],
};
const asItIs = (row) => [row.title, row.detail];
const worded = (about, word) => (lookup(WORDS, about + word) ? say(about + word) : word);

function drawRow(row) {
  const tone = TONES.has(row.tone) ? row.tone : "plain";
  const known = ROWS.has(row.kind);
  const sign = el("span.sign", { title: say(row.kind) }, icon(known ? row.kind : "turn"), spoken(say(row.kind)));
  const [title, detail] = (lookup(NAMED, row.kind) ?? asItIs)(row);
  const what = el("p.what", {}, strong(title), detail ? el("span.detail", {}, detail) : null);
  const time = el("time", { title: new Date(row.at).toLocaleString() }, precisely(row.at));
  return el(`li.row.${tone}`, { "data-kind": row.kind }, time, sign, what, duration(row));
}

function duration(row) {
  const node = el("span.ms");
  if (row.open) return live(node, () => write(node, lasting(Math.max(Date.now() - row.at, 0))));
  if (row.ms !== null && row.ms !== undefined) node.textContent = lasting(row.ms);
  return node;
}

// ---- deliveries -----------------------------------------------------------------------------------------------------

/** By state: the sentence, and its tone. */
const DELIVERED = {
  waiting: ["waiting", "plain"],
  answered: ["answered", "good"],
  silent: ["quiet", "good"],
  late: ["late", "warn"],
  lost: ["lost", "warn"],
  refused: ["refused", "bad"],
};

/** What went over the wire: its field, where it is shown. */
const WIRES = ["request", "response", "sealedRequest", "sealedResponse"];

const badge = (text, tone = "plain", title = null) => el(`span.badge.${tone}`, { title }, text);

function drawDelivery(delivery, person) {
  const [state, tone] = lookup(DELIVERED, delivery.state) ?? [delivery.state, "plain"];
  const number = el("span.number", { title: say("push", delivery) }, `#${delivery.number}`, delivery.twin ? "′" : "");
  const marks = ["twin", "sealed"].filter((mark) => delivery[mark]).map((mark) => badge(say(mark)));
  const ended = el("span.badge.state", {}, say(state));
  const said = el("span.of", {}, person.said(delivery.message));
  const head = el("summary", {}, number, said, ...marks, ended, gauge(delivery));
  const node = el(`details.delivery.${tone}`, { "data-message": delivery.message || null }, head);
  node.addEventListener("toggle", () => node.open && unfold(node, delivery));
  return node;
}

/** Its time against the five seconds that WeChat waits. */
function gauge(delivery) {
  const [bar, text] = [el("i"), el("span.ms")];
  const show = () => {
    const ms = delivery.ended ? delivery.ms : Math.max(Date.now() - delivery.began, 0);
    bar.style.setProperty("--part", Math.min(ms / LIMIT, 1));
    write(text, lasting(ms));
  };
  const node = el("span.gauge", {}, el("span.bar", {}, bar), text);
  if (!delivery.ended) return live(node, show);
  show();
  return node;
}

/** Drawn when it is opened, and not before: most never are. Then it is read from its beginning. */
function unfold(node, delivery) {
  if (node.childElementCount === 1) node.append(wires(delivery));
  const above = node.closest(".scroll")?.getBoundingClientRect().top;
  if (node.getBoundingClientRect().top < above) node.scrollIntoView({ block: "start" });
}

function wires(delivery) {
  const { began, status, message, why } = delivery;
  const code = status ? plain(say("status", { status })) : null;
  const facts = el("p.facts", {}, el("time", {}, precisely(began)), code, message ? el("code", {}, message) : null);
  const shown = WIRES.filter((field) => !missing(delivery[field])).map((field) => wireOf(field, delivery[field]));
  return el("div.wires", {}, facts, why ? el("p.why", {}, why) : null, ...shown);
}

function wireOf(field, text) {
  const copies = text ? button("plain", { onclick: () => copy(text) }, say("copy")) : null;
  const head = el("header", {}, el("h3", {}, say(field)), copies);
  return el("section", {}, head, text ? wire(text) : el("p.faint", {}, say("nothing")));
}

// ---- the record -----------------------------------------------------------------------------------------------------

/** By state: the sentence, why that is so, and its tone. */
const STANDS = {
  waiting: ["standWaiting", "standWaiting", "good"],
  running: ["standRunning", "standRunning", "plain"],
  late: ["standLate", "standLateWhy", "warn"],
  lapsed: ["standLapsed", "standLapsedWhy", "warn"],
  unshown: ["standUnshown", "standUnshownWhy", "plain"],
  left: ["standLeft", "standLeftWhy", "warn"],
  cancelled: ["standCancelled", "standCancelled", "plain"],
};

const standing = (state) => lookup(STANDS, state) ?? [state ?? "", state ?? "", "plain"];

const card = (title, count, ...inside) =>
  el("section.card", {}, el("h3", {}, say(title), count ? el("span.count", {}, String(count)) : null), ...inside);

function drawRecord(stand) {
  const shown = Object.keys(LISTS).filter((field) => stand[field]?.length);
  return [whereItStands(stand), ...shown.map((field) => listed(field, stand[field]))];
}

function listed(field, items) {
  const [title, draw] = LISTS[field];
  return card(title, items.length, draw(items));
}

/** By field of the stand: its title, and how it is drawn where there is something in it. */
const LISTS = {
  unread: ["unreadOnes", (items) => el("ul.plain", {}, ...items.map(unreadOne))],
  data: ["data", (data) => el("dl", {}, ...data.flatMap(datum))],
  journal: ["journal", (entries) => el("ol.journal", {}, ...entries.map(entry))],
};

function unreadOne({ text, doubt, until }) {
  return el("li", {}, plain(text), doubt ? badge(say("inDoubt"), "warn") : null, small(untilWhen(until)));
}

function datum({ key, value, expires }) {
  return [el("dt", {}, key), el("dd", {}, el("code", {}, value), small(untilWhen(expires)))];
}

function entry({ at, what, text }) {
  return el("li", {}, el("time", {}, at ? precisely(at) : ""), badge(what), el("span.text", {}, text ?? ""));
}

const untilWhen = (time) => (time ? say("untilWhen", { time: when(time, seconds) }) : null);

function whereItStands(stand) {
  const queue = stand.queue ? el("p.facts", {}, say("queue"), strong(String(stand.queue))) : null;
  const diverged = stand.diverged ? el("p.why", {}, icon("error"), `${say("diverged")}：${stand.diverged}`) : null;
  if (!stand.dialog) return card("standsAt", 0, el("p.faint", {}, say("standsNowhere")), diverged, queue);
  const [state, why, tone] = standing(stand.state);
  const head = el("p.facts", {}, strong(stand.dialog), badge(say(state), tone, say(why)), timeLeft(stand));
  return card("standsAt", 0, head, sourceLine(stand), diverged, asked(stand), queue);
}

function timeLeft({ until, state }) {
  if (!until || !["waiting", "late", "lapsed"].includes(state)) return null;
  const node = el("span.left", { title: untilWhen(until) });
  return live(node, () => write(node, remaining(until)));
}

function sourceLine({ file, line, code }) {
  if (!file) return null;
  const source = el("pre", { tabindex: "0" }, el("span.faint", {}, `${line}  `), code ?? "");
  return el("figure.source", {}, el("figcaption", {}, `${file}:${line}`), source);
}

const asked = ({ question }) =>
  question ? el("blockquote", {}, el("span.faint", {}, say("question")), plain(question)) : null;

// ---- a person: their phone, and what is known of their messages -----------------------------------------------------

class Person {
  constructor(user) {
    this.openid = user.openid;
    this.phone = $("phone").content.firstElementChild.cloneNode(true);
    this.tab = button("person", { onclick: () => select(this.openid) });
    this.bubbles = new Feed(this.part(".log"), (bubble) => drawBubble(bubble, this));
    this.drawer = new Drawer(this);
    this.rows = scrolling(Timeline, "ol.timeline", drawRow, "timelineEmpty");
    this.deliveries = scrolling(Feed, "div.deliveries", (delivery) => drawDelivery(delivery, this), "deliveriesEmpty");
    this.record = el("div.record", { tabindex: "0", role: "group" });
    this.eraser = button("plain.bad");
    this.listen();
    this.take(user);
  }

  part(selector) {
    return this.phone.querySelector(selector);
  }

  /** Everything that is known of them, anew. What they are just writing stays. */
  take(user) {
    this.name = String(user.name ?? user.openid);
    this.hue = [...this.openid].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 6;
    this.following = user.following !== false;
    this.stand = user.stand ?? {};
    this.latest = new Map();
    this.ofMessage = new Map();
    for (const delivery of user.deliveries ?? []) this.index(delivery);
    this.stampedUntil = 0;
    for (const bubble of user.bubbles ?? []) this.enter(bubble);
    this.rows.fill(user.rows ?? []);
    this.bubbles.fill(user.bubbles ?? []);
    this.deliveries.fill(user.deliveries ?? []);
    this.show();
  }

  /** All that is drawn, in the language that is chosen now. */
  redraw() {
    this.drawer.open(false);
    for (const feed of [this.bubbles, this.rows, this.deliveries]) feed.redraw();
    this.show();
  }

  show() {
    translate(this.phone);
    for (const { root } of [this.rows, this.deliveries]) root.setAttribute("aria-label", say("inside"));
    this.phone.setAttribute("aria-label", say("chatOf", this));
    this.part("header .avatar").replaceWith(avatar(this));
    this.part(".name").textContent = this.name;
    this.part(".openid").textContent = this.openid;
    this.part("textarea").placeholder = say("write");
    this.tab.replaceChildren(avatar(this), plain(this.name));
    this.part(".hello .chips").replaceChildren(...this.chips());
    this.part(".scenes").replaceChildren(...told.bot.scenes.map((scene) => this.sceneChip(scene)));
    this.part(".keys").replaceChildren(...told.bot.keys.map((key) => this.menuKey(key)));
    this.showEmptiness();
    this.showStand();
  }

  showEmptiness() {
    this.phone.classList.toggle("empty", this.bubbles.items.size === 0);
    this.phone.classList.toggle("stranger", !this.following);
  }

  // what the server says of them

  putBubble(bubble) {
    const known = this.bubbles.items.get(bubble.id);
    this.enter(bubble, known);
    if (known && bubble.from === "user") this.bubbles.items.set(bubble.id, bubble);
    else this.bubbles.put(bubble);
    this.showFate(bubble);
    this.showEmptiness();
    if (!known && bubble.from === "bot" && chosen.user !== this.openid) this.tab.classList.add("fresh");
  }

  putDelivery(delivery) {
    this.index(delivery);
    this.deliveries.put(delivery);
    const bubble = this.bubbles.items.get(this.ofMessage.get(delivery.message)?.id);
    if (bubble) this.showFate(bubble);
  }

  putRow(row) {
    this.rows.put(row);
  }

  putStand(stand) {
    this.stand = stand;
    this.showStand();
  }

  /** Whether the time stands above a bubble is decided when it comes, and not again when it comes changed. */
  enter(bubble, known) {
    bubble.stamp = known ? known.stamp : bubble.at - this.stampedUntil > PAUSE;
    this.stampedUntil = Math.max(this.stampedUntil, bubble.at);
    if (bubble.from === "user" && bubble.message) this.ofMessage.set(bubble.message, bubble);
  }

  /** The twin of a push is not counted: its time is the other's. */
  index(delivery) {
    const latest = this.latest.get(delivery.message);
    if (!delivery.twin && !(latest?.number > delivery.number)) this.latest.set(delivery.message, delivery);
  }

  /** What the user said, for the deliveries of it. */
  said(message) {
    const bubble = this.ofMessage.get(message);
    if (!bubble) return message ?? "";
    return bubble.segments?.map((part) => part.text).join("") ?? bubble.text ?? bubble.recognition ?? say(bubble.kind);
  }

  /** Changed in its place: drawn anew, the bubble would be read aloud again. */
  showFate(bubble) {
    const slot = this.bubbles.nodes.get(bubble.id)?.lastElementChild;
    slot?.replaceChildren(fate(bubble, this) ?? "");
  }

  showStand() {
    const { dialog, state } = this.stand;
    const [words, why, tone] = standing(state);
    const pill = el(`p.stand.badge.${tone}`, { title: say(why), hidden: !dialog });
    pill.append(plain([dialog, say(words)].filter(Boolean).join(" · ")), timeLeft(this.stand) ?? "");
    this.part(".stand").replaceWith(pill);
    this.showRecord();
  }

  showRecord() {
    const { store, forgets } = told.bot;
    const where = el("span", {}, `${say("store")} `, el("code", {}, store ?? ""), forgets ? say("forgets") : "");
    const foot = el("p.facts", {}, plain(say("bytes", { bytes: this.stand.bytes ?? 0 })), where);
    this.record.setAttribute("aria-label", say("record"));
    for (const old of [...this.record.children]) if (old !== this.eraser) old.remove();
    this.record.prepend(...drawRecord(this.stand), foot);
    this.record.append(this.eraser);
    this.askToErase(this.eraser.classList.contains("sure"));
  }

  /** There is no way back, so it is pressed twice. */
  askToErase(sure) {
    this.eraser.classList.toggle("sure", sure);
    write(this.eraser, say(sure ? "eraseSure" : "erase"));
  }

  erase() {
    const sure = this.eraser.classList.contains("sure");
    this.askToErase(!sure);
    if (sure) post("forget", { user: this.openid });
  }

  showSelected(on) {
    this.phone.classList.toggle("selected", on);
    this.tab.setAttribute("aria-pressed", String(on));
    if (on) this.tab.classList.remove("fresh");
  }

  // what the user does

  send(kind, fields = {}) {
    return post("send", { user: this.openid, kind, ...fields });
  }

  listen() {
    const on = (selector, event, does) => this.part(selector).addEventListener(event, does);
    this.phone.addEventListener("focusin", () => select(this.openid));
    this.phone.addEventListener("pointerdown", () => select(this.openid));
    on(".follow", "click", () => this.send("subscribe", { scene: "" }));
    on("textarea", "keydown", (event) => this.typed(event));
    on("textarea", "input", () => this.showWriting());
    on(".composer", "submit", (event) => {
      event.preventDefault();
      this.sendWritten();
    });
    this.eraser.addEventListener("click", () => this.erase());
    this.eraser.addEventListener("blur", () => this.askToErase(false));
  }

  /** Enter sends; not where it only ends the input of a Chinese word, which Safari tells by its key code alone. */
  typed(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.sendWritten();
  }

  async sendWritten() {
    const input = this.part("textarea");
    const text = input.value.trim();
    input.focus();
    if (!text) return;
    input.value = "";
    this.showWriting();
    this.part(".scroll").scrollTop = 0; // its end
    if (!(await this.send("text", { text }))) input.value ||= text;
    this.showWriting();
  }

  showWriting() {
    this.phone.classList.toggle("writing", this.part("textarea").value.trim() !== "");
  }

  chips() {
    return told.bot.try.map((text) => button("chip", { onclick: () => this.send("text", { text }) }, text));
  }

  sceneChip(scene) {
    return button("chip", { onclick: () => this.send("scan", { scene }) }, say("scanOf", { scene }));
  }

  menuKey(key) {
    return button("key", { onclick: () => this.send("click", { key }) }, icon("menu"), key);
  }
}

// ---- what can be sent but a text ------------------------------------------------------------------------------------

/** By kind: its fields, each with an example. */
const EXTRAS = {
  image: () => ({ url: new URL("/chat/icon.svg", location).href }),
  voice: () => ({ recognition: say("voiceExample") }),
  video: () => ({}),
  location: () => ({ label: say("placeExample"), latitude: 23.1066, longitude: 113.3245 }),
  link: () => ({ title: "wechat-dialog", description: "", url: "https://github.com/arthurmmm/wechat-dialog" }),
  scan: () => ({ scene: told.bot.scenes[0] ?? "" }),
  subscribe: () => ({ scene: "" }),
  unsubscribe: () => ({}),
};

/** Nothing is to be asked before these are sent. */
const AT_ONCE = new Set(["video", "subscribe", "unsubscribe"]);

/** Below the input bar, as in WeChat. */
class Drawer {
  constructor(person) {
    this.person = person;
    this.box = person.part(".drawer");
    this.opener = person.part(".more");
    this.opener.addEventListener("click", () => this.open(this.box.hidden));
    person.phone.addEventListener("keydown", ({ key }) => key === "Escape" && this.close());
  }

  open(open) {
    this.box.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
    if (open) this.offer();
  }

  close() {
    if (this.box.hidden) return;
    this.open(false);
    this.opener.focus();
  }

  offer() {
    const extra = (kind) => {
      const sign = el("span.square", {}, icon(kind));
      return button("extra", { onclick: () => this.choose(kind) }, sign, plain(say(kind)));
    };
    const extras = el("div.extras", {}, ...Object.keys(EXTRAS).map(extra));
    this.box.replaceChildren(extras, el("div.chips", {}, ...this.person.chips()));
    extras.firstElementChild.focus();
  }

  choose(kind) {
    const fields = EXTRAS[kind]();
    if (AT_ONCE.has(kind)) this.send(kind, fields);
    else this.ask(kind, fields);
  }

  ask(kind, fields) {
    const label = say("back");
    const back = button("small", { onclick: () => this.offer(), "aria-label": label, title: label }, icon("back"));
    const head = el("header", {}, back, el("h3", {}, say(kind)), el("button.plain.green", {}, say("send")));
    const inputs = Object.entries(fields).map(([name, example]) => input(name, example));
    const labels = inputs.map((node) => el("label", {}, plain(say(node.name)), node));
    const form = el("form.fields", {}, head, ...labels);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(kind, Object.fromEntries(inputs.map(filledIn)));
    });
    this.box.replaceChildren(form);
    inputs[0].select();
  }

  send(kind, fields) {
    this.open(false);
    this.person.part("textarea").focus();
    this.person.send(kind, fields);
  }
}

function input(name, example) {
  const kind = typeof example === "number" ? { type: "number", step: "any", required: true } : { type: "text" };
  return el("input", { name, value: example, autocomplete: "off", ...kind });
}

const filledIn = ({ name, type, value }) => [name, type === "number" ? Number(value) : value];

// ---- the head: the bot, its worker, and the trouble one can make ----------------------------------------------------

function showBot() {
  const { url, canEncrypt } = told.bot;
  const name = told.bot.demo ? say("demo") : told.bot.name;
  document.title = `${name} · wechat-dialog`;
  write($("bot"), name);
  write($("url"), url);
  document.querySelector("[data-option=encrypt]").hidden = !canEncrypt;
}

function showWorker() {
  const { state, number, pid, since, changed, why } = told.worker;
  const pill = $("worker");
  const files = changed?.length ? say("workerChanged", { files: changed.join(", ") }) : "";
  pill.dataset.state = state;
  pill.title = say("workerTitle", { number, pid, since: since ? when(since, seconds) : "" }) + files;
  write(pill, `${say(state === "broken" ? "brokenShort" : state)} #${number}`);
  if (state === "broken") write($("why"), why ?? "");
  if (state === "broken" || state === "up") $("broken").hidden = state === "up"; // until it is up, what was wrong stays
}

function showOptions() {
  for (const node of document.querySelectorAll("[data-option]")) node.setAttribute("aria-pressed", String(isOn(node)));
}

/** A switch is on where its option is; one of several values, where the option has its value. */
const isOn = ({ dataset: { option, value } }) =>
  value ? told.options[option] === Number(value) : Boolean(told.options[option]);

function switchOption(node) {
  const { option, value } = node.dataset;
  const on = !isOn(node);
  post("options", { [option]: value ? (on ? Number(value) : 0) : on });
}

// ---- what is in view: a user, a tab, a theme, a language ------------------------------------------------------------

const narrow = matchMedia("(max-width: 719px)");

function select(openid) {
  const person = told.people.get(openid) ?? told.people.values().next().value;
  if (!person || person.rows.root.isConnected) return;
  choose("user", person.openid);
  for (const each of told.people.values()) each.showSelected(each === person);
  $("timeline").replaceChildren(person.rows.root);
  $("deliveries").replaceChildren(person.deliveries.root);
  $("record").replaceChildren(person.record);
  $("whom").replaceChildren(avatar(person), person.name);
  person.phone.scrollIntoView({ block: "nearest", inline: "nearest" });
}

const everyTab = () => [...document.querySelectorAll("[role=tab]")];

/** Where there is room the chat is always in view, and no tab. */
const tabs = () => everyTab().filter((tab) => narrow.matches || tab.dataset.tab !== "chat");

function showTab() {
  const shown = chosen.tab === "chat" && !narrow.matches ? "timeline" : chosen.tab;
  document.body.dataset.tab = shown;
  for (const tab of everyTab()) {
    const on = tab.dataset.tab === shown;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
  }
  for (const panel of document.querySelectorAll("[role=tabpanel]")) panel.hidden = panel.id !== shown;
}

function turnTo(tab) {
  if (!tab) return;
  choose("tab", tab.dataset.tab);
  showTab();
  tab.focus();
}

const MOVES = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };

function moveAmongTabs(event) {
  const move = MOVES[event.key];
  if (move === undefined) return;
  event.preventDefault();
  const all = tabs();
  const to = all.indexOf(event.target.closest("[role=tab]")) + move;
  turnTo(all[Number.isFinite(move) ? (to + all.length) % all.length : move < 0 ? 0 : all.length - 1]);
}

const THEMES = ["auto", "light", "dark"];

function showTheme() {
  document.documentElement.dataset.theme = chosen.theme;
  const words = `${say("theme")}: ${say(chosen.theme)}`;
  $("theme").replaceChildren(icon(chosen.theme));
  $("theme").title = words;
  $("theme").setAttribute("aria-label", words);
}

function showLanguage() {
  document.documentElement.lang = chosen.language === "zh" ? "zh-CN" : "en";
  translate(document);
  write($("language"), say("otherLanguage"));
  showTheme();
  if (!told.bot) return;
  showWorker();
  for (const person of told.people.values()) person.redraw();
}

// ---- a message is lit wherever it is seen ---------------------------------------------------------------------------

let lit;

const ofMessage = (message) => document.querySelectorAll(`[data-message="${CSS.escape(message)}"]`);

function light({ target }) {
  const message = target.closest?.("[data-message]")?.dataset.message;
  if (message === lit) return;
  for (const node of document.querySelectorAll(".lit")) node.classList.remove("lit");
  if (message) for (const node of ofMessage(message)) node.classList.add("lit");
  lit = message;
}

/** Who clicks on a message in one place sees it in the other. */
function reveal({ target }) {
  const from = target.closest("[data-message]");
  if (!from || target.closest("button, a, summary, pre")) return;
  const here = from.closest(".scroll");
  for (const node of ofMessage(from.dataset.message)) {
    if (node.closest(".scroll") !== here) node.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}

/** Up and down lead from message to message in whatever list has the focus. */
function roam(event) {
  const [key, box] = [event.key, event.target.closest(".scroll")];
  if (!box || !["ArrowUp", "ArrowDown"].includes(key) || !event.target.matches(".scroll, [tabindex='-1']")) return;
  const all = [...box.querySelectorAll("[tabindex='-1']")];
  const at = all.indexOf(event.target);
  const to = at < 0 ? all.length - 1 : at + (key === "ArrowUp" ? -1 : 1);
  if (!all[to]) return;
  event.preventDefault();
  all[to].focus();
}

// ---- the server -----------------------------------------------------------------------------------------------------

/** Gives whether it was taken; where it was not, says why. */
async function post(path, body) {
  const headers = { "Content-Type": "application/json", "X-Chat": "1" };
  try {
    const answer = await fetch(`/chat/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (answer.ok) return true;
    const { error } = await answer.json().catch(() => ({}));
    toast(error ?? say("status", { status: answer.status }));
  } catch {
    toast(say("unreachable"));
  }
  return false;
}

const EVENTS = {
  state: (event) => learn(event),
  worker: ({ worker }) => ((told.worker = worker), showWorker()),
  options: ({ options }) => ((told.options = options), showOptions()),
  user: ({ user }) => select(meet(user) ? user.openid : chosen.user),
  bubble: ({ user, bubble }) => told.people.get(user)?.putBubble(bubble),
  delivery: ({ user, delivery }) => told.people.get(user)?.putDelivery(delivery),
  row: ({ user, row }) => told.people.get(user)?.putRow(row),
  stand: ({ user, stand }) => told.people.get(user)?.putStand(stand),
};

function learn({ bot, worker, options, users }) {
  told.bot = { try: [], keys: [], scenes: [], ...bot };
  told.worker = worker;
  told.options = options;
  showBot();
  showWorker();
  showOptions();
  const present = new Set(users.map((user) => user.openid));
  for (const person of [...told.people.values()]) if (!present.has(person.openid)) leave(person);
  users.forEach(meet);
  select(chosen.user);
}

/** Gives whether they are somebody new. */
function meet(user) {
  const known = told.people.get(user.openid);
  if (known) known.take(user);
  else welcome(new Person(user));
  return !known;
}

function welcome(person) {
  told.people.set(person.openid, person);
  $("phones").append(person.phone);
  $("users").append(person.tab);
}

function leave(person) {
  told.people.delete(person.openid);
  for (const node of [person.phone, person.tab, person.rows.root, person.deliveries.root, person.record]) node.remove();
}

/** The browser connects again by itself, but for some refusals: after those we do. */
function connect() {
  const source = new EventSource("/chat/events");
  source.onopen = () => ($("offline").hidden = true);
  source.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    lookup(EVENTS, event.type)?.(event);
  };
  source.onerror = () => {
    $("offline").hidden = false;
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
  };
}

// ---- somebody who comes anew ----------------------------------------------------------------------------------------

const NAMES = ["小红", "小刚", "小丽", "小强", "小华", "小美"];

function openNewcomer(open) {
  const form = $("newcomer");
  form.hidden = !open;
  $("add").setAttribute("aria-expanded", String(open));
  if (!open) return $("add").focus();
  const taken = new Set([...told.people.values()].map((person) => person.name));
  form.elements.name.value = NAMES.find((name) => !taken.has(name)) ?? "";
  form.elements.name.select();
}

async function addNewcomer(event) {
  event.preventDefault();
  const name = $("newcomer").elements.name.value.trim();
  if (name && (await post("users", { name }))) openNewcomer(false);
}

function showTools(open) {
  document.body.classList.toggle("with-tools", open);
  $("show-tools").setAttribute("aria-expanded", String(open));
}

// ---- all that the page says -----------------------------------------------------------------------------------------

/** Every sentence of the page: Chinese, English. */
const WORDS = {
  // the head
  restart: ["重启", "Restart"],
  restartWhy: ["让工作进程好好收尾，再启动一个", "Stops the worker in good order, and starts another"],
  killWhy: ["立刻杀掉工作进程，再启动一个：对话会接着进行", "Kills the worker at once, and starts another: conversations go on"],
  slow: ["下一步骤变慢", "Slow step"],
  slowWhy: ["下一个 @step 要用这么久（只一次）", "The next @step takes so long (once)"],
  lose: ["丢失下一条回复", "Lose a reply"],
  loseWhy: ["下一条回复在路上丢失（只一次），微信会再推送", "The next reply is lost on its way (once): WeChat pushes again"],
  twice: ["投递两次", "Deliver twice"],
  twiceWhy: ["每次推送都同时到达两份", "Every push arrives twice, at the same time"],
  encrypt: ["加密", "Encrypt"],
  encryptWhy: ["像安全模式那样加密推送和回复", "Pushes and replies are encrypted, as in the safe mode"],
  tools: ["捣乱工具", "Trouble to make"],
  theme: ["外观", "Theme"],
  auto: ["跟随系统", "as the system"],
  light: ["浅色", "light"],
  dark: ["深色", "dark"],
  otherLanguage: ["English", "中文"],
  copy: ["复制", "Copy"],
  copied: ["已复制", "Copied"],
  copyUrl: ["复制地址", "Copy the address"],
  demo: ["演示机器人", "Demo bot"],
  starting: ["启动中", "starting"],
  up: ["运行中", "up"],
  down: ["已停止", "down"],
  broken: ["代码有错，机器人没能启动", "The bot could not be started"],
  brokenShort: ["出错", "broken"],
  workerTitle: ["第 {number} 个工作进程，pid {pid}，{since} 起", "worker {number}, pid {pid}, since {since}"],
  workerChanged: ["（因为 {files} 改了）", " (because {files} changed)"],
  offline: ["连接断开，正在重连…", "Connection lost, reconnecting…"],
  unreachable: ["没有发出去：服务器没有回应", "Not sent: the server does not answer"],
  // people
  users: ["用户", "Users"],
  add: ["加一个用户", "Add a user"],
  addWhy: ["再来一个人，同时和机器人说话", "Somebody else who talks to the bot at the same time"],
  newName: ["新用户的名字", "The new user's name"],
  account: ["公众号", "The bot"],
  system: ["系统", "WeChat"],
  // a phone
  chat: ["对话", "Chat"],
  chatOf: ["{name} 的对话", "{name}'s chat"],
  write: ["说点什么…", "Say something…"],
  send: ["发送", "Send"],
  more: ["图片、语音、位置…", "Picture, voice, location…"],
  menu: ["公众号菜单", "The account's menu"],
  helloTitle: ["像微信用户一样，和您的机器人说话。", "Talk to your bot as a WeChat user would."],
  hello: ["旁边看得到里面发生的一切；改完代码保存，对话接着进行。", "All that happens inside is beside it; save your code, and it goes on."],
  tryThese: ["试试：", "Try:"],
  gone: ["没有关注，收不到也发不了消息", "This user does not follow the account, and can send nothing"],
  earlier: ["更早的 {count} 条", "{count} earlier"],
  silent: ["（没有回复）", "(no reply)"],
  failed: ["没有得到回复", "Got no reply"],
  pushing: ["第 {number} 次推送 {seconds} s / 5 s", "push {number}: {seconds} s / 5 s"],
  yesterday: ["昨天", "Yesterday"],
  date: ["{month}月{day}日", "{month}/{day}"],
  back: ["返回", "Back"],
  // what can be sent, and what comes
  image: ["图片", "Picture"],
  voice: ["语音", "Voice"],
  video: ["视频", "Video"],
  location: ["位置", "Location"],
  link: ["链接", "Link"],
  scan: ["扫一扫", "Scan"],
  subscribe: ["关注", "Follow"],
  unsubscribe: ["取消关注", "Unfollow"],
  music: ["音乐", "Music"],
  scanOf: ["扫码 {scene}", "Scan {scene}"],
  transfer: ["已转接人工客服", "Handed over to a human"],
  url: ["网址", "Address"],
  recognition: ["识别出的文字", "What was recognised"],
  label: ["地名", "Place"],
  latitude: ["纬度", "Latitude"],
  longitude: ["经度", "Longitude"],
  title: ["标题", "Title"],
  description: ["说明", "Description"],
  scene: ["二维码的场景值", "Scene of the QR code"],
  voiceExample: ["两个", "two"],
  placeExample: ["广州塔", "Canton Tower"],
  // inside
  inside: ["里面发生的事", "What happens inside"],
  timeline: ["时间线", "Timeline"],
  timelineWhy: ["每条消息怎样变成回复（Alt+1）", "How each message became a reply (Alt+1)"],
  timelineEmpty: ["说句话，这里就看得到它经过的每一步。", "Say something, and see here every step it takes."],
  deliveries: ["推送", "Deliveries"],
  deliveriesWhy: ["微信的每次推送和它的回复，原文（Alt+2）", "Every push of WeChat and its reply, as they were (Alt+2)"],
  deliveriesEmpty: ["还没有推送。", "No deliveries yet."],
  record: ["记录", "Record"],
  recordWhy: ["现在留存着什么：停在哪一行、数据、日志（Alt+3）", "What is kept: the line it waits at, data, journal (Alt+3)"],
  // kinds of rows
  message: ["消息", "Message"],
  ask: ["提问", "Ask"],
  step: ["步骤", "Step"],
  replay: ["重放", "Replay"],
  takeover: ["接手", "Taken over"],
  turn: ["一轮", "Turn"],
  unread: ["未读", "Unread"],
  read: ["已读", "Read"],
  worker: ["工作进程", "Worker"],
  event: ["事件", "Event"],
  error: ["错误", "Error"],
  entries: ["{count} 条日志", "entries: {count}"],
  worker_up: ["工作进程启动", "worker up"],
  worker_down: ["工作进程停止", "worker down"],
  worker_broken: ["代码有错", "the code is broken"],
  worker_lint: ["检查提醒", "lint"],
  outcome_asked: ["问了", "asked"],
  outcome_ended: ["结束", "ended"],
  outcome_failed: ["出错", "failed"],
  outcome_cancelled: ["取消", "cancelled"],
  outcome_timed_out: ["超时", "timed out"],
  outcome_replaced: ["换成了新的对话", "replaced"],
  outcome_rerouted: ["转给别的路由", "rerouted"],
  outcome_diverged: ["和代码对不上", "diverged"],
  outcome_quarantined: ["隔离", "quarantined"],
  outcome_unrouted: ["没有路由接它（@bot.default）", "no route takes it (@bot.default)"],
  // deliveries
  push: ["第 {number} 次推送", "Push {number} of this message"],
  waiting: ["等待中", "waiting"],
  answered: ["已回复", "answered"],
  quiet: ["无回复", "no reply"],
  late: ["超过 5 秒", "over 5 s"],
  lost: ["回复丢失", "reply lost"],
  refused: ["没有接通", "failed"],
  twin: ["同时的第二份", "twin"],
  sealed: ["加密", "encrypted"],
  request: ["推送", "Push"],
  response: ["回复", "Reply"],
  sealedRequest: ["推送（线上的样子）", "Push (as on the wire)"],
  sealedResponse: ["回复（线上的样子）", "Reply (as on the wire)"],
  nothing: ["（空）", "(empty)"],
  status: ["HTTP {status}", "HTTP {status}"],
  // the record
  standsAt: ["停在", "Where it stands"],
  standsNowhere: ["没有对话在等待；下一条消息会开始一个新的。", "No dialog waits: the next message begins one."],
  standWaiting: ["等待回答", "waiting"],
  standRunning: ["运行中", "running"],
  standLate: ["已超时", "late"],
  standLateWhy: ["时间过了：下一条消息会遇到 TimedOut", "Its time is over: the next message meets TimedOut"],
  standLapsed: ["已失效", "lapsed"],
  standLapsedWhy: ["时间早已过了：下一条消息不会再遇到这个对话", "Its time is long over: the next message finds no dialog"],
  standUnshown: ["问题还没显示", "not shown yet"],
  standUnshownWhy: ["问题还没有送到用户那里，所以还没开始计时", "The question was not shown yet, so its time does not run"],
  standLeft: ["等人接手", "left"],
  standLeftWhy: ["运行这一轮的进程不在了：下一次推送会接手", "The worker of this turn is gone: the next push takes over"],
  standCancelled: ["已取消", "cancelled"],
  question: ["问了", "It asked"],
  remaining: ["还剩 {time}", "{time} left"],
  over: ["已过 {time}", "{time} over"],
  untilWhen: ["到 {time} 为止", "until {time}"],
  diverged: ["和代码对不上", "No longer fits the code"],
  unreadOnes: ["未读的回复", "Unread replies"],
  inDoubt: ["可能已读", "perhaps read"],
  queue: ["排队的消息", "Queued messages"],
  data: ["用户数据", "User data"],
  journal: ["日志", "Journal"],
  store: ["存储", "Store"],
  forgets: ["（内存：停下就忘）", " (memory: forgets when it stops)"],
  bytes: ["这个用户占 {bytes} 字节", "{bytes} bytes for this user"],
  erase: ["抹掉这个用户的一切", "Erase all of this user"],
  eraseSure: ["确定抹掉？再点一次", "Sure? Press once more"],
};

// ---- start ----------------------------------------------------------------------------------------------------------

/** By id: what a click does. */
const CLICKS = {
  "copy-url": () => copy(told.bot?.url ?? ""),
  "copy-why": () => copy($("why").textContent),
  "show-tools": () => showTools(!document.body.classList.contains("with-tools")),
  theme: () => (choose("theme", THEMES[(THEMES.indexOf(chosen.theme) + 1) % THEMES.length]), showTheme()),
  language: () => (choose("language", chosen.language === "zh" ? "en" : "zh"), showLanguage()),
  add: () => openNewcomer($("newcomer").hidden),
};

function pressed(event) {
  if (event.altKey && /^Digit[1-9]$/.test(event.code)) {
    event.preventDefault();
    turnTo(tabs()[event.code.at(-1) - 1]);
  }
  if (event.key === "Escape" && !$("newcomer").hidden) openNewcomer(false);
  roam(event);
}

function start() {
  for (const [id, click] of Object.entries(CLICKS)) $(id).addEventListener("click", click);
  for (const node of document.querySelectorAll("[data-do]")) {
    node.addEventListener("click", () => post("worker", { do: node.dataset.do }));
  }
  for (const node of document.querySelectorAll("[data-option]")) {
    node.addEventListener("click", () => switchOption(node));
  }
  for (const tab of everyTab()) {
    tab.addEventListener("click", () => turnTo(tab));
    tab.addEventListener("keydown", moveAmongTabs);
  }
  $("newcomer").addEventListener("submit", addNewcomer);
  document.addEventListener("keydown", pressed);
  document.addEventListener("pointerover", light);
  document.addEventListener("focusin", light);
  document.addEventListener("click", reveal);
  narrow.addEventListener("change", showTab);
  showLanguage();
  showTab();
  connect();
}

start();

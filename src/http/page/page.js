// @ts-nocheck: it runs in a browser, whose globals the program around it must not see.
// The live page: a list of agents and their latest turns, kept true by the stream of records.

const KEY = "aos.key";
const RECORDS_MAX = 50;
/** So many agents are asked for so many of their turns when the page opens. */
const RECALLED_AGENTS = 20;
const RECALLED_TURNS = 5;
const AGENTS_MAX = 500;
const REFRESH_MS = 500;
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000];

const $ = (id) => document.getElementById(id);
const agents = new Map();
const latest = new Map();
const changed = new Set();
let session = 0;
let lastSeq;
let refreshing;

$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, $("key").value.trim());
  $("key").value = "";
  void start();
});
$("forget").addEventListener("click", () => {
  sessionStorage.removeItem(KEY);
  ask("");
});
setInterval(render, 30_000);
if (sessionStorage.getItem(KEY) === null) ask("");
else void start();

function ask(refusal) {
  session++;
  $("login").hidden = false;
  $("board").hidden = $("forget").hidden = true;
  $("refused").textContent = refusal;
  show("off", "not connected");
  $("key").focus();
}

function show(state, words) {
  $("link").dataset.state = state;
  $("link").textContent = words;
}

async function get(path, options = {}) {
  const response = await fetch(path, {
    ...options,
    headers: { authorization: `Bearer ${sessionStorage.getItem(KEY)}`, ...options.headers },
  });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail ?? `the system answered ${response.status}`), {
    status: response.status,
  });
}

/** Connects, and again whenever the connection is lost, until another session takes over. */
async function start() {
  const mine = ++session;
  lastSeq = undefined;
  agents.clear();
  latest.clear();
  $("records").replaceChildren();
  show("off", "connecting …");
  for (let attempt = 0; mine === session; attempt++) {
    try {
      await follow(mine, () => (attempt = 0));
      if (mine === session) show("lost", "connection lost; trying again …");
    } catch (error) {
      if (mine !== session) return;
      if (error.status === 401 || error.status === 403) {
        sessionStorage.removeItem(KEY);
        ask(error.message);
        return;
      }
      show("lost", error.status === undefined ? "connection lost; trying again …" : error.message);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]));
  }
}

async function follow(mine, onLive) {
  const stream = await get("/api/stream", {
    headers: lastSeq === undefined ? {} : { "last-event-id": lastSeq },
  });
  await list();
  if (mine !== session) return;
  if (lastSeq === undefined) await recall().catch(() => undefined);
  if (mine !== session) return;
  $("login").hidden = true;
  $("board").hidden = $("forget").hidden = false;
  show("live", "live");
  onLive();
  const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done || mine !== session) return void reader.cancel();
    const messages = (rest + value).split("\n\n");
    rest = messages.pop();
    for (const message of messages) take(message);
  }
}

function take(message) {
  const fields = {};
  for (const line of message.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
  }
  if (fields.id !== undefined) lastSeq = fields.id;
  if (fields.event !== "turn") return;
  const record = JSON.parse(fields.data);
  note(record);
  changed.add(record.agent);
  refreshing ??= setTimeout(() => void refresh(), REFRESH_MS);
}

function note(record) {
  if ((latest.get(record.agent)?.seq ?? 0) >= record.seq) return;
  latest.set(record.agent, record);
  $("quiet").hidden = true;
  $("records").prepend(recordItem(record));
  while ($("records").children.length > RECORDS_MAX) $("records").lastChild.remove();
}

async function list() {
  const { items, next } = await (await get(`/api/agents?limit=${AGENTS_MAX}`)).json();
  for (const agent of items) agents.set(agent.address, agent);
  $("count").textContent = next === undefined ? String(items.length) : `the first ${items.length}`;
  render();
}

/** Fills a page that was just opened with what happened before. */
async function recall() {
  const busy = [...agents.values()]
    .filter(({ turn }) => turn > 0)
    .toSorted(byLastTurn)
    .slice(0, RECALLED_AGENTS);
  const journals = await Promise.all(
    busy.map(async ({ type, id, turn }) => {
      const after = Math.max(0, turn - RECALLED_TURNS);
      return (
        await (
          await get(`/api/agents/${encodeURIComponent(type)}/${encodeURIComponent(id)}/journal?after=${after}&limit=${RECALLED_TURNS}`)
        ).json()
      ).items;
    }),
  );
  for (const record of journals.flat().toSorted((a, b) => a.seq - b.seq)) note(record);
  render();
}

/** Asks again for the agents that had a turn, or for all where they are many or new. */
async function refresh() {
  const due = [...changed];
  changed.clear();
  try {
    if (due.length > 10 || due.some((address) => !agents.has(address))) await list();
    else
      await Promise.all(
        due.map(async (address) =>
          agents.set(address, await (await get(`/api/agents/${address.split("/").slice(-2).map(encodeURIComponent).join("/")}`)).json()),
        ),
      );
    render();
  } catch {
    // The stream tells whether the connection is lost.
  }
  refreshing = changed.size > 0 ? setTimeout(() => void refresh(), REFRESH_MS) : undefined;
}

function render() {
  const rows = [...agents.values()].toSorted(byLastTurn);
  $("agents").hidden = rows.length === 0;
  $("empty").hidden = rows.length > 0;
  $("agents").tBodies[0].replaceChildren(
    ...rows.map((agent) => {
      const record = latest.get(agent.address);
      return node(
        "tr",
        {},
        node("td", {}, agent.address),
        node(
          "td",
          { className: `state ${agent.state}` },
          agent.state,
          ...(agent.reason ? [node("span", { className: "hint reason" }, agent.reason)] : []),
        ),
        cell("Mail", String(agent.mailbox), "num"),
        cell("Parked", String(agent.parked), "num"),
        cell(
          "Last turn",
          agent.lastTurnAt === null ? "never" : `${ago(agent.lastTurnAt)}${record === undefined ? "" : ` · ${record.cause.type}`}`,
        ),
        cell("Next wake", agent.nextWakeAt === null ? "on an event" : when(agent.nextWakeAt)),
      );
    }),
  );
}

function byLastTurn(a, b) {
  return (b.lastTurnAt ?? "").localeCompare(a.lastTurnAt ?? "") || a.address.localeCompare(b.address);
}

function recordItem(record) {
  const decisions = record.decisions.map(({ choice, because }) =>
    node("span", { className: "decision" }, node("strong", {}, text(choice)), because === undefined ? "" : ` because ${text(because)}`),
  );
  return node(
    "li",
    {},
    node("time", { dateTime: record.at }, new Date(record.at).toLocaleTimeString()),
    " ",
    node("code", {}, record.agent),
    ` ${record.cause.type} `,
    node("span", { className: record.outcome }, record.outcome),
    record.error === undefined ? "" : node("span", { className: "bad" }, ` ${record.error.code}: ${record.error.message}`),
    ...decisions,
  );
}

function cell(name, value, className = "") {
  const made = node("td", { className }, value);
  made.dataset.name = name;
  return made;
}

function node(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function text(value) {
  return typeof value === "string" ? value : Array.isArray(value) ? value.map(text).join("; ") : JSON.stringify(value);
}

function ago(at) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(at)) / 1_000));
  if (seconds < 60) return `${seconds} s ago`;
  return seconds < 3_600 ? `${Math.floor(seconds / 60)} min ago` : new Date(at).toLocaleString();
}

function when(at) {
  const date = new Date(at);
  return date.toDateString() === new Date().toDateString() ? date.toLocaleTimeString() : date.toLocaleString();
}

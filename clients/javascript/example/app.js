// A page that acts a workbench: every click is what a user of the real one would do, told to the portal.

const find = (selector) => document.querySelector(selector);
const settings = new URLSearchParams(location.search);
const NODES = ["Check health", "Ask for approval", "Restart service", "Wait a minute", "Report"];
const TEMPLATES = [
  { templateId: "restart-unhealthy", title: "Restart what is unhealthy", nodes: 3 },
  { templateId: "rotate-secret", title: "Rotate a secret", nodes: 2 },
  { templateId: "scale-out", title: "Scale out under load", nodes: 2 },
];
const RUN_MS = 1200;

let draft;
let approvalId;
let messages = 0;

// Events and their verdicts ---------------------------------------------------------------------------------

const rows = new Map();

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text ?? "";
  return made;
}

function addRow(id, event, properties) {
  const row = element("li");
  const head = element("div", "head");
  const verdict = element("span", "verdict");
  head.append(element("code", "", event), verdict);
  row.append(head, element("code", "properties", properties ? JSON.stringify(properties) : ""));
  find("[data-events]").prepend(row);
  rows.set(id, { row, verdict });
  setVerdict(id, "waiting");
}

function setVerdict(id, verdict, reasons = []) {
  const { row, verdict: mark } = rows.get(id);
  mark.textContent = mark.dataset.verdict = verdict;
  for (const reason of reasons) row.append(element("span", "reason", reason));
}

function showAnswer(events, answer) {
  events.forEach(({ id, event, properties }, index) => {
    if (!rows.has(id)) addRow(id, event, properties);
    const said = answer.results.filter((entry) => entry.index === index);
    const reasons = said.filter((entry) => entry.status !== "duplicate");
    setVerdict(id, said[0]?.status ?? "accepted", reasons.map(({ code, field, message }) => `${code} ${field}: ${message}`));
  });
  showStatus();
}

function showStatus() {
  const { sessionId, pending } = telemetry;
  const session = sessionId ? `session ${sessionId.slice(0, 8)}` : "no session";
  find("[data-status]").textContent = telemetry.connected ? `${session} · ${pending} waiting` : "Not connected";
  find("[data-count]").textContent = rows.size ? `${rows.size}` : "";
}

// The client ------------------------------------------------------------------------------------------------

function connect() {
  for (const name of ["url", "key"]) find(`[name=${name}]`).value = settings.get(name) ?? "";
  if (!settings.get("url") && location.protocol.startsWith("http")) find("[name=url]").value = location.origin;
  if (!settings.get("key")) return { track: () => undefined, flush() {}, consent() {} };
  const client = WorkbenchTelemetry.createTelemetry({
    url: settings.get("url") || location.origin,
    key: settings.get("key"),
    flushInterval: 300,
    development: true,
    onAnswer: showAnswer,
    onDropped: (count, reason) => find("[data-status]").append(` · ${count} dropped (${reason})`),
  });
  client.connected = true;
  return client;
}

const telemetry = connect();

function tell(event, properties) {
  const name = `workbench.${event}`;
  const id = telemetry.track(name, properties);
  if (id) addRow(id, name, properties);
  showStatus();
}

// The workbench ---------------------------------------------------------------------------------------------

const newId = (kind) => `${kind}-${Math.random().toString(16).slice(2, 10)}`;
const restricted = () => draft.nodes.includes("Restart service");

function showDraft() {
  find("[data-draft-id]").textContent = draft ? draft.draftId : "";
  find("[data-nodes]").replaceChildren(...(draft?.nodes ?? []).map((node) => element("li", "", node)));
  find("[data-hint]").hidden = Boolean(draft);
  for (const action of ["node", "accept", "reject"]) find(`[data-action=${action}]`).disabled = !draft || draft.accepted;
  find("[data-action=run]").disabled = !draft?.accepted || Boolean(draft.runId || approvalId);
  find("[data-action=retry]").disabled = !draft?.failed;
  find("[data-approval]").hidden = !approvalId;
}

function createDraft(source, nodeCount, more = {}) {
  draft = { draftId: newId("draft"), source, nodes: NODES.slice(0, nodeCount), accepted: false };
  approvalId = undefined;
  find("[data-run]").textContent = "";
  tell("draft_created", { source, draftId: draft.draftId, nodeCount, ...more });
}

function viewTemplate({ templateId }) {
  tell("template_viewed", { templateId, source: "library" });
}

function insertTemplate({ templateId, nodes }) {
  if (!draft || draft.accepted) {
    createDraft("template", nodes, { templateId });
  } else {
    draft.nodes.push(...NODES.slice(0, nodes));
    tell("draft_edited", { draftId: draft.draftId, editType: "template_insert", nodeCount: draft.nodes.length });
  }
  tell("template_inserted", { templateId, draftId: draft.draftId });
  showDraft();
}

function addMessage(text, who) {
  const message = element("li", who, text);
  find("[data-messages]").append(message);
  message.scrollIntoView({ block: "nearest" });
}

function answerMessage() {
  const { templateId, title } = TEMPLATES[messages++ % TEMPLATES.length];
  tell("chat_tool_invoked", { toolId: "search_templates", success: true });
  tell("template_suggested", { templateId });
  addMessage(`“${title}” may do. I made a draft of it.`, "assistant");
  createDraft("chat", 3);
  showDraft();
}

// A retry is a new run that names the one which it repeats.
function startRun(retryOfRunId) {
  const ran = draft;
  const run = { runId: newId("run"), draftId: ran.draftId, ...(retryOfRunId && { retryOfRunId }) };
  Object.assign(ran, { runId: run.runId, failed: false });
  const started = performance.now();
  tell("workflow_run_started", { ...run, trigger: "user" });
  find("[data-run]").textContent = "Running …";
  setTimeout(() => {
    const durationMs = Math.round(performance.now() - started);
    ran.failed = find("[data-fails]").checked;
    const end = ran.failed ? { status: "failed", errorType: "StepFailed" } : { status: "completed" };
    tell("workflow_run_completed", { ...run, ...end, durationMs });
    const said = ran.failed ? "Failed" : "Completed";
    find("[data-run]").textContent = `${said} in ${(durationMs / 1000).toFixed(1)} s`;
    showDraft();
  }, RUN_MS);
}

function decide(approved) {
  tell("approval_completed", { approved, approvalId, toolIds: ["restart_service"] });
  approvalId = undefined;
  if (approved) startRun();
  else find("[data-run]").textContent = "The run was not approved.";
}

const ACTIONS = {
  blank: () => createDraft("blank", 0),
  node() {
    draft.nodes.push(NODES[draft.nodes.length % NODES.length]);
    tell("draft_edited", { draftId: draft.draftId, editType: "canvas", nodeCount: draft.nodes.length });
  },
  accept() {
    draft.accepted = true;
    tell("draft_accepted", { draftId: draft.draftId, source: draft.source, nodeCount: draft.nodes.length });
  },
  reject() {
    tell("draft_rejected", { draftId: draft.draftId, source: draft.source });
    draft = undefined;
  },
  run() {
    if (!restricted()) return startRun();
    approvalId = newId("approval");
    const { draftId } = draft;
    tell("approval_requested", { toolIds: ["restart_service"], contextType: "workflow_run", draftId, approvalId });
  },
  retry: () => startRun(draft.runId),
  approve: () => decide(true),
  refuse: () => decide(false),
  wrong: () => tell("draft_created", { source: "phone", colour: "red" }),
  flush: () => telemetry.flush(),
};

function listTemplates() {
  for (const template of TEMPLATES) {
    const item = element("li");
    const look = element("button", "", "Look");
    const insert = element("button", "", "Insert");
    look.addEventListener("click", () => viewTemplate(template));
    insert.addEventListener("click", () => insertTemplate(template));
    look.setAttribute("aria-label", `Look at ${template.title}`);
    insert.setAttribute("aria-label", `Insert ${template.title}`);
    item.append(element("span", "", template.title), look, insert);
    find("[data-templates]").append(item);
  }
}

document.addEventListener("click", ({ target }) => {
  const action = target.closest("[data-action]")?.dataset.action;
  if (!action) return;
  ACTIONS[action]();
  showDraft();
});

find("[data-chat]").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  const { message } = submitted.target.elements;
  if (!message.value) return;
  addMessage(message.value, "user");
  // Its length is all that the portal ever learns of it.
  tell("chat_message_sent", { messageLength: message.value.length, hasAttachment: false });
  message.value = "";
  setTimeout(answerMessage, 400);
});

find("[data-consent]").addEventListener("change", ({ target }) => {
  telemetry.consent(target.checked);
  showStatus();
});

listTemplates();
showDraft();
showStatus();

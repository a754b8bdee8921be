// The CloudEvents SDK of JavaScript. Arguments: the portal's address, a key, a moment.
import { CloudEvent, Mode, emitterFor } from "cloudevents";

const [host, key, moment] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${key}` };
const answers = [];
const emit = (mode) =>
  emitterFor(
    async (message) => {
      const answer = await fetch(`${host}/api/workbench/telemetry`, {
        method: "POST",
        headers: { ...message.headers, ...headers },
        body: message.body,
      });
      answers.push(answer.status, await answer.json());
    },
    { mode },
  );
const event = (id) =>
  new CloudEvent({
    id,
    source: "/app",
    type: "workbench.draft_created",
    time: new Date(moment).toISOString(),
    sessionid: "s-1",
    data: { source: "chat", draftId: "d-1" },
  });
await emit(Mode.BINARY)(event("e-1"));
await emit(Mode.STRUCTURED)(event("e-2"));
console.log(JSON.stringify(answers));

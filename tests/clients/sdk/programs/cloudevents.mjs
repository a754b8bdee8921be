// The CloudEvents SDK of JavaScript, in binary and in structured mode. Arguments: the portal's address, a key, a moment.
import { CloudEvent, Mode, emitterFor } from "cloudevents";

const [host, key, moment] = process.argv.slice(2);
const send = async (message) => {
  const headers = { ...message.headers, Authorization: `Bearer ${key}` };
  const answer = await fetch(`${host}/api/workbench/telemetry`, { method: "POST", headers, body: message.body });
  if (!answer.ok) throw new Error(await answer.text());
};
const given = { source: "/app", type: "workbench.draft_created", data: { source: "chat", draftId: "d-1" } };
const first = new CloudEvent({ ...given, sessionid: "s-1", time: new Date(moment).toISOString() });
await emitterFor(send, { mode: Mode.BINARY })(first);
await emitterFor(send, { mode: Mode.STRUCTURED })(new CloudEvent({ ...given, sessionid: "s-2" }));

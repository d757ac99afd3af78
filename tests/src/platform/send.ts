/** Returns an event as a probe sends it, with the current time; `fields` replace or add fields. */
export const eventOf = (nodeId: string, fields: Readonly<Record<string, unknown>> = {}) => ({
  node_id: nodeId,
  country: "GH",
  region: "Greater Accra",
  latency_ms: 42.75,
  uptime_pct: 99.9,
  packet_loss: 0.5,
  timestamp: new Date().toISOString(),
  ...fields,
});

/**
 * Sends one event.
 * @param event a JSON value
 */
export const push = (gatewayUrl: string, event: object): Promise<Response> =>
  fetch(`${gatewayUrl}/api/push`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(event),
  });

/**
 * Sends one event, which has to be accepted.
 * @returns its event_id
 */
export async function pushAccepted(gatewayUrl: string, event: object): Promise<string> {
  const answer = await push(gatewayUrl, event);
  const body = (await answer.json()) as { event_id?: string };
  if (answer.status !== 202 || body.event_id === undefined) {
    throw new Error(`the event was not accepted: ${answer.status} ${JSON.stringify(body)}`);
  }
  return body.event_id;
}
